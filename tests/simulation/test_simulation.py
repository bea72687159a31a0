"""Simulated days: what holds for every seed, and what silence means to the nanosecond."""

import tracemalloc

import pytest
from simulation.simulator import Simulation
from support.core_driver import SECOND, CoreDriver, Line, configuration

HOUR_S = 3600
DAY_S = 24 * HOUR_S
SEEDS = range(4)
CLIENTS = 12
ORDERS_CANCELED = (310).to_bytes(2, "little")
ALL_CAUSES = {"TCP_CLOSED", "TCP_RESET", "HEARTBEAT_MISSED", "LOGOUT", "DISPLACED"}


# A gateway in use


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_promises_hold(seed: int) -> None:
    simulation = Simulation(seed, CLIENTS)
    simulation.run(150)
    assert {cause for _, cause in simulation.ended} == ALL_CAUSES
    assert sum(simulation.cancelled.values()) > 500
    assert len(simulation.stalls) > 5


def test_in_small_steps_the_promises_hold_too() -> None:
    simulation = Simulation(99, CLIENTS, drain_step_orders=2, resend_depth_bytes=65_536, resend_total_bytes=262_144)
    simulation.run(150)
    assert {cause for _, cause in simulation.ended} == ALL_CAUSES
    assert simulation.driver.core.stored_bytes <= 262_144


