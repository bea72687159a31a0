"""Mass cancels: which orders and quotes a filter finds, and who is told what, in whole frames."""

from typing import Any

import pytest
from support.core_driver import (
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    nine,
    orders_canceled,
    quantity,
)

from codec.layout import CancelReason, MassCancelRejectReason, ProductType, Side

BY_REQUEST = CancelReason.BY_REQUEST
GROUPS = "".join(
    f"[[mmp_group]]\nid = {number}\nportfolio = {portfolio}\n"
    'quantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000\n'
    for number, portfolio in ((7, 1), (8, 1), (9, 2))
)
# Instruments 1 and 2 are futures of the pairs 1 and 2; here are two more of pair 1.
MORE_INSTRUMENTS = "".join(
    f'[[instrument]]\nid = {number}\nsymbol = "X-{number}"\ncurrency_pair_id = 1\nproduct_type = "{kind}"\n'
    'tick_size = "0.5"\nlot_size = "0.001"\n'
    for number, kind in ((3, "options"), (4, "spot"))
)


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver(configuration(extra=GROUPS + MORE_INSTRUMENTS))


def quotes(line: Line, quote_id: int, *entries: tuple[int, float, float], group: int = 7) -> None:
    """Quote 1 on both sides of each (instrument, bid, ask)."""
    line.send(
        "MassQuoteRequest",
        quote_id=quote_id,
        mmp_group_id=group,
        quotes=[
            {
                "instrument_id": instrument_id,
                "bid_price": nine(bid),
                "ask_price": nine(ask),
                "bid_qty": quantity(1),
                "ask_qty": quantity(1),
            }
            for instrument_id, bid, ask in entries
        ],
    )


def cancel(line: Line, **filters: Any) -> list[tuple[str, dict[str, Any]]]:
    """Send MassCancelRequest and read what it brings."""
    line.read()
    line.send("MassCancelRequest", **({"correlation_id": 99, "side": Side.BOTH} | filters))
    return [(name, fields) for _, name, fields in line.read()]


def response(exec_id: int, count: int) -> tuple[str, dict[str, Any]]:
    return (
        "MassCancelResponse",
        {
            "timestamp": START,
            "exec_id": exec_id,
            "correlation_id": 99,
            "receive_time": START,
            "total_order_count": count,
        },
    )


def reject(exec_id: int, reason: int, details: str) -> tuple[str, dict[str, Any]]:
    return (
        "MassCancelReject",
        {"timestamp": START, "exec_id": exec_id, "correlation_id": 99, "reason": reason, "details": details},
    )


def told(exec_id: int, *orders: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "OrdersCanceled", orders_canceled(exec_id, list(orders))


def gone(client_order_id: int, order_id: int, instrument_id: int = 1, *, quote: bool = False) -> dict[str, Any]:
    return canceled(client_order_id, order_id, reason=BY_REQUEST, instrument_id=instrument_id, flags=int(quote))


def a_book_of_everything(maker: Line) -> None:
    """Order ids 1 to 12: a bid and an ask in each instrument, 1 to 4, then quotes in 1 and 2 (9 and 10, 11 and 12)."""
    for instrument_id in (1, 2, 3, 4):
        maker.order(instrument_id * 10 + 1, instrument_id=instrument_id, price=nine(90))
        maker.order(instrument_id * 10 + 2, instrument_id=instrument_id, price=nine(110), side=Side.SELL)
    quotes(maker, 501, (1, 91, 109), (2, 91, 109))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"instrument_id": 1}, {1, 2, 9, 10}),
        ({"instrument_id": 3}, {5, 6}),
        ({"currency_pair_id": 1}, {1, 2, 5, 6, 7, 8, 9, 10}),
        ({"currency_pair_id": 2}, {3, 4, 11, 12}),
        ({"currency_pair_id": 1, "side": Side.BUY}, {1, 5, 7, 9}),
        ({"currency_pair_id": 1, "side": Side.SELL}, {2, 6, 8, 10}),
        ({"currency_pair_id": 1, "product_type": ProductType.FUTURES}, {1, 2, 9, 10}),
        ({"currency_pair_id": 1, "product_type": ProductType.OPTIONS}, {5, 6}),
        ({"currency_pair_id": 1, "product_type": ProductType.SPOT, "side": Side.SELL}, {8}),
        ({"currency_pair_id": 1, "product_type": ProductType.COMBO_FUTURES}, set()),
        ({"currency_pair_id": 1, "instrument_id": 3, "side": Side.BUY}, {5}),
        ({"currency_pair_id": 2, "instrument_id": 3}, set()),
        ({"instrument_id": 3, "product_type": ProductType.FUTURES}, set()),
        ({"currency_pair_id": 0}, set()),
        ({"currency_pair_id": 0, "instrument_id": 1}, set()),
        ({"currency_pair_id": 3}, set()),
        ({"instrument_id": 0}, set()),
        ({"instrument_id": 5}, set()),
    ],
)
def test_an_order_goes_when_it_passes_every_filter(
    driver: CoreDriver, filters: dict[str, int], found: set[int]
) -> None:
    maker = driver.logged_on("maker-1")
    a_book_of_everything(maker)

    answer, *cancels = cancel(maker, **filters)

    assert answer == response(10, len(found))
    assert {entry["order_id"] for _, fields in cancels for entry in fields["orders"]} == found
    rest = [*cancel(maker, currency_pair_id=1), *cancel(maker, currency_pair_id=2)]
    left = {entry["order_id"] for _, fields in rest for entry in fields.get("orders", [])}
    assert left == set(range(1, 13)) - found


