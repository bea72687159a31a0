"""What a venue may do to its engine: close instruments, lock portfolios, fence a portfolio whole, empty books."""

import pytest

from codec.layout import CancelReason, MassQuoteRejectReason, OrderRejectReason, ProductType, QuoteStatus, Side
from gateway.engine import Engine, InstrumentState
from gateway.engine_types import CanceledOrder, InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec
from gateway.invariants import check
from gateway.limits import API_KEYS_MAX, INSTRUMENTS_MAX, PORTFOLIOS_MAX
from gateway.probe import EngineProbe
from gateway.venue import Venue

ONE = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL
FUTURE, OTHER = 7, 8
GROUP = 3
# Owners 0 and 1 share a portfolio; owner 2 has one of its own.
MAKER, MATE, STRANGER = 0, 1, 2
OPEN, HALTED, DEACTIVATED = InstrumentState
NO_REASON = -128


def spec(instrument_id: int, **limits: int) -> InstrumentSpec:
    return InstrumentSpec(id=instrument_id, tick_size=ONE, lot_size=ONE, product_type=ProductType.FUTURES, **limits)


@pytest.fixture
def probe() -> EngineProbe:
    return EngineProbe(
        Engine(
            [spec(FUTURE), spec(OTHER)],
            [PortfolioSpec(id=1, max_open_orders=100), PortfolioSpec(id=2, max_open_orders=100)],
            [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)],
            1000,
            mmp_groups=[MmpGroupSpec(portfolio=0, id=GROUP, quantity_limit=None)],
        )
    )


@pytest.fixture
def venue(probe: EngineProbe) -> Venue:
    return Venue(probe.engine)


def place(
    probe: EngineProbe, owner: int, client_order_id: int, side: Side = BUY, price: int = 100, **fields: object
) -> tuple[str, int, str]:
    """An order of 1; its status, reject reason and details."""
    instrument_id = int(fields.pop("instrument_id", FUTURE))  # type: ignore[call-overload]
    told = probe.enter(owner, client_order_id, instrument_id, side, price * ONE, ONE, **fields)  # type: ignore[arg-type]
    check(probe.engine)
    return told.status, told.reject_reason, told.details


def entry(client_order_id: int, order_id: int, reason: CancelReason, instrument_id: int = FUTURE) -> CanceledOrder:
    return CanceledOrder(client_order_id, order_id, instrument_id, (0, -9), reason, 0)


ACCEPTED = ("accepted", 0, "")


# What may be entered.


@pytest.mark.parametrize(("state", "word"), [(HALTED, "halted"), (DEACTIVATED, "deactivated")])
def test_nothing_is_entered_into_an_instrument_that_is_closed(
    probe: EngineProbe, venue: Venue, state: InstrumentState, word: str
) -> None:
    venue.set_instrument_state(0, state)
    assert place(probe, MAKER, 1) == (
        "rejected",
        OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE,
        f"instrument {FUTURE} is {word}",
    )
    assert place(probe, MAKER, 1, instrument_id=OTHER) == ACCEPTED
    assert venue.instrument_state(0) == state
    venue.set_instrument_state(0, OPEN)
    assert place(probe, MAKER, 2) == ACCEPTED


def test_what_rests_in_a_halted_instrument_stays_and_may_be_cancelled(probe: EngineProbe, venue: Venue) -> None:
    place(probe, MAKER, 1)
    place(probe, MAKER, 2)
    venue.set_instrument_state(0, HALTED)
    assert probe.cancel(MAKER, 1, FUTURE).status == "accepted"
    assert probe.cancel_by_id(MATE, 2, FUTURE).status == "accepted"


def test_a_locked_portfolio_enters_nothing_and_another_does(probe: EngineProbe, venue: Venue) -> None:
    venue.set_locked(0, True)
    for owner in (MAKER, MATE):
        assert place(probe, owner, 1) == ("rejected", OrderRejectReason.PORTFOLIO_LOCKED, "portfolio 1 is locked")
    assert place(probe, STRANGER, 1) == ACCEPTED
    assert (venue.is_locked(0), venue.is_locked(1)) == (True, False)
    venue.set_locked(0, False)
    assert place(probe, MAKER, 1) == ACCEPTED


