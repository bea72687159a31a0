"""The re-entry barrier: while the orders of a key's former session are taken out, nobody trades under that key.

Each of these scenarios takes out 100,000 orders in small steps, so that the newcomer really has to wait; that the
drain was still under way when something happened to it is checked every time.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xxhash
from support.connection import Connection
from support.frames import Frame, order, response
from support.processes import wait_until
from support.scene import Scene

ORDERS = 100_000
SLOW_STEP_ORDERS = 1
"""The drain takes about a second, and as many frames as orders, which nobody reads."""
READABLE_STEP_ORDERS = 16
LOGON_TIMEOUT_S = 0.2
RECEIPTS = 1
FIRST_CANCEL = ORDERS + 3
"""Behind LogonConf, SessionOptionsResponse and the answers to the orders."""
NEWCOMER_BUFFER_BYTES = 65_536
"""As limits.py has it."""


class Barrier:
    """A key with 100,000 open orders."""

    def __init__(self, scene: Scene, key: str) -> None:
        self.scene = scene
        self.key = key
        self.first_id = 1 + ORDERS * int(key.partition("-")[2])
        self.old = scene.trader(key, scene.process())
        self.old.ask("SessionOptionsRequest", correlationId=1, options=RECEIPTS)
        self.old.repeat_quietly(ORDERS, "NewOrderRequest", **order(self.first_id, price="1"))
        self.old.do("quiet", "1")
        self.bystander = scene.trader(f"{key}-bystander")

    def lose(self) -> None:
        """The line is reset, and the gateway's machine has been told so."""
        self.old.do("reset")
        assert self.old.event()["event"] == "closed"

    def newcomer(self, *, reset: bool = False, number: int = ORDERS + 50) -> Connection:
        """A right logon of the key, which is not answered yet."""
        connection = self.scene.connect()
        connection.send_logon(self.key, reset=reset, framing={"sequenceNumber": number})
        return connection

    def pending(self) -> bool:
        """Whether the former session has not ended yet, after all that was sent to the gateway before has arrived."""
        self.bystander.nothing_more()
        return not [line for line in self.scene.gateway.log if self.is_end(line)]

    def is_end(self, line: dict[str, Any]) -> bool:
        return line["event"] == "session gone" and line["client_id"] == self.key

    def epochs(self) -> list[int]:
        """Of the key's logons and ends in the log."""
        return [line["epoch"] for line in self.scene.gateway.log if line.get("client_id") == self.key]

    def check(self, frames: list[Frame]) -> None:
        """These are the cancels of all the orders, each once and in their order, and the receipt."""
        *cancels, receipt = frames
        entries = [entry for frame in cancels for entry in frame.fields["orders"]]
        assert {frame.name for frame in cancels} == {"OrdersCanceled"}
        assert [entry["clientOrderId"] for entry in entries] == list(range(self.first_id, self.first_id + ORDERS))
        assert [frame.fields["flags"] for frame in cancels] == [0] * (len(cancels) - 1) + [1]
        packed = b"".join(struct.pack("<qqb", entry["orderId"], 0, entry["cancelReason"]) for entry in entries)
        told = {
            "boundCount": ORDERS,
            "cancelledCount": ORDERS,
            "firstSequenceNumber": cancels[0].number,
            "lastSequenceNumber": cancels[-1].number,
            "digest": xxhash.xxh64_intdigest(packed),
        }
        assert receipt.name == "CancelOnDisconnectReceipt"
        assert {name: receipt.fields[name] for name in told} == told

    def resent(self, connection: Connection, first: int, last: int) -> list[Frame]:
        connection.resend(first, last)
        return connection.until(lambda frame: frame.number == last)


KEYS = [f"key-{number}" for number in range(8)]


@pytest.fixture(scope="module")
def large_scenes(tmp_path_factory: pytest.TempPathFactory, client_program: Path) -> Iterator[dict[int, Scene]]:
    """A gateway that takes out few orders a step, and one that takes out more."""
    scenes = {
        step_orders: Scene(
            tmp_path_factory.mktemp("reentry"),
            client_program,
            traders=[*KEYS, *(f"{key}-bystander" for key in KEYS)],
            drop_copies=[],
            max_open_orders=ORDERS + len(KEYS),
            drain_step_orders=step_orders,
            logon_timeout_s=LOGON_TIMEOUT_S,
            slow_consumer_bytes=2**30,  # the orders are sent faster than their answers are read
        )
        for step_orders in (SLOW_STEP_ORDERS, READABLE_STEP_ORDERS)
    }
    yield scenes
    for scene in scenes.values():
        scene.close()


@pytest.fixture(scope="module")
def fresh_large_key() -> Iterator[str]:
    return iter(KEYS)