def test_the_same_inputs_give_the_same_bytes() -> None:
    digests = []
    for seed in (1, 1, 2):
        simulation = Simulation(seed, CLIENTS)
        simulation.run(60)
        digests.append(simulation.digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_with_grace_the_promises_hold_too(seed: int) -> None:
    simulation = Simulation(seed, CLIENTS, cancel_grace_ms=700)
    simulation.run(150)
    # Who is displaced by a logon without reset is taken over and does not end.
    assert {cause for _, cause in simulation.ended} == ALL_CAUSES
    assert simulation.taken_over > 5
    losses = {event["cause"] for event in simulation.driver.log.events() if event["event"] == "session lost"}
    assert losses == ALL_CAUSES - {"LOGOUT"}


# A quiet day


def test_a_day_of_heartbeats_needs_no_memory() -> None:
    simulation = Simulation(5, 8, interval_s=60, active=False)
    simulation.run(HOUR_S)
    before = simulation.driver.core.stored_bytes
    assert simulation.ended == []
    tracemalloc.start()
    sizes = []
    for _ in range(23):
        simulation.run(HOUR_S)
        for client in simulation.clients.values():
            assert client.line is not None
            client.line.output.clear()
            client.read_to = 0
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert simulation.ended == []
    assert simulation.now - simulation.driver.session("c-0").heard_ns < 60 * SECOND
    assert simulation.driver.core.stored_bytes <= before + 40 * len(simulation.clients)
    assert simulation.driver.session("c-0").expected_number > DAY_S // 60
    assert max(sizes[1:]) - sizes[0] < 64 * 1024, sizes


# Silence to the nanosecond


def silent(driver: CoreDriver, client_id: str = "maker-1") -> Line:
    line = driver.logged_on(client_id)
    line.order(1)
    line.take()
    return line


def what_time_brings(driver: CoreDriver, line: Line, until: int) -> list[tuple[int, list[str]]]:
    """What the line is sent, by the time since now, when every deadline is judged at its very moment."""
    start, told = driver.now, []
    while (due := driver.core.next_deadline) is not None and due <= until:
        driver.now = due
        driver.core.tick(due, due)
        driver.settle()
        if names := line.names():
            told.append((due - start, names))
    return told


@pytest.mark.parametrize(
    ("interval_s", "probe_factor", "lapse_factor"), [(10, 1.2, 1.5), (5, 1.2, 1.5), (1, 1.2, 1.5), (30, 1.0, 3.0)]
)
def test_who_is_silent_is_asked_and_gone_at_the_very_moments(
    interval_s: int, probe_factor: float, lapse_factor: float
) -> None:
    driver = CoreDriver(
        configuration(
            heartbeat_interval_s=interval_s, heartbeat_probe_factor=probe_factor, heartbeat_lapse_factor=lapse_factor
        )
    )
    line = silent(driver)
    interval = interval_s * SECOND
    probe, lapse = round(interval * probe_factor), round(interval * lapse_factor)
    expected = {interval: ["Heartbeat"]} if interval < probe else {}
    expected[probe] = ["TestRequest"]
    spoke = probe + interval
    while spoke < lapse:
        expected[spoke] = ["Heartbeat"]
        spoke += interval
    expected[lapse] = ["OrdersCanceled", "LoggedOut"]
    assert what_time_brings(driver, line, driver.now + 2 * lapse) == sorted(expected.items())
    assert driver.ends() == [("maker-1", "HEARTBEAT_MISSED", 1)]


def test_a_moment_before_nothing_happens() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.tick(10 * SECOND - 1)
    assert line.names() == []
    driver.tick(1)
    assert line.names() == ["Heartbeat"]
    driver.tick(2 * SECOND - 1)
    assert line.names() == []
    driver.tick(1)
    assert line.names() == ["TestRequest"]
    driver.tick(3 * SECOND - 1)
    assert (line.names(), driver.core.is_busy) == ([], False)
    driver.tick(1)
    assert driver.core.is_busy


def test_the_answer_to_a_test_request_is_life() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.tick(12 * SECOND)
    ((_, _, fields),) = line.read()
    driver.now += 3 * SECOND - 1
    line.send("Heartbeat", **fields)
    driver.tick(1)
    assert not driver.core.is_busy
    assert [
        at for at, names in what_time_brings(driver, line, driver.now + 13 * SECOND) if names == ["TestRequest"]
    ] == [12 * SECOND - 1]


def test_half_a_frame_is_no_life() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.now += 11 * SECOND
    line.raw(line.frame("Heartbeat", {"correlation_id": 0})[:39])
    driver.tick(SECOND)
    assert "TestRequest" in line.names()
    driver.tick(3 * SECOND)
    driver.settle()
    assert driver.ends() == [("maker-1", "HEARTBEAT_MISSED", 1)]


def test_a_tick_that_comes_late_does_not_skip_the_test_request() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.tick(100 * SECOND)
    assert line.names() == ["TestRequest"]
    driver.tick(3 * SECOND - 1)
    assert not driver.core.is_busy
    driver.tick(1)
    assert driver.core.is_busy


@pytest.mark.parametrize("stall_s", [2, 5, 60, 3600])
def test_a_stall_of_the_gateway_is_nobodys_silence(stall_s: int) -> None:
    """What has arrived meanwhile is read first; who had nothing to say yet has as much time as before."""
    driver = CoreDriver(configuration({f"c-{n}": (1, "trader") for n in range(200)}))
    lines = [silent(driver, f"c-{n}") if n == 0 else driver.logged_on(f"c-{n}") for n in range(200)]
    driver.tick(9 * SECOND)
    due = driver.core.next_deadline or 0
    driver.now = due + stall_s * SECOND
    driver.core.stalled(stall_s * SECOND)
    for line in lines[1::2]:
        line.send("Heartbeat", correlation_id=0)
    driver.tick()
    assert not driver.core.is_busy
    told = [line.names() for line in lines]
    assert told == [["Heartbeat"]] * 200
    driver.tick(2 * SECOND)
    assert [line.names() for line in lines] == [["TestRequest"] if n % 2 == 0 else [] for n in range(200)]
    driver.tick(3 * SECOND)
    driver.settle()
    assert [client_id for client_id, _, _ in driver.ends()] == [f"c-{n}" for n in range(0, 200, 2)]
    # Who was heard when the gateway went on has nothing to be forgiven.
    driver.tick(7 * SECOND - 1)
    assert [line.names() for line in lines[1::2]] == [["Heartbeat"]] * 100
    driver.tick(1)
    assert [line.names() for line in lines[1::2]] == [["TestRequest"]] * 100
    driver.tick(3 * SECOND - 1)
    assert not driver.core.is_busy
    driver.tick(1)
    driver.settle()
    assert len(driver.ends()) == 200


def test_what_may_have_arrived_during_the_read_pass_is_not_taken_for_silence() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.tick(12 * SECOND)
    assert line.names() == ["TestRequest"]
    # A pass that took a second ends when the client would be gone: that it was silent is known only of its beginning.
    driver.now += 3 * SECOND
    driver.core.tick(driver.now, driver.now - SECOND)
    assert not driver.core.is_busy
    driver.core.tick(driver.now, driver.now)
    assert driver.core.is_busy


def test_who_is_asked_at_the_end_of_a_long_pass_has_all_the_time_to_answer() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.now += 14 * SECOND
    driver.core.tick(driver.now, driver.now - 2 * SECOND)
    assert line.names() == ["TestRequest"]
    driver.tick(3 * SECOND - 1)
    assert not driver.core.is_busy
    driver.tick(1)
    assert driver.core.is_busy


def test_our_own_heartbeat_is_not_late_because_the_gateway_stood_still_before() -> None:
    driver = CoreDriver()
    line = silent(driver)
    driver.tick(6 * SECOND, stall_ns=5 * SECOND)
    driver.tick(4 * SECOND)
    assert line.names() == ["Heartbeat"]


def test_a_stall_does_not_hasten_the_logon_timeout() -> None:
    driver = CoreDriver()
    stranger = driver.connect()
    driver.tick(25 * SECOND, stall_ns=6 * SECOND)
    assert stranger.output == b""
    driver.tick(SECOND - 1)
    assert stranger.output == b""
    driver.tick(1)
    (goodbye,) = stranger.take()
    assert goodbye.fields == {"reason": "no Logon in time"}


def test_a_storm_of_losses_is_told_in_steps_of_limited_size() -> None:
    keys = {f"c-{n}": (1, "trader") for n in range(300)}
    driver = CoreDriver(configuration(keys | {"watch": (1, "drop_copy")}, drain_step_orders=256))
    watcher = driver.logged_on("watch")
    lines = [driver.logged_on(client_id) for client_id in keys]
    for index, line in enumerate(lines):
        for number in range(10):
            line.order(index * 10 + number)
    watcher.take()
    for line in lines:
        line.lose()
    steps = 0
    told: list[int] = []
    while driver.core.is_busy:
        driver.step()
        frames = [event.fields["frame"] for event in watcher.take()]
        cancels = [frame for frame in frames if isinstance(frame, bytes) and frame[4:6] == ORDERS_CANCELED]
        entries = [int.from_bytes(frame[51:53], "little") for frame in cancels]
        assert sum(entries) <= 256
        told += entries
        steps += 1
    assert told == [10] * 300
    assert steps <= 300 * 10 // 256 * 2
