"""Mass quotes on the wire: whole responses and rejects, what others are told, and how long responses are split."""

from typing import Any

import pytest
from support.core_driver import (
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    nine,
    order,
    orders_canceled,
    quantity,
)

from codec import messages
from codec.layout import CancelReason, FillFlags, MassQuoteRejectReason, OrderFlags, QuoteStatus, Side
from codec.values import Decimal72
from gateway.limits import FILLS_PER_ORDER_MAX, FRAME_SIZE_MAX_OUT_BYTES, MASS_QUOTE_RESPONSE_FILLS_MAX

GROUP = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000\n'
MORE_INSTRUMENTS = "".join(
    f'[[instrument]]\nid = {number}\nsymbol = "X-{number}"\ncurrency_pair_id = 1\nproduct_type = "options"\n'
    'tick_size = "0.5"\nlot_size = "0.001"\n'
    for number in range(3, 18)
)
NO_REASON = None


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver(configuration(extra=GROUP + MORE_INSTRUMENTS))


def entry(
    instrument_id: int = 1,
    bid: float | None = None,
    ask: float | None = None,
    bid_qty: float | Decimal72 | None = None,
    ask_qty: float | Decimal72 | None = None,
    **flags: int,
) -> dict[str, Any]:
    """An entry of a MassQuoteRequest: 1 on each side that has a price, unless a quantity is given."""

    def size(price: float | None, wanted: float | Decimal72 | None) -> Decimal72:
        if isinstance(wanted, Decimal72):
            return wanted
        return quantity((price is not None) if wanted is None else wanted)

    return {
        "instrument_id": instrument_id,
        "bid_price": None if bid is None else nine(bid),
        "ask_price": None if ask is None else nine(ask),
        "bid_qty": size(bid, bid_qty),
        "ask_qty": size(ask, ask_qty),
        **flags,
    }


def request(quote_id: int, *entries: dict[str, Any], **changed: Any) -> dict[str, Any]:
    fields = {"quote_id": quote_id, "correlation_id": quote_id + 1_000_000, "mmp_group_id": 7, "quotes": list(entries)}
    return fields | changed


def quote(line: Line, quote_id: int, *entries: dict[str, Any], **changed: Any) -> list[tuple[str, dict[str, Any]]]:
    """Send a mass quote and read what it brings, without numbers."""
    line.read()
    line.send("MassQuoteRequest", **request(quote_id, *entries, **changed))
    return [(name, fields) for _, name, fields in line.read()]


def side(
    status: QuoteStatus,
    order_id: int | None = None,
    price: float | None = None,
    remaining: float = 0,
    filled: float = 0,
    reason: int | None = NO_REASON,
) -> dict[str, Any]:
    """One side of an entry of MassQuoteResponse, without its prefix."""
    return {
        "order_id": order_id,
        "price": None if price is None else nine(price),
        "qty": quantity(remaining),
        "filled_qty": quantity(filled),
        "status": status,
        "reject_reason": reason,
    }


INACTIVE = side(QuoteStatus.INACTIVE)


