"""A gateway that crashed and is given its inputs once more is the gateway that never crashed."""

import pytest
from simulation.simulator import Simulation
from support.recorded import RecordingDriver, Replay, state_of

from gateway.cause_policy import CAUSE_POLICY

CLIENTS = 8
RUN_S = 60


@pytest.mark.parametrize("grace_ms", [0, 700])
@pytest.mark.parametrize("seed", range(3))
def test_the_state_after_a_crash_and_a_replay_is_the_state_without_the_crash(seed: int, grace_ms: int) -> None:
    simulation = Simulation(seed, CLIENTS, driver_type=RecordingDriver, drain_step_orders=3, cancel_grace_ms=grace_ms)
    driver = simulation.driver
    assert isinstance(driver, RecordingDriver)
    simulation.run(RUN_S)
    crash_at, state = len(driver.inputs), state_of(driver.core)
    replay = Replay(simulation.config)
    replay.play(driver.inputs[:crash_at])
    assert state_of(replay.driver.core) == state
    # And it goes on as the other one would have.
    simulation.run(RUN_S)
    replay.play(driver.inputs[crash_at:])
    assert state_of(replay.driver.core) == state_of(driver.core)
    assert [line.output for line in replay.lines] == [line.output for line in driver.all_lines]
    assert {cause for _, cause in simulation.ended} <= {cause.name for cause in CAUSE_POLICY}
    assert len(simulation.ended) > 10


def test_another_input_makes_another_state() -> None:
    simulation = Simulation(1, CLIENTS, driver_type=RecordingDriver)
    driver = simulation.driver
    assert isinstance(driver, RecordingDriver)
    simulation.run(RUN_S)
    replay = Replay(simulation.config)
    last = max(number for number, (name, _) in enumerate(driver.inputs) if name == "received")
    replay.play(driver.inputs[:last] + driver.inputs[last + 1 :])
    assert state_of(replay.driver.core) != state_of(driver.core)
