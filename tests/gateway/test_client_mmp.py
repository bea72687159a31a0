"""Market-maker protection as a session of the client library is told of it, by a peer made of the reference codec."""

import pytest
from support.quoting import GROUP, cancel_of, quote
from support.session import START, plain, ready

from codec.layout import CancelReason, MmpTriggerType
from gateway.client_state import RequestState

PAIR = 3
UNTIL = START + 1_000_000_000
LEVELS = {"quantity_level": 10.5, "delta_level": 0.25, "vega_level": 1.5}


def test_a_group_that_was_triggered_is_frozen_and_its_quotes_are_over() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    frame = peer.says("MassQuoteMmpTriggered", mmp_group_id=GROUP, frozen_until=UNTIL, trigger=1, **LEVELS)
    triggered = {"mmp_group_id": GROUP, "frozen_until_ns": UNTIL, "trigger": MmpTriggerType.DELTA, **LEVELS}
    assert plain(core.received(START, frame)) == [("MassQuoteMmpTriggered", triggered)]
    assert (core.freezes.quotes, core.freezes.orders) == ({GROUP: UNTIL}, {})
    ends = [cancel_of(held, reason=CancelReason.MM_PROTECTION) for held in (bid, ask)]
    assert plain(core.received(START, peer.says("OrdersCanceled", orders=ends))) == [
        ("QuoteCanceled", {"quote": 10, "reason": CancelReason.MM_PROTECTION}),
        ("QuoteCanceled", {"quote": 11, "reason": CancelReason.MM_PROTECTION}),
    ]
    assert core.quotes.live == {}


def test_a_currency_pair_that_was_triggered_is_frozen() -> None:
    core, peer = ready()
    frame = peer.says("OrdersMmpTriggered", currency_pair_id=PAIR, frozen_until=UNTIL, trigger=2, **LEVELS)
    triggered = {"currency_pair_id": PAIR, "frozen_until_ns": UNTIL, "trigger": MmpTriggerType.VEGA, **LEVELS}
    assert plain(core.received(START, frame)) == [("OrdersMmpTriggered", triggered)]
    assert (core.freezes.quotes, core.freezes.orders) == ({}, {PAIR: UNTIL})


@pytest.mark.parametrize("correlation_id", [None, 12])
def test_what_is_unfrozen_is_not_frozen_by_timer_or_by_request(correlation_id: int | None) -> None:
    core, peer = ready()
    core.received(START, peer.says("MassQuoteMmpTriggered", mmp_group_id=GROUP, frozen_until=UNTIL))
    core.received(START, peer.says("OrdersMmpTriggered", currency_pair_id=PAIR, frozen_until=UNTIL))
    quotes = peer.says("MassQuoteMmpUnfrozen", mmp_group_id=GROUP, correlation_id=correlation_id)
    orders = peer.says("OrdersMmpUnfrozen", currency_pair_id=PAIR, correlation_id=correlation_id)
    assert plain(core.received(START, quotes + orders)) == [
        ("MassQuoteMmpUnfrozen", {"mmp_group_id": GROUP, "correlation_id": correlation_id}),
        ("OrdersMmpUnfrozen", {"currency_pair_id": PAIR, "correlation_id": correlation_id}),
    ]
    assert (core.freezes.quotes, core.freezes.orders) == ({}, {})


@pytest.mark.parametrize(("until", "frozen"), [(UNTIL, {GROUP: UNTIL}), (None, {})])
def test_the_status_of_a_group_is_known_when_it_is_told(until: int | None, frozen: dict[int, int]) -> None:
    core, peer = ready()
    core.received(START, peer.says("MassQuoteMmpTriggered", mmp_group_id=GROUP, frozen_until=1))
    request = core.mass_quote_mmp_status(START, GROUP)
    answer = {"correlation_id": request.correlation_id, "mmp_group_id": GROUP, "frozen_until_time": until}
    (event,) = core.received(START, peer.says("GetMassQuoteMmpStatusResponse", **answer))
    assert plain([event]) == [("MassQuoteMmpStatus", {"mmp_group_id": GROUP, "frozen_until_ns": until, "request": 2})]
    assert (request.state, request.answer, core.freezes.quotes) == (RequestState.ACCEPTED, event, frozen)


@pytest.mark.parametrize(("until", "frozen"), [(UNTIL, {PAIR: UNTIL}), (None, {})])
def test_the_status_of_a_currency_pair_is_known_when_it_is_told(until: int | None, frozen: dict[int, int]) -> None:
    core, peer = ready()
    core.received(START, peer.says("OrdersMmpTriggered", currency_pair_id=PAIR, frozen_until=1))
    request = core.orders_mmp_status(START, PAIR)
    answer = {"correlation_id": request.correlation_id, "currency_pair_id": PAIR, "frozen_until_time": until}
    (event,) = core.received(START, peer.says("GetOrdersMmpStatusResponse", **answer))
    assert plain([event]) == [("OrdersMmpStatus", {"currency_pair_id": PAIR, "frozen_until_ns": until, "request": 2})]
    assert (request.state, core.freezes.orders) == (RequestState.ACCEPTED, frozen)


def test_a_status_may_be_refused() -> None:
    core, peer = ready()
    quotes, orders = core.mass_quote_mmp_status(START, GROUP), core.orders_mmp_status(START, PAIR)
    frames = peer.says("GetMassQuoteMmpStatusReject", correlation_id=quotes.correlation_id, reason=1)
    frames += peer.says("GetOrdersMmpStatusReject", correlation_id=orders.correlation_id, reason=0)
    assert plain(core.received(START, frames)) == [
        ("MmpStatusRejected", {"reason": 1, "request": 2}),
        ("MmpStatusRejected", {"reason": 0, "request": 3}),
    ]
    assert (quotes.state, orders.state) == (RequestState.REJECTED, RequestState.REJECTED)


def test_what_is_frozen_is_not_known_after_messages_were_lost() -> None:
    core, peer = ready()
    core.received(START, peer.says("MassQuoteMmpTriggered", mmp_group_id=GROUP, frozen_until=UNTIL))
    core.received(START, peer.says("OrdersMmpTriggered", currency_pair_id=PAIR, frozen_until=UNTIL))
    core.freezes.doubt()
    assert (core.freezes.quotes, core.freezes.orders) == ({}, {})