def test_an_unknown_instrument_is_told_before_the_lock_and_the_lock_before_the_halt(
    probe: EngineProbe, venue: Venue
) -> None:
    venue.set_locked(0, True)
    venue.set_instrument_state(0, HALTED)
    assert place(probe, MAKER, 1, instrument_id=9)[1] == OrderRejectReason.INVALID_INSTRUMENT
    assert place(probe, MAKER, 1)[1] == OrderRejectReason.PORTFOLIO_LOCKED
    venue.set_locked(0, False)
    assert place(probe, MAKER, 1, BUY, 0)[1] == OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE


def test_a_mass_quote_of_a_locked_portfolio_is_refused_whole(probe: EngineProbe, venue: Venue) -> None:
    venue.set_locked(0, True)
    side = (100 * ONE, ONE, 0)
    told = probe.mass_quote(MAKER, 501, GROUP, [(FUTURE, side, (None, 0, 0))])
    assert (told.status, told.reject_reason, told.details) == (
        "rejected",
        MassQuoteRejectReason.PORTFOLIO_LOCKED,
        "portfolio 1 is locked",
    )


def test_quotes_of_a_halted_instrument_are_rejected_by_side_and_those_that_stood_may_go(
    probe: EngineProbe, venue: Venue
) -> None:
    bid, ask, nothing = (99 * ONE, ONE, 0), (101 * ONE, ONE, 0), (None, 0, 0)
    probe.mass_quote(MAKER, 501, GROUP, [(FUTURE, bid, ask)])
    venue.set_instrument_state(0, HALTED)
    (quote,) = probe.mass_quote(MAKER, 502, GROUP, [(FUTURE, bid, nothing)]).quotes
    assert [(side.status, side.reject_reason) for side in (quote.bid, quote.ask)] == [
        (QuoteStatus.CANCELED_BY_REQUEST, OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE),
        (QuoteStatus.CANCELED_BY_REQUEST, NO_REASON),
    ]
    assert probe.owner_counts(MAKER) == (0, 0, 0)


def test_amends_are_rejected_like_new_orders(probe: EngineProbe, venue: Venue) -> None:
    place(probe, MAKER, 1)
    place(probe, STRANGER, 2)
    venue.set_instrument_state(0, HALTED)
    told = probe.amend(STRANGER, 2, FUTURE, 100 * ONE, 2 * ONE)
    assert (told.reject_reason, told.details) == (
        OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE,
        f"instrument {FUTURE} is halted",
    )
    venue.set_locked(0, True)
    told = probe.amend(MAKER, 1, FUTURE, 100 * ONE, 2 * ONE)
    assert (told.reject_reason, told.details) == (OrderRejectReason.PORTFOLIO_LOCKED, "portfolio 1 is locked")


# The fence of a portfolio.


def test_the_fence_of_a_portfolio_kills_every_order_of_it_covered_or_not(probe: EngineProbe) -> None:
    place(probe, MAKER, 1)
    place(probe, MAKER, 2, covered=False)
    place(probe, MATE, 3)
    place(probe, STRANGER, 4)
    assert probe.fence_portfolio(0) == 3
    check(probe.engine)
    assert [probe.owner_counts(owner) for owner in (MAKER, MATE, STRANGER)] == [(0, 0, 2), (0, 0, 1), (1, 1, 0)]
    assert (probe.portfolio_open(0), probe.portfolio_open(1)) == (0, 1)
    assert probe.cancel(MATE, 2, FUTURE).status == "rejected"
    assert [order.order_id for order in probe.resting(FUTURE, BUY)] == [4]