def test_each_session_hears_of_its_own_and_the_one_that_asked_hears_the_count_first(driver: CoreDriver) -> None:
    maker, mate, stranger = (driver.logged_on(name) for name in ("maker-1", "maker-2", "stranger-1"))
    watch = driver.logged_on("watch-1")
    maker.order(11, price=nine(90))
    mate.order(21, price=nine(91))
    stranger.order(31, price=nine(92))
    quotes(maker, 501, (1, 93, 109))
    mate.order(22, price=nine(110), side=Side.SELL)
    for line in (maker, mate, stranger, watch):
        line.read()

    answer = cancel(mate, instrument_id=1)

    assert answer == [response(6, 5), told(8, gone(21, 2), gone(22, 6))]
    assert [frame[1:] for frame in maker.read()] == [
        told(7, gone(11, 1), gone(501, 4, quote=True), gone(501, 5, quote=True))
    ]
    assert stranger.read() == []
    assert [message.name for message in watch.take()] == ["DropCopyEvent"] * 3
    stranger.order(32, price=nine(89), side=Side.SELL, quantity=quantity(5))
    (_, _, fields), *_ = stranger.read()
    assert [fill["fill_price"] for fill in fields["fills"]] == [nine(92)]


def test_a_filter_without_pair_and_instrument_is_refused(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.order(1)

    details = "wanted a currency pair or an instrument, both are null"
    assert cancel(maker, currency_pair_id=None, instrument_id=None, side=Side.BUY) == [
        reject(2, MassCancelRejectReason.ERROR, details)
    ]
    assert cancel(maker, instrument_id=1)[0] == response(3, 1)


def test_more_than_a_frame_holds_is_told_in_several_of_one_exec_id(driver: CoreDriver) -> None:
    maker, mate = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in range(1869):
        mate.order(number + 1)
    mate.read()

    assert cancel(maker, instrument_id=1) == [response(1870, 1869)]

    parts = [(name, fields["exec_id"], fields["flags"], len(fields["orders"])) for _, name, fields in mate.read()]
    assert parts == [("OrdersCanceled", 1871, 0, 1868), ("OrdersCanceled", 1871, 1, 1)]


def test_the_fence_and_a_mass_cancel_never_tell_of_the_same_order(driver: CoreDriver) -> None:
    maker, mate = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    maker.order(1)
    quotes(maker, 501, (1, 90, 110))
    maker.lose()

    assert cancel(mate, instrument_id=1) == [response(4, 0)]
    mate.send("MassQuoteCancelRequest", correlation_id=99, mmp_group_id=7)
    assert [frame[1:] for frame in mate.read()] == [response(5, 0)]

    driver.settle()
    assert driver.ends() == [("maker-1", "TCP_RESET", 3)]


# The quotes of a group.


@pytest.mark.parametrize(("side", "found"), [(Side.BOTH, {2, 3, 4, 5}), (Side.BUY, {2, 4}), (Side.SELL, {3, 5})])
def test_the_quotes_of_a_group_go_by_side_and_no_orders_with_them(
    driver: CoreDriver, side: Side, found: set[int]
) -> None:
    maker, mate = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    maker.order(1, price=nine(90))
    quotes(maker, 501, (1, 91, 109), (2, 91, 109))
    quotes(maker, 502, (1, 91, 109), group=8)
    maker.read()

    mate.send("MassQuoteCancelRequest", correlation_id=99, mmp_group_id=7, side=side)

    assert [frame[1:] for frame in mate.read()] == [response(4, len(found))]
    ((_, name, fields),) = maker.read()
    assert (name, fields["exec_id"], fields["flags"]) == ("OrdersCanceled", 5, 1)
    assert {entry["order_id"]: entry for entry in fields["orders"]} == {
        number: gone(501, number, 1 if number < 4 else 2, quote=True) for number in found
    }


def test_the_one_that_asked_hears_of_its_own_quotes_too(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    quotes(maker, 501, (1, 91, 109))
    maker.read()

    maker.send("MassQuoteCancelRequest", correlation_id=99, mmp_group_id=7)

    assert [frame[1:] for frame in maker.read()] == [
        response(2, 2), told(3, gone(501, 1, quote=True), gone(501, 2, quote=True)),
    ]  # fmt: skip
    maker.send("MassQuoteCancelRequest", correlation_id=99, mmp_group_id=7)
    assert [frame[1:] for frame in maker.read()] == [response(4, 0)]


@pytest.mark.parametrize("group", [0, 9, 10])
def test_a_group_that_the_portfolio_does_not_have_is_refused(driver: CoreDriver, group: int) -> None:
    maker = driver.logged_on("maker-1")

    maker.send("MassQuoteCancelRequest", correlation_id=99, mmp_group_id=group)

    details = f"mmp group {group} is not one of the portfolio"
    assert [frame[1:] for frame in maker.read()] == [reject(1, MassCancelRejectReason.INVALID_MMP_GROUP, details)]
