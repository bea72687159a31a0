"""Receipts on real sockets: for every cause, in the stream of who asked and in drop copy, and what they say is so.

Drop copy's own books (support.drop_copy) hold every receipt against the cancels before it, here and in every other
scenario.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import Frame, canceled, order, orders_canceled
from support.scene import Scene
from support.wire_receipts import RECEIPTS, faults_of, receipt

RECEIPT = "CancelOnDisconnectReceipt"
CLOSED, RESET, MISSED, LOGOUT, DISPLACED, VIOLATION, SLOW, DEAD_MAN, SHUTDOWN, ADMIN = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12
PORTFOLIO = 1
BY_ADMIN = 3
ABOVE_ALL = 10_000
RECEIVE_BUFFER_BYTES = 4096


def ask_for_receipts(session: Connection, epoch: int = 1) -> Connection:
    answer = session.ask("SessionOptionsRequest", correlationId=3, options=RECEIPTS)
    told = {"correlationId": 3, "sessionEpoch": epoch, "options": RECEIPTS}
    assert answer.plain == ("SessionOptionsResponse", told)
    return session


def wait_for_receipts(watch: DropCopy, origin: str, count: int = 1) -> list[Frame]:
    """All that drop copy was shown of a session, once so many receipts of it are among them."""
    watch.wait_for(
        lambda _: sum(event.inner.name == RECEIPT for event in watch.seen[origin]) == count,
        f"{count} receipts of {origin}",
    )
    return watch.inner_frames(origin)


def arm(session: Connection) -> None:
    answer = session.ask("CancelOnDisconnectRequest", correlationId=4, scope=PORTFOLIO, enabled=1)
    assert (answer.fields["active"], answer.fields["status"]) == (1, 0)


WAYS: dict[int, Callable[[Scene, Connection], object]] = {
    CLOSED: lambda _, maker: maker.do("half_close"),
    RESET: lambda _, maker: maker.do("reset"),
    MISSED: lambda _, maker: maker.do("answer", "tests=0 heartbeats=0"),
    LOGOUT: lambda _, maker: maker.send("Logout", reason="done"),
    DISPLACED: lambda scene, _: scene.connect().send_logon(
        "maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL}
    ),
    VIOLATION: lambda _, maker: maker.send("Heartbeat", {"sequenceNumber": ABOVE_ALL}, correlationId=0),
    SHUTDOWN: lambda scene, _: scene.gateway.terminate(),
    ADMIN: lambda scene, _: scene.admin("kill-client", "maker-1"),
}


@pytest.mark.parametrize("cause", WAYS)
def test_every_cause_ends_with_a_receipt(make_scene: Callable[..., Scene], tmp_path: Path, cause: int) -> None:
    scene = make_scene(
        heartbeat_interval_s=1 if cause == MISSED else 30,
        drain_step_orders=2,
        admin_socket=str(tmp_path / "admin.sock"),
    )
    watch = scene.watch()
    maker = ask_for_receipts(scene.trader("maker-1"))
    order_ids = [maker.place(order(number)) for number in (1, 2, 3)]
    WAYS[cause](scene, maker)
    reason = {"reason": BY_ADMIN} if cause == ADMIN else {}
    gone = [canceled(number, order_id, **reason) for number, order_id in enumerate(order_ids, 1)]
    *_, first, second, said = wait_for_receipts(watch, "maker-1")
    assert [first.plain[1]["orders"], second.plain[1]["orders"]] == [gone[:2], gone[2:]]
    assert said.plain == receipt("maker-1", cause, gone, (first.number, second.number))
    assert said.number == second.number + 1
    assert said.fields["fencedTime"] == first.fields["timestamp"] == second.fields["timestamp"]
    if cause != RESET:
        told = [frame for frame in maker.to_the_end() if frame.name not in ("TestRequest", "Heartbeat")]
        assert [frame.raw for frame in told[:3]] == [first.raw, second.raw, said.raw]
        assert [frame.name for frame in told[3:]] == ([] if cause == CLOSED else ["LoggedOut"])


def test_a_client_that_does_not_read_finds_its_receipt_when_it_comes_back(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(slow_consumer_bytes=65_536, max_open_orders=100_000)
    maker = ask_for_receipts(scene.trader("maker-1", scene.process(), RECEIVE_BUFFER_BYTES))
    maker.do("reading", "0")
    maker.repeat(60_000, "NewOrderRequest", **order(1, price="1"))
    gone = scene.gateway.wait_for_log("session gone")
    assert (gone["cause"], gone["orders"] > 0) == ("SLOW_CONSUMER", True)
    again = scene.trader("maker-1", reset=False, framing={"sequenceNumber": 10 * ABOVE_ALL})
    # LogonConf comes behind LoggedOut, and that behind the receipt.
    number = again.frames[0].number - 2
    again.resend(number, number)
    said = again.frame(RECEIPT)
    numbers = (said.fields["firstSequenceNumber"], said.fields["lastSequenceNumber"])
    again.resend(*numbers)
    cancels = again.until(lambda frame: frame.number == numbers[1])
    entries = [entry for frame in cancels for entry in frame.fields["orders"]]
    assert len(entries) == gone["orders"]
    assert said.plain == receipt("maker-1", SLOW, entries, numbers)


def test_the_dead_man_tells_each_session_and_leaves_them_alone(scene: Scene) -> None:
    watch = scene.watch()
    maker, mate = ask_for_receipts(scene.trader("maker-1")), scene.trader("maker-2")
    mine, theirs = maker.place(order(1)), mate.place(order(2))
    maker.ask("CancelAllAfterRequest", correlationId=5, timeoutMs=1, armSequence=None, scope=PORTFOLIO)
    cancel, said = maker.take(2)
    assert cancel.plain == orders_canceled(canceled(1, mine))
    gone = [canceled(1, mine)]
    assert said.plain == receipt("maker-1", DEAD_MAN, gone, (cancel.number, cancel.number), scope=PORTFOLIO)
    other = mate.frame()
    assert other.plain == orders_canceled(canceled(2, theirs))
    mate.nothing_more()
    *_, copied = wait_for_receipts(watch, "maker-2")
    numbers = (other.number, other.number)
    assert copied.plain == receipt("maker-2", DEAD_MAN, [canceled(2, theirs)], numbers, scope=PORTFOLIO)
    assert watch.seen["maker-2"][-1].fields["originSequenceNumber"] is None


def test_an_armed_portfolio_of_three_is_told_three_times(scene: Scene) -> None:
    watch = scene.watch()
    sessions = {name: scene.trader(name) for name in ("maker-1", "maker-2", "taker-1")}
    maker, mate, other = sessions.values()
    for session in (maker, mate):
        ask_for_receipts(session)
    order_ids = [maker.place(order(1)), mate.place(order(2)), mate.place(order(3)), other.place(order(4))]
    arm(maker)
    maker.do("reset")
    gone = {
        "maker-1": [canceled(1, order_ids[0])],
        "maker-2": [canceled(2, order_ids[1]), canceled(3, order_ids[2])],
        "taker-1": [canceled(4, order_ids[3])],
    }
    shown = {name: wait_for_receipts(watch, name)[-2:] for name in gone}
    for name, (cancel, said) in shown.items():
        assert cancel.plain == orders_canceled(*gone[name])
        assert said.plain == receipt(name, RESET, gone[name], (cancel.number, cancel.number), scope=PORTFOLIO)
    assert len({cancel.fields["execId"] for cancel, _ in shown.values()}) == 1
    assert [frame.raw for frame in mate.take(2)] == [frame.raw for frame in shown["maker-2"]]
    assert other.frame().plain == orders_canceled(*gone["taker-1"])
    other.nothing_more()
    # They live on, and so does what they enter now.
    for session, number in ((mate, 5), (other, 6)):
        session.place(order(number))
    watch.wait_for(lambda ledger: len(ledger.open) == 2, "their new orders")


def test_a_displaced_portfolio_is_told_to_the_newcomer_with_reset_under_new_numbers(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(drain_step_orders=1)
    watch = scene.watch()
    maker, mate = ask_for_receipts(scene.trader("maker-1")), ask_for_receipts(scene.trader("maker-2"))
    order_ids = [maker.place(order(1)), maker.place(order(2)), mate.place(order(3))]
    arm(maker)
    newcomer = scene.trader("maker-1", reset=True)
    gone = [canceled(1, order_ids[0]), canceled(2, order_ids[1])]
    first, second, said = newcomer.take(3)
    assert (newcomer.frames[0].name, [frame.number for frame in newcomer.frames]) == ("LogonConf", [1, 2, 3, 4])
    assert first.fields["orders"] + second.fields["orders"] == gone
    assert said.plain == receipt("maker-1", DISPLACED, gone, (2, 3), scope=PORTFOLIO)
    newcomer.nothing_more()
    # Drop copy saw them once, under the numbers that they had when it happened.
    *_, old_first, old_second, old_said = wait_for_receipts(watch, "maker-1")
    numbers = (old_first.number, old_second.number)
    assert old_said.plain == receipt("maker-1", DISPLACED, gone, numbers, scope=PORTFOLIO)
    cancel, theirs = mate.take(2)
    assert cancel.plain == orders_canceled(canceled(3, order_ids[2]))
    at = (cancel.number, cancel.number)
    assert theirs.plain == receipt("maker-2", DISPLACED, [canceled(3, order_ids[2])], at, scope=PORTFOLIO)
    # A reset forgets what was asked for.
    newcomer.send("Logout", reason="done")
    assert [frame.name for frame in newcomer.to_the_end()] == ["LoggedOut"]


def test_who_comes_back_asks_for_the_receipt_again(scene: Scene) -> None:
    watch = scene.watch()
    maker = ask_for_receipts(scene.trader("maker-1"))
    order_id = maker.place(order(1))
    maker.do("reset")
    *_, cancel, said = wait_for_receipts(watch, "maker-1")
    again = scene.trader("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL})
    again.resend(cancel.number, said.number)
    resent = again.take(2)
    assert [frame.resent for frame in resent] == [True, True]
    assert [frame.plain for frame in resent] == [cancel.plain, said.plain]
    assert faults_of(resent[1].fields, resent[:1]) == []
    assert resent[0].fields["orders"] == [canceled(1, order_id)]


def test_a_drop_copy_that_was_cut_for_being_slow_finds_every_receipt_later(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(slow_consumer_bytes=65_536, resend_depth_bytes=2**26, max_open_orders=30_000)
    reader = scene.watch("watch-1", scene.process())
    slow = scene.watch("watch-2", scene.process(), RECEIVE_BUFFER_BYTES)
    slow.do("reading", "0")
    maker = scene.trader("maker-1", scene.process())
    maker.repeat_quietly(20_000, "NewOrderRequest", **order(1, price="1"))
    reader.wait_for_open("maker-1", 20_000)
    gone = scene.gateway.wait_for_log("session gone")
    assert (gone["client_id"], gone["cause"]) == ("watch-2", "SLOW_CONSUMER")
    maker.do("reset")
    shown = wait_for_receipts(reader, "maker-1")
    again = scene.observer()
    confirmation = again.logon("watch-2", reset=False, framing={"sequenceNumber": ABOVE_ALL})
    again.resend(2, confirmation.number - 1)
    copies = again.until(lambda frame: frame.name == "DropCopyEvent" and frame.inner.name == RECEIPT)
    cancels = [
        event.inner for event in copies if event.name == "DropCopyEvent" and event.inner.name == "OrdersCanceled"
    ]
    said = copies[-1].inner
    assert said.raw == shown[-1].raw
    assert (said.fields["cancelledCount"], faults_of(said.fields, cancels)) == (20_000, [])
    assert "watch-2" not in {frame.fields["clientId"] for frame in (*shown, said) if frame.name == RECEIPT}
