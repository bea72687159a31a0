"""A thousand sessions with a hundred orders each, cut off at once: every receipt is right, and drop copy has them all.

A drop copy that does not read is cut off while the orders are entered; it hears of the storm when it comes back.
"""

import struct
from collections.abc import Callable, Sequence

import pytest
import xxhash
from support.connection import Connection, message
from support.frames import CLIENT_DISCONNECT, IS_LAST_MESSAGE, Frame, order
from support.processes import Connections
from support.scene import Scene

SESSIONS = 1000
ORDERS = 100
KEYS = [f"storm-{number}" for number in range(SESSIONS)]
TCP_CLOSED, SESSION_SCOPE = 1, 0
SLOW_CONSUMER_BYTES = 2**20
GROWTH_MOST_BYTES = 64 * 1024 * 1024
"""Of the gateway from the storm on: 3.8 MB of cancels and receipts in each of two drop copies, 3.6 in the streams."""


def enter_all(scene: Scene) -> Connections:
    """Every session, all in one process, enters its orders, far from the market; the answers are only counted."""
    crowd = scene.process()
    sessions = [scene.connect(crowd) for _ in KEYS]
    for key, session in zip(KEYS, sessions, strict=True):
        session.send_logon(key)
    for place, session in enumerate(sessions):
        session.frame("LogonConf")
        request = message("NewOrderRequest", order(1 + place * ORDERS, price="1"))
        crowd.command(
            session.command("quiet", "1"),
            f"repeat {ORDERS} send {session.number} {request}",
            session.command("reached", str(ORDERS)),
        )
    for session in sessions:
        assert session.event()["event"] == "reached"
    return crowd


def digest_of(entries: Sequence[dict[str, object]]) -> int:
    packed = [
        struct.pack("<qqb", entry["orderId"], entry["totalFilled"][0], entry["cancelReason"])  # type: ignore[index]
        for entry in entries
    ]
    return xxhash.xxh64(b"".join(packed)).intdigest()


def check_session(place: int, frames: Sequence[Frame]) -> None:
    """What one session lost, and its receipt, as drop copy was told of them."""
    *cancels, receipt = frames
    entries = [entry for frame in cancels for entry in frame.fields["orders"]]
    assert [entry["clientOrderId"] for entry in entries] == list(range(1 + place * ORDERS, 1 + (place + 1) * ORDERS))
    assert {(entry["cancelReason"], entry["totalFilled"][0]) for entry in entries} == {(CLIENT_DISCONNECT, 0)}
    assert [entry["orderId"] for entry in entries] == sorted({entry["orderId"] for entry in entries})
    assert [frame.fields["flags"] for frame in cancels] == [0] * (len(cancels) - 1) + [IS_LAST_MESSAGE]
    assert len({(frame.fields["execId"], frame.fields["timestamp"]) for frame in cancels}) == 1
    told = dict(receipt.fields)
    times = [told.pop(name) for name in ("lastHeardTime", "detectedTime", "fencedTime", "completedTime", "timestamp")]
    assert times == sorted(times)
    assert times[2] == cancels[0].fields["timestamp"]
    assert (receipt.name, receipt.number) == ("CancelOnDisconnectReceipt", 0)
    assert told == {
        "clientId": KEYS[place],
        "portfolioId": 1,
        "sessionEpoch": 1,
        "cause": TCP_CLOSED,
        "scope": SESSION_SCOPE,
        "boundCount": ORDERS,
        "cancelledCount": ORDERS,
        "filledCount": 0,
        "exemptCount": 0,
        "unconfirmedCount": 0,
        "firstSequenceNumber": cancels[0].number,
        "lastSequenceNumber": cancels[-1].number,
        "digest": digest_of(entries),
    }


def take_events(watch: Connection, wanted: int) -> list[Frame]:
    """DropCopyEvents until so many receipts have come."""
    events: list[Frame] = []
    while wanted > 0:
        events.append(watch.frame("DropCopyEvent"))
        wanted -= events[-1].inner.name == "CancelOnDisconnectReceipt"
    return events


def come_back(scene: Scene, count: int) -> list[Frame]:
    """The last `count` events that were put to the drop copy that was cut off, as it is sent them again."""
    again = scene.connect(scene.process())
    newest = again.logon("watch-2", reset=False, framing={"sequenceNumber": 1000}).number
    again.resend(newest - count, newest)
    return again.take(count)


@pytest.mark.timeout(120)
def test_a_storm_of_a_thousand_sessions_ends_with_a_thousand_right_receipts(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(
        traders=[*KEYS, "maker-2"], max_open_orders=2 * SESSIONS * ORDERS, slow_consumer_bytes=SLOW_CONSUMER_BYTES
    )
    bystander = scene.trader("maker-2")
    bystander.place(order(10**9, price="2"))
    slow = scene.connect(scene.process(), 4096)
    slow.logon("watch-2")
    slow.do("reading", "0")
    crowd = enter_all(scene)
    watch = scene.connect(scene.process())  # from here on: the storm, and nothing before it
    watch.logon("watch-1")
    before = scene.gateway.resident_bytes()
    crowd.kill()
    events = take_events(watch, SESSIONS)
    bystander.nothing_more()
    watch.nothing_more()
    assert scene.gateway.resident_bytes() - before <= GROWTH_MOST_BYTES
    shown: dict[str, list[Frame]] = {key: [] for key in KEYS}
    for event in events:
        shown[event.fields["originClientId"]].append(event.inner)
    for place, key in enumerate(KEYS):
        check_session(place, shown[key])
    again = come_back(scene, len(events))
    assert [event.inner.raw for event in again] == [event.inner.raw for event in events]
    slow.do("reading", "1")
    slow.to_the_end()