def test_orders_entered_after_the_fence_of_their_portfolio_live(probe: EngineProbe) -> None:
    place(probe, MAKER, 1)
    probe.fence_portfolio(0)
    assert place(probe, MAKER, 1) == ACCEPTED
    assert probe.owner_counts(MAKER) == (1, 1, 1)
    assert probe.fence_portfolio(0) == 1
    assert probe.owner_counts(MAKER) == (0, 0, 2)


def test_the_drain_takes_the_covered_and_the_others_from_lists_of_their_own(probe: EngineProbe) -> None:
    for client_order_id, covered in ((1, False), (2, True), (3, False), (4, True)):
        place(probe, MAKER, client_order_id, covered=covered)
    probe.fence_portfolio(0)
    place(probe, MAKER, 5)
    place(probe, MAKER, 6, covered=False)
    reason = CancelReason.PORTFOLIO_LOCKED
    assert probe.drain(MAKER, 1, reason) == [entry(2, 2, reason)]
    check(probe.engine)
    assert probe.drain(MAKER, 9, reason, covered=False) == [entry(1, 1, reason), entry(3, 3, reason)]
    assert probe.drain(MAKER, 9, reason) == [entry(4, 4, reason)]
    check(probe.engine)
    assert probe.owner_counts(MAKER) == (2, 1, 0)


def test_a_fence_of_the_owner_after_that_of_its_portfolio_kills_only_what_lived(probe: EngineProbe) -> None:
    place(probe, MAKER, 1)
    probe.fence_portfolio(0)
    place(probe, MAKER, 2)
    assert probe.fence(MAKER, 1) == 1
    assert probe.owner_counts(MAKER) == (0, 0, 2)
    check(probe.engine)


def test_a_taker_meets_no_order_of_a_fenced_portfolio(probe: EngineProbe) -> None:
    place(probe, MAKER, 1, SELL)
    place(probe, STRANGER, 2, SELL)
    probe.fence_portfolio(0)
    told = probe.enter(STRANGER, 3, FUTURE, BUY, 100 * ONE, ONE)
    assert ([event.order_id for event in told.events], told.dead_met) == ([2], 1)


# Books that empty.


def test_a_book_empties_bids_first_best_first_in_pieces(probe: EngineProbe, venue: Venue) -> None:
    for client_order_id, (owner, side, price) in enumerate(
        [(MAKER, BUY, 98), (STRANGER, SELL, 101), (MATE, BUY, 99), (MAKER, SELL, 102), (MAKER, BUY, 99)], 1
    ):
        place(probe, owner, client_order_id, side, price)
    place(probe, MAKER, 6, instrument_id=OTHER)
    reason = CancelReason.BOOK_DEACTIVATED
    told = []
    while venue.leave_book(0, 2, reason):
        told.append(probe.take_leaving(10))
        check(probe.engine)
    assert told == [
        [(MATE, [entry(3, 3, reason)]), (MAKER, [entry(5, 5, reason)])],
        [(MAKER, [entry(1, 1, reason)]), (STRANGER, [entry(2, 2, reason)])],
        [(MAKER, [entry(4, 4, reason)])],
    ]
    assert [probe.owner_counts(owner) for owner in (MAKER, MATE, STRANGER)] == [(1, 1, 0), (0, 0, 0), (0, 0, 0)]


def test_dead_orders_leave_an_emptied_book_for_the_drain_to_tell_of(probe: EngineProbe, venue: Venue) -> None:
    place(probe, MAKER, 1)
    place(probe, MATE, 2)
    probe.fence(MAKER, 1)
    assert venue.leave_book(0, 10, CancelReason.BOOK_DEACTIVATED) == 2
    assert probe.take_leaving(10) == [(MATE, [entry(2, 2, CancelReason.BOOK_DEACTIVATED)])]
    check(probe.engine)
    assert probe.drain(MAKER, 10) == [entry(1, 1, CancelReason.CLIENT_DISCONNECT)]
    check(probe.engine)


# What is added and changed.