@pytest.fixture
def barrier(large_scenes: dict[int, Scene], fresh_large_key: Iterator[str]) -> Barrier:
    return Barrier(large_scenes[SLOW_STEP_ORDERS], next(fresh_large_key))


@pytest.fixture
def fast(large_scenes: dict[int, Scene], fresh_large_key: Iterator[str]) -> Barrier:
    return Barrier(large_scenes[READABLE_STEP_ORDERS], next(fresh_large_key))


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "displaced"])
def test_a_newcomer_is_confirmed_after_the_last_cancel_and_what_it_sent_is_done_then(fast: Barrier, lost: bool) -> None:
    if lost:
        fast.lose()
    newcomer = fast.newcomer()
    request = order(fast.first_id, price="2")
    newcomer.order(request)
    assert fast.pending()
    assert newcomer.frames == []
    confirmation, answer = newcomer.take(2)
    assert (confirmation.name, confirmation.header["lastProcessedSeqNo"]) == ("LogonConf", ORDERS + 2)
    # The id of an order that was dead, but not out yet, when it was sent.
    assert answer.plain == response(request, answer.fields["orderId"])
    assert answer.number == confirmation.number + 1
    # Between the last order and LogonConf: the cancels, the receipt, and LoggedOut for who may still read it.
    receipt_number = confirmation.number - (1 if lost else 2)
    fast.check(fast.resent(newcomer, FIRST_CANCEL, receipt_number))


def test_newcomers_that_give_up_are_forgotten_and_the_next_one_waits(barrier: Barrier) -> None:
    barrier.lose()
    gave_up = []
    for way in ("half_close", "close", "reset"):
        newcomer = barrier.newcomer()
        newcomer.order(order(barrier.first_id, price="2"))
        assert barrier.pending()
        newcomer.do(way)
        gave_up.append(newcomer)
    assert barrier.pending()
    last = barrier.newcomer()
    assert barrier.pending()
    assert last.frame("LogonConf").number > FIRST_CANCEL
    last.nothing_more()
    assert [newcomer.frames for newcomer in gave_up] == [[], [], []]
    # One session, its end, and one session: the newcomers were none.
    wait_until(lambda: barrier.epochs() == [1, 1, 2], "the logon of the last newcomer in the log")


def test_a_newcomer_may_be_overtaken_again_and_again_and_the_last_one_gets_in(barrier: Barrier) -> None:
    barrier.lose()
    newcomers = [barrier.newcomer(number=ORDERS + 50 + place) for place in range(5)]
    newcomers[2].order(order(5, price="2"))
    assert barrier.pending()
    for overtaken in newcomers[:-1]:
        assert [(frame.number, *frame.plain) for frame in overtaken.to_the_end()] == [
            (0, "LoggedOut", {"reason": "overtaken by a newer logon of this key"})
        ]
    assert barrier.pending()
    newcomers[-1].frame("LogonConf")
    newcomers[-1].nothing_more()


def test_a_newcomer_that_sends_more_than_its_buffer_holds_breaks_the_protocol(barrier: Barrier) -> None:
    barrier.lose()
    flood = barrier.newcomer()
    flood.repeat(NEWCOMER_BUFFER_BYTES // 40 + 1, "TestRequest", correlationId=1)
    assert [(frame.number, *frame.plain) for frame in flood.to_the_end()] == [
        (0, "LoggedOut", {"reason": "too many bytes before LogonConf"})
    ]
    assert barrier.pending()
    next_one = barrier.newcomer()
    next_one.frame("LogonConf")
    next_one.nothing_more()


def test_the_logon_timeout_of_a_newcomer_does_not_run(barrier: Barrier) -> None:
    barrier.lose()
    newcomer = barrier.newcomer()
    stranger = barrier.scene.connect()
    # Who does not log on at all is told so after that time; the newcomer, who connected before, still waits.
    assert stranger.to_the_end()[0].plain == ("LoggedOut", {"reason": "no Logon in time"})
    assert barrier.pending()
    newcomer.frame("LogonConf")
    newcomer.nothing_more()


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "displaced"])
def test_a_reset_logon_that_waits_finds_every_cancel_in_its_new_generation(fast: Barrier, lost: bool) -> None:
    if lost:
        fast.lose()
    newcomer = fast.newcomer(reset=True, number=7)
    newcomer.send("TestRequest", correlationId=3)
    assert fast.pending()
    frames = newcomer.until(lambda frame: frame.name == "Heartbeat")
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert (frames[0].name, frames[-1].name) == ("LogonConf", "Heartbeat")
    fast.check(frames[1:-1])
    fast.check(fast.resent(newcomer, 2, len(frames) - 1))
