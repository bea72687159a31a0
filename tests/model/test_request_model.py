"""The short form of the long run (tests/model/run.py): a thousand requests a step, everything compared."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model.request_model import REQUESTS_PER_STEP, RequestModel, play_world
from support.random_requests import REQUESTS


class RequestMachine(RuleBasedStateMachine):
    """Each step is a thousand requests by a seed of its own; what happens between the steps is hypothesis's choice."""

    @initialize(scope=st.sampled_from([None, None, "portfolio", "api_key"]), seed=st.integers(0, 2**32))
    def begin(self, scope: str | None, seed: int) -> None:
        self.model = RequestModel(random.Random(seed).choice, scope)

    @rule(seed=st.integers(0, 2**32))
    def play(self, seed: int) -> None:
        self.model.choose = random.Random(seed).choice
        self.model.play(REQUESTS_PER_STEP)

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        self.model.choose = lambda options: data.draw(st.sampled_from(options))
        self.model.act()

    def teardown(self) -> None:
        self.model.choose = random.Random(0).choice
        self.model.finish()


RequestMachine.TestCase.settings = settings(max_examples=4, stateful_step_count=4, deadline=None)
TestRequestsStepByStep = RequestMachine.TestCase


@pytest.mark.parametrize("seed", range(3, 6))
def test_thousands_of_random_requests_find_no_difference(seed: int) -> None:
    sent = play_world(seed, 2 * REQUESTS_PER_STEP)
    assert sent.total() == 2 * REQUESTS_PER_STEP
    assert sent.keys() == REQUESTS.keys()


def test_a_world_is_the_same_however_often_it_is_compared() -> None:
    assert play_world(1, 300, compare_every=1) == play_world(1, 300)