def test_what_is_added_can_be_used_at_once(probe: EngineProbe, venue: Venue) -> None:
    assert venue.add_instrument(spec(9)) == 2
    assert venue.add_portfolio(PortfolioSpec(id=3, max_open_orders=1)) == 2
    assert venue.add_owner(OwnerSpec(portfolio=2)) == 3
    assert (venue.find_instrument(9), venue.find_instrument(10)) == (2, None)
    assert place(probe, 3, 1, instrument_id=9) == ACCEPTED
    assert place(probe, 3, 2, instrument_id=9)[1] == OrderRejectReason.TOO_MANY_OPEN_ORDERS
    assert (venue.owner_open(3), venue.portfolio_open(2)) == ((1, 1), 1)
    venue.set_max_open_orders(2, 2)
    assert place(probe, 3, 2, instrument_id=9) == ACCEPTED


def test_limits_change_for_what_is_entered_and_leave_alone_what_rests(probe: EngineProbe, venue: Venue) -> None:
    place(probe, MAKER, 1)
    venue.set_limits(0, spec(FUTURE, min_price=101 * ONE, max_price=103 * ONE, max_order_quantity=ONE))
    assert place(probe, MAKER, 2)[1] == OrderRejectReason.PRICE_TOO_LOW
    assert place(probe, MAKER, 2, BUY, 104)[1] == OrderRejectReason.PRICE_TOO_HIGH
    assert probe.owner_counts(MAKER) == (1, 1, 0)
    venue.set_limits(0, spec(FUTURE))
    assert place(probe, MAKER, 2) == ACCEPTED


def test_what_cannot_be_added_changes_nothing(probe: EngineProbe, venue: Venue) -> None:
    with pytest.raises(ValueError, match=f"instrument {FUTURE}: given twice"):
        venue.add_instrument(spec(FUTURE))
    with pytest.raises(ValueError, match="owner 3: portfolio wanted below 2, was 2"):
        venue.add_owner(OwnerSpec(portfolio=2))
    check(probe.engine)
    assert venue.add_instrument(spec(9)) == 2
    assert venue.add_owner(OwnerSpec(portfolio=1)) == 3


def test_as_much_as_the_limits_say_can_be_added_and_no_more(venue: Venue) -> None:
    for instrument_id in range(100, 100 + INSTRUMENTS_MAX - 2):
        venue.add_instrument(spec(instrument_id))
    with pytest.raises(ValueError, match=f"instruments: wanted at most {INSTRUMENTS_MAX}"):
        venue.add_instrument(spec(9))
    for portfolio_id in range(100, 100 + PORTFOLIOS_MAX - 2):
        venue.add_portfolio(PortfolioSpec(id=portfolio_id, max_open_orders=1))
    with pytest.raises(ValueError, match=f"portfolios: wanted at most {PORTFOLIOS_MAX}"):
        venue.add_portfolio(PortfolioSpec(id=9, max_open_orders=1))
    for _ in range(API_KEYS_MAX - 3):
        venue.add_owner(OwnerSpec(portfolio=PORTFOLIOS_MAX - 1))
    with pytest.raises(ValueError, match=f"owners: wanted at most {API_KEYS_MAX}"):
        venue.add_owner(OwnerSpec(portfolio=0))
    assert venue.find_instrument(100 + INSTRUMENTS_MAX - 3) == INSTRUMENTS_MAX - 1


def test_an_index_that_there_is_not_is_refused(venue: Venue) -> None:
    for call in (
        lambda: venue.instrument_state(2),
        lambda: venue.set_instrument_state(2, HALTED),
        lambda: venue.set_limits(2, spec(9)),
        lambda: venue.leave_book(2, 1, 11),
    ):
        with pytest.raises(IndexError, match="instrument: wanted below 2, was 2"):
            call()
    for call in (
        lambda: venue.is_locked(2),
        lambda: venue.set_locked(2, True),
        lambda: venue.portfolio_open(2),
        lambda: venue.set_max_open_orders(2, 1),
    ):
        with pytest.raises(IndexError, match="portfolio: wanted below 2, was 2"):
            call()
    with pytest.raises(IndexError, match="owner: wanted below 3, was 3"):
        venue.owner_open(3)
