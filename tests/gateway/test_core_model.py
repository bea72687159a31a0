"""Random inputs to the core and to the naive gateway: every frame, number and count must be the same."""

from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from support.core_walk import CoreWalk, walk

STEPS = 400


class CoreMachine(RuleBasedStateMachine):
    """One rule, whose choices are hypothesis's: it finds the shortest way to a difference."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.drawn: st.DataObject | None = None
        self.pair = CoreWalk(self.choose, **self.options)

    def choose(self, options: Any) -> Any:
        # Without a draw at hand it is the end of the run, where there is only one way to go on.
        assert self.drawn is not None
        return self.drawn.draw(st.sampled_from(options))

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        self.drawn = data
        self.pair.act()

    def teardown(self) -> None:
        self.pair.finish()


class RefusingCoreMachine(CoreMachine):
    options: ClassVar[dict[str, Any]] = {"refuse_duplicates": True, "strict": False}


class LenientCoreMachine(CoreMachine):
    """Lost lines are given time, but not again and again."""

    options: ClassVar[dict[str, Any]] = {"cancel_grace_ms": 5_000, "flap_losses": 2}


class ByOrderCoreMachine(CoreMachine):
    """Cancelled on disconnect is what is flagged, or entered while the cover is switched on."""

    options: ClassVar[dict[str, Any]] = {"cancel_on_disconnect": "order", "cancel_grace_ms": 5_000}


class BySessionCoreMachine(CoreMachine):
    """The same, and what Logon has asked for."""

    options: ClassVar[dict[str, Any]] = {"cancel_on_disconnect": "session"}


CoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
RefusingCoreMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=50, deadline=None)
LenientCoreMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
ByOrderCoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=50, deadline=None)
BySessionCoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=50, deadline=None)
TestCoreStepByStep = CoreMachine.TestCase
TestByOrderCoreStepByStep = ByOrderCoreMachine.TestCase
TestBySessionCoreStepByStep = BySessionCoreMachine.TestCase
TestRefusingCoreStepByStep = RefusingCoreMachine.TestCase
TestLenientCoreStepByStep = LenientCoreMachine.TestCase


@pytest.mark.parametrize("seed", range(12))
def test_a_long_walk_finds_no_difference(seed: int) -> None:
    walk(seed, STEPS)