def told(instrument_id: int, bid: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
    sides = {"bid": bid, "ask": ask}
    return {"instrument_id": instrument_id} | {
        f"{which}_{name}": value for which, terms in sides.items() for name, value in terms.items()
    }


def response(
    exec_id: int,
    quote_id: int,
    *quotes: dict[str, Any],
    bid_fills: list[dict[str, Any]] | None = None,
    ask_fills: list[dict[str, Any]] | None = None,
) -> tuple[str, dict[str, Any]]:
    return (
        "MassQuoteResponse",
        {
            "timestamp": START,
            "exec_id": exec_id,
            "quote_id": quote_id,
            "correlation_id": quote_id + 1_000_000,
            "mmp_group_id": 7,
            "receive_time": START,
            "quotes": list(quotes),
            "bid_fills": bid_fills or [],
            "ask_fills": ask_fills or [],
            "legs": [],
        },
    )


def fill(match_id: int, price: float, filled: float, instrument_id: int = 1) -> dict[str, Any]:
    return {
        "match_id": match_id,
        "instrument_id": instrument_id,
        "fill_price": nine(price),
        "fill_qty": quantity(filled),
    }


def reject(exec_id: int, quote_id: int, reason: int, details: str) -> tuple[str, dict[str, Any]]:
    return (
        "MassQuoteReject",
        {
            "timestamp": START,
            "exec_id": exec_id,
            "quote_id": quote_id,
            "correlation_id": quote_id + 1_000_000,
            "mmp_group_id": 7,
            "reason": reason,
            "details": details,
        },
    )


def test_a_mass_quote_is_answered_entry_by_entry(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")

    assert quote(maker, 501, entry(2, 99, 101, ask_qty=2.5), entry(1, None, 55)) == [
        response(
            1,
            501,
            told(2, side(QuoteStatus.UPDATED, 1, 99, 1), side(QuoteStatus.UPDATED, 2, 101, 2.5)),
            told(1, INACTIVE, side(QuoteStatus.UPDATED, 3, 55, 1)),
        )
    ]
    assert quote(maker, 502, entry(2, 99, 101, ask_qty=1.5), entry(1, None, 56), entry(3)) == [
        response(
            2,
            502,
            told(2, side(QuoteStatus.UNMODIFIED, 1, 99, 1), side(QuoteStatus.QTY_REDUCED, 2, 101, 1.5)),
            told(1, INACTIVE, side(QuoteStatus.UPDATED, 4, 56, 1)),
            told(3, INACTIVE, INACTIVE),
        )
    ]
    assert quote(maker, 503) == [response(3, 503)]


def test_the_flags_of_each_side_are_its_own(driver: CoreDriver) -> None:
    maker, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    stranger.order(1, price=nine(100), side=Side.SELL)
    stranger.order(2, price=nine(99))

    entries = [
        entry(1, 100, 99, bid_flags=OrderFlags.POST_ONLY, ask_flags=OrderFlags.POST_ONLY_REJECT),
        entry(2, 50, 60, bid_flags=OrderFlags.MARKET_LIMIT, ask_flags=OrderFlags.CANCEL_ON_DISCONNECT),
    ]
    assert quote(maker, 501, *entries) == [
        response(
            3,
            501,
            told(1, side(QuoteStatus.UPDATED, 3, 99.5, 1), side(QuoteStatus.INACTIVE, reason=8)),
            told(2, side(QuoteStatus.INACTIVE, reason=2), side(QuoteStatus.UPDATED, 4, 60, 1)),
        )
    ]


def test_fills_of_bids_and_asks_stand_in_their_groups_and_makers_hear_of_theirs(driver: CoreDriver) -> None:
    maker, mate, stranger = (driver.logged_on(name) for name in ("maker-1", "maker-2", "stranger-1"))
    stranger.order(1, price=nine(100), side=Side.SELL)
    stranger.order(2, instrument_id=2, price=nine(40))
    stranger.order(3, instrument_id=2, price=nine(39), quantity=quantity(5))
    mate.order(4, price=nine(100), side=Side.SELL)
    stranger.read()
    mate.read()

    assert quote(maker, 501, entry(2, None, 39, ask_qty=3), entry(1, 100, 102, bid_qty=4)) == [
        response(
            5,
            501,
            told(2, INACTIVE, side(QuoteStatus.FILLED, 5, 39, filled=3)),
            told(1, side(QuoteStatus.UPDATED, 6, 100, 2, 2), side(QuoteStatus.UPDATED, 7, 102, 1)),
            bid_fills=[fill(3, 100, 1), fill(4, 100, 1)],
            ask_fills=[fill(1, 40, 1, 2), fill(2, 39, 2, 2)],
        )
    ]
    filled = [
        (entry["client_order_id"], entry["instrument_id"], entry["match_id"], entry["flags"])
        for _, name, fields in stranger.read()
        for entry in fields["fills"]
        if name == "OrderFilled"
    ]
    full = FillFlags.IS_FULLY_FILLED
    assert filled == [(2, 2, 1, full), (3, 2, 2, 0), (1, 1, 3, full)]
    assert [(name, fields["exec_id"]) for _, name, fields in mate.read()] == [("OrderFilled", 7)]


def test_a_quote_that_is_taken_is_told_with_its_quote_id_and_flag(driver: CoreDriver) -> None:
    maker, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    quote(maker, 501, entry(1, 99, 101))

    stranger.order(1, price=nine(99), side=Side.SELL)

    expected = {
        "client_order_id": 501,
        "order_id": 1,
        "instrument_id": 1,
        "match_id": 1,
        "price": nine(99),
        "fill_qty": quantity(1),
        "total_filled": quantity(1),
        "side": Side.BUY,
        "flags": FillFlags.IS_QUOTE | FillFlags.IS_FULLY_FILLED,
    }
    fills = {"timestamp": START, "exec_id": 3, "fills": [expected], "legs": []}
    assert [frame[1:] for frame in maker.read()] == [("OrderFilled", fills)]


def test_another_session_s_replacement_is_told_after_the_response(driver: CoreDriver) -> None:
    maker, mate = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    quote(maker, 501, entry(1, 99, 101))

    assert quote(mate, 502, entry(1, 98, 101, ask_qty=0)) == [
        response(
            2,
            502,
            told(1, side(QuoteStatus.UPDATED, 3, 98, 1), side(QuoteStatus.CANCELED_BY_REQUEST, 2, 101)),
        )
    ]
    entries = [canceled(501, order_id, reason=CancelReason.BY_REQUEST, flags=1) for order_id in (1, 2)]
    assert [frame[1:] for frame in maker.read()] == [("OrdersCanceled", orders_canceled(3, entries))]


def test_a_session_that_is_gone_has_its_quotes_cancelled_and_told_as_quotes(driver: CoreDriver) -> None:
    maker, mate, watch = driver.logged_on("maker-1"), driver.logged_on("maker-2"), driver.logged_on("watch-1")
    quote(maker, 501, entry(1, 99, 101))
    maker.order(1)
    watch.read()
    maker.lose()

    # Fenced and not drained yet: the place is free, and a new quote takes it.
    assert quote(mate, 601, entry(1, 99, 101)) == [
        response(4, 601, told(1, side(QuoteStatus.UPDATED, 4, 99, 1), side(QuoteStatus.UPDATED, 5, 101, 1)))
    ]
    driver.settle()
    *_, last, _receipt = watch.take()
    frame = last.fields["frame"]
    assert isinstance(frame, bytes)
    inner = messages.decode(frame)
    assert inner.fields["orders"] == [
        canceled(501, 1, flags=1), canceled(501, 2, flags=1), canceled(1, 3),
    ]  # fmt: skip
    assert quote(mate, 602, entry(1, 99, 101))[0][1]["quotes"][0]["bid_status"] == QuoteStatus.UNMODIFIED
    assert driver.ends() == [("maker-1", "TCP_RESET", 3)]


def test_quotes_cannot_be_cancelled_as_orders(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    quote(maker, 501, entry(1, 99, 101))

    maker.send("CancelOrderRequest", client_order_id=501, correlation_id=1, instrument_id=1)
    maker.send("CancelOrderByIdRequest", order_id=1, correlation_id=2, instrument_id=1)

    assert [(name, fields["reason"]) for _, name, fields in maker.read()] == [("CancelOrderReject", 1)] * 2


# Rejects.


@pytest.mark.parametrize(
    ("wrong", "details"),
    [
        (quantity(0.0005), "entry 2, bid quantity 0.0005: wanted 0 or a multiple of the lot size 0.001"),
        (Decimal72(1, -10), "entry 2, bid quantity null: wanted 0 or a multiple of the lot size 0.001"),
        (Decimal72(1, 18), "entry 2, bid quantity null: wanted 0 or a multiple of the lot size 0.001"),
        (Decimal72(-1, 0), "entry 2, bid quantity -1: wanted 0 or a multiple of the lot size 0.001"),
    ],
)
def test_a_bad_quantity_anywhere_refuses_the_whole(driver: CoreDriver, wrong: Decimal72, details: str) -> None:
    maker = driver.logged_on("maker-1")

    assert quote(maker, 501, entry(1, 99, 101), entry(2, 99, 101, bid_qty=wrong)) == [
        reject(1, 501, MassQuoteRejectReason.SYSTEM_ERROR, details)
    ]
    assert quote(maker, 502, entry(1, 99, 101))[0][1]["quotes"][0]["bid_order_id"] == 1


def test_too_many_entries_are_refused(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")

    entries = [entry(number, 99, 101) for number in range(1, 17)]
    assert quote(maker, 501, *entries) == [
        reject(1, 501, MassQuoteRejectReason.TOO_MANY_QUOTES, "16 entries: wanted at most 15")
    ]
    assert len(quote(maker, 502, *entries[1:])[0][1]["quotes"]) == 15


@pytest.mark.parametrize("version", [1, 3, 4, 9, 17])
def test_a_reason_newer_than_the_session_is_mapped(driver: CoreDriver, version: int) -> None:
    maker = driver.connect()
    maker.logon("maker-1", schema_version=version)

    reason = MassQuoteRejectReason.DUPLICATE_INSTRUMENT if version >= 4 else MassQuoteRejectReason.INVALID_INSTRUMENT
    assert quote(maker, 501, entry(1, 99), entry(1, None, 101)) == [
        reject(1, 501, reason, "entry 2: instrument 1 is quoted twice")
    ]


def test_a_group_of_longer_entries_is_read_by_its_own_block_length(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    frame = bytearray(maker.frame("MassQuoteRequest", request(501, entry(1, 99, 101), entry(2, 49, 51))))
    group = 32 + 33
    entries = [bytes(frame[at : at + 46]) + b"new!" for at in (group + 4, group + 50)]
    frame[group:] = (50).to_bytes(2, "little") + (2).to_bytes(2, "little") + b"".join(entries)
    frame[2:4] = len(frame).to_bytes(2, "little")

    maker.raw(bytes(frame))

    ((_, name, fields),) = maker.read()
    assert name == "MassQuoteResponse"
    assert [(said["instrument_id"], said["bid_price"], said["ask_qty"]) for said in fields["quotes"]] == [
        (1, nine(99), quantity(1)), (2, nine(49), quantity(1)),
    ]  # fmt: skip


# The longest responses.


def test_a_response_that_is_too_long_goes_on_in_a_second_frame(driver: CoreDriver) -> None:
    maker, stranger, watch = (driver.logged_on(name) for name in ("maker-1", "stranger-1", "watch-1"))
    bids, asks = 1500, 700
    for number in range(bids):
        stranger.send("NewOrderRequest", **order(number + 1, price=nine(100), quantity=quantity(0.001), side=Side.SELL))
    for number in range(asks):
        stranger.send("NewOrderRequest", **order(2000 + number, instrument_id=2, quantity=quantity(0.001)))
    watch.read()

    entries = [entry(number, 100, 101, bid_qty=2) for number in (1, *range(3, 17))]
    entries[-1] = entry(2, None, 100)
    frames = quote(maker, 501, *entries)

    parts = [(len(fields["quotes"]), len(fields["bid_fills"]), len(fields["ask_fills"])) for _, fields in frames]
    assert parts == [
        (15, bids, MASS_QUOTE_RESPONSE_FILLS_MAX - bids),
        (0, 0, FILLS_PER_ORDER_MAX - MASS_QUOTE_RESPONSE_FILLS_MAX),
    ]
    assert {fields["exec_id"] for _, fields in frames} == {bids + asks + 1}
    fills = [fill for group in ("bid_fills", "ask_fills") for _, fields in frames for fill in fields[group]]
    assert [fill["match_id"] for fill in fills] == list(range(1, FILLS_PER_ORDER_MAX + 1))
    last = frames[0][1]["quotes"][-1]
    assert (last["ask_status"], last["ask_filled_qty"]) == (QuoteStatus.INACTIVE, quantity(0.5))
    copies = [message.fields["frame"] for message in watch.take()]
    assert max(len(copy) for copy in copies if isinstance(copy, bytes)) == FRAME_SIZE_MAX_OUT_BYTES


# Rate limits.


def test_mass_quotes_pay_and_withdrawals_are_never_refused() -> None:
    limits = "[gateway.rate_limit]\nmass_quotes_per_s = 1\nmass_quotes_burst = 2\n"
    driver = CoreDriver(configuration(extra=GROUP + limits))
    maker = driver.logged_on("maker-1")

    assert [quote(maker, number, entry(1, number, 101))[0][0] for number in (97, 98)] == ["MassQuoteResponse"] * 2
    assert quote(maker, 99, entry(1, 99, 101)) == [
        reject(3, 99, MassQuoteRejectReason.RATE_LIMIT, "too many requests: the rate limit's bucket is full")
    ]
    assert quote(maker, 100, entry(1, bid_qty=0, ask_qty=0))[0] == response(
        4,
        100,
        told(1, side(QuoteStatus.CANCELED_BY_REQUEST, 3, 98), side(QuoteStatus.CANCELED_BY_REQUEST, 2, 101)),
    )
    maker.send("MassQuoteCancelRequest", correlation_id=1, mmp_group_id=7)
    maker.order(1)
    assert maker.names() == ["MassCancelResponse", "NewOrderResponse"]
