"""Random requests, broken lines and logons of clients around a real core: what each believes to have left is so."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from support.client_walk import ClientWalk, walk

STEPS = 1_500
GRACE_MS = 12_000
"""Time enough to come back, but not always."""


class ClientMachine(RuleBasedStateMachine):
    """One rule, whose choices are hypothesis's: it finds the shortest way to a wrong belief."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: st.DataObject | None = None
        self.walk: ClientWalk | None = None

    def choose(self, options: Any) -> Any:
        assert self.drawn is not None
        return self.drawn.draw(st.sampled_from(options))

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        self.drawn = data
        if self.walk is None:
            self.walk = ClientWalk(self.choose)
        self.walk.act()

    def teardown(self) -> None:
        if self.walk is not None:
            self.walk.check()


ClientMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestClientsStepByStep = ClientMachine.TestCase


@pytest.mark.parametrize("seed", range(12))
def test_clients_on_a_long_walk_believe_what_is_so(seed: int) -> None:
    walk(seed, STEPS)


@pytest.mark.parametrize("seed", range(200, 206))
def test_clients_whose_orders_are_taken_over_believe_what_is_so(seed: int) -> None:
    walker = walk(seed, STEPS, GRACE_MS)
    events = walker.driver.log.events()
    assert any(event["event"] == "orders taken over" and event["orders"] for event in events)


def test_clients_on_their_walks_hear_whatever_can_be_told() -> None:
    heard = set().union(*(walk(seed, STEPS).heard for seed in range(100, 103)))
    assert heard == {
        "AmendRejected",
        "CancelRejected",
        "Disconnected",
        "GapClosed",
        "GapDetected",
        "HeartbeatReceived",
        "LoggedOn",
        "LoggedOut",
        "MassCancelAccepted",
        "MassCancelRejected",
        "MassQuoteAccepted",
        "MassQuoteMmpStatus",
        "MassQuoteMmpTriggered",
        "MassQuoteMmpUnfrozen",
        "MassQuoteRejected",
        "MmpStatusRejected",
        "OptionsAnswered",
        "OrderAccepted",
        "OrderAmended",
        "OrderCanceled",
        "OrderFilled",
        "OrderNotReceived",
        "OrderPlaced",
        "OrderRejected",
        "OrdersMmpStatus",
        "OrdersMmpTriggered",
        "OrdersMmpUnfrozen",
        "QuoteCanceled",
        "QuoteFilled",
        "QuotesPlaced",
        "Receipt",
        "RequestNotReceived",
    }
