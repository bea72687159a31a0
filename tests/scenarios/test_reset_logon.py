"""A logon that resets the numbers does not lose the cancels of the connection before it."""

import pytest
from support.connection import Connection
from support.frames import SELL, Frame, canceled, order, orders_canceled
from support.scene import Scene


def place_three(session: Connection) -> list[dict[str, object]]:
    """Three orders, as the cancels that their session's end brings."""
    requests = [order(number, side=SELL, price="100.5") for number in (1, 2, 3)]
    return [canceled(request["clientOrderId"], session.place(request)) for request in requests]


def without_header(frame: Frame) -> bytes:
    return frame.raw[32:]


@pytest.mark.parametrize("ending", ["close", "reset", "kill"])
def test_cancels_that_nobody_heard_come_right_after_the_logon_conf(scene: Scene, ending: str) -> None:
    watch = scene.watch()
    process = scene.process()
    maker = scene.trader("maker-1", process)
    expected = place_three(maker)
    watch.wait_for_open("maker-1", 3)
    if ending == "kill":
        process.kill()
    else:
        maker.do(ending)
    assert watch.wait_for_fire("maker-1") == expected
    fired = watch.ledger.cancel_frames["maker-1"][0]
    assert fired.number == 5

    again = scene.connect()
    again.logon("maker-1", reset=True)
    told = again.frame()
    assert told.plain == orders_canceled(*expected)
    assert without_header(told) == without_header(fired)
    assert (told.number, told.header["flags"]) == (2, 0)
    again.nothing_more()

    # They belong to the new generation now, and drop copy has seen them once.
    again.resend(2, 2)
    assert again.frame().raw == told.raw[:1] + b"\x01" + told.raw[2:]
    watch.sync()
    assert watch.ledger.canceled == {"maker-1": expected}


def test_a_reset_logon_that_displaces_a_session_has_its_cancels(scene: Scene) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    expected = place_three(maker)
    again = scene.connect()
    assert again.logon("maker-1", reset=True).number == 1
    assert again.frame().plain == orders_canceled(*expected)
    assert again.frames[-1].number == 2
    again.nothing_more()
    old = maker.to_the_end()
    assert [(frame.name, frame.number) for frame in old] == [("OrdersCanceled", 5), ("LoggedOut", 6)]
    assert without_header(old[0]) == without_header(again.frames[1])
    assert watch.wait_for_fire("maker-1") == expected
    watch.sync()
    assert watch.ledger.canceled == {"maker-1": expected}


def test_cancels_that_were_heard_do_not_come_again(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    place_three(maker)
    maker.send("Logout", reason="done")
    assert [frame.name for frame in maker.to_the_end()] == ["OrdersCanceled", "LoggedOut"]
    again = scene.trader("maker-1", reset=True)
    again.nothing_more()


def test_cancels_are_told_to_the_next_logon_and_not_to_the_one_after(scene: Scene) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    expected = place_three(maker)
    maker.do("reset")
    watch.wait_for_fire("maker-1")
    again = scene.trader("maker-1", reset=True)
    assert again.frame().plain == orders_canceled(*expected)
    again.nothing_more()
    again.send("Logout", reason="done")
    again.to_the_end()
    scene.trader("maker-1", reset=True).nothing_more()


def test_orders_entered_after_a_reset_are_the_new_connection_s(scene: Scene) -> None:
    watch = scene.watch()
    first = scene.trader("maker-1")
    old = place_three(first)
    second = scene.trader("maker-1", reset=True)
    second.frame("OrdersCanceled")
    new = place_three(second)
    watch.wait_for_open("maker-1", 3)
    second.do("reset")
    watch.wait_for(lambda ledger: ledger.of("maker-1") == {}, "the second cancels")
    watch.sync()
    assert watch.ledger.canceled == {"maker-1": old + new}
    assert [event.fields["sessionEpoch"] for event in watch.seen["maker-1"]] == [1] * 5 + [2] * 5
