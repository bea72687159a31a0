"""One order that meets thousands: as many fills and as many cancels by self-match prevention as one may cause."""

from support.core_driver import CoreDriver, configuration, nine, quantity

from codec.layout import SelfTradingMode, Side, TimeInForce
from gateway.limits import FILLS_PER_ORDER_MAX

TOKEN = 77
OWN_COUNT = 2_000


def swept() -> tuple[CoreDriver, list[str]]:
    """A core in which the first command of taker maker-2 takes out its portfolio's own orders and fills others'.

    What was said to the maker and the taker, by names.
    """
    driver = CoreDriver(configuration(resend_depth_bytes=65_536))
    maker, stranger, taker = (driver.logged_on(name) for name in ("maker-1", "stranger-1", "maker-2"))
    for number in range(1, OWN_COUNT + 1):
        maker.order(number, side=Side.SELL, self_match_prevention_id=TOKEN)
    for number in range(1, FILLS_PER_ORDER_MAX + 1):
        stranger.order(number, side=Side.SELL)
    for line in (maker, stranger):
        line.take()
    taker.order(
        OWN_COUNT + 1,
        quantity=quantity(FILLS_PER_ORDER_MAX),
        self_match_prevention_id=TOKEN,
        self_trading_mode=SelfTradingMode.CANCEL_MAKER,
        time_in_force=TimeInForce.IOC,
    )
    (response,) = taker.take()
    assert response.name == "NewOrderResponse", response
    assert response.fields["total_filled"] == quantity(FILLS_PER_ORDER_MAX)
    assert len(response.fields["fills"]) == FILLS_PER_ORDER_MAX
    return driver, [*maker.names(), *stranger.names()]


def test_makers_hear_of_it_in_frames_of_limited_size() -> None:
    _, names = swept()
    assert names == ["OrdersCanceled", "OrdersCanceled", "OrderFilled", "OrderFilled"]


def test_the_takers_stream_forgets_the_long_response_in_its_turn() -> None:
    driver, _ = swept()
    stream = driver.session("maker-2").stream
    taker = next(line for line in driver.lines.values() if line.session is driver.session("maker-2"))
    for number in range(10_000, 10_700):
        taker.order(number, price=nine(50))
        taker.take()
    assert 60_000 < stream.stored_bytes <= 65_536
    assert stream.oldest_number > 2
    first, *_ = stream.frames(1, stream.next_number)
    assert int.from_bytes(first[8:16], "little") == stream.oldest_number
