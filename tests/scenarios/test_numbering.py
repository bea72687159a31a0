"""Sequence numbers of both directions, over logons, losses and resets."""

from collections.abc import Callable
from unittest.mock import ANY

import pytest
from support.connection import Connection, reject_of
from support.frames import canceled, order, orders_canceled, response
from support.scene import Scene


def numbers(connection: Connection) -> list[int]:
    return [frame.number for frame in connection.frames]


def leave(connection: Connection) -> None:
    """End a connection so that the gateway is known to have noticed."""
    connection.do("half_close")
    connection.to_the_end()


def test_each_answer_names_the_last_message_it_has_seen(scene: Scene) -> None:
    connection = scene.connect()
    answers = [connection.logon("maker-1", framing={"sequenceNumber": 40})]
    answers.append(connection.ask("NewOrderRequest", **order(1)))
    answers.append(connection.ask("TestRequest", correlationId=5))
    answers.append(connection.ask("NewOrderRequest", {"messageTypeId": 999}, **order(2)))
    answers.append(connection.ask("CancelOrderRequest", clientOrderId=1, correlationId=6, instrumentId=1))
    seen = [(frame.name, frame.number, frame.header["lastProcessedSeqNo"]) for frame in answers]
    assert seen == [
        ("LogonConf", 1, 0),
        ("NewOrderResponse", 2, 41),
        ("Heartbeat", 3, 42),
        ("Reject", 4, 43),
        ("CancelOrderResponse", 5, 44),
    ]


def test_a_key_never_seen_may_continue_from_number_one(scene: Scene) -> None:
    connection = scene.connect()
    confirmation = connection.logon("maker-1", reset=False)
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (1, 0)
    connection.nothing_more()


def test_after_a_restart_nobody_can_continue_above_number_one(scene: Scene) -> None:
    connection = scene.connect()
    connection.send_logon("maker-1", reset=False, framing={"sequenceNumber": 2})
    refusal = connection.frame("LoggedOut")
    assert (refusal.number, refusal.header["lastProcessedSeqNo"]) == (0, 0)
    assert refusal.fields["reason"]
    assert connection.to_the_end() == []
    assert scene.connect().logon("maker-1", reset=True, framing={"sequenceNumber": 2}).number == 1


def test_both_streams_continue_over_a_loss(scene: Scene) -> None:
    first = scene.trader("maker-1")
    order_id = first.place(order(1))
    leave(first)
    assert [frame.plain for frame in first.frames[1:]] == [
        response(order(1), order_id),
        orders_canceled(canceled(1, order_id)),
    ]
    assert numbers(first) == [1, 2, 3]
    second = scene.connect()
    confirmation = second.logon("maker-1", reset=False, framing={"sequenceNumber": 3})
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (4, 2)
    order_id = second.place(order(1))
    leave(second)
    assert numbers(second) == [4, 5, 6]
    third = scene.connect()
    confirmation = third.logon("maker-1", reset=False, framing={"sequenceNumber": 5})
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (7, 4)


def test_numbers_lost_on_the_dead_line_are_gone_and_the_logon_sets_the_next(scene: Scene) -> None:
    leave(scene.trader("maker-1"))
    second = scene.connect()
    confirmation = second.logon("maker-1", reset=False, framing={"sequenceNumber": 1000})
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (2, 1)
    second.nothing_more()
    assert second.last_sent == 1001


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_number_below_the_expected_one_is_refused_and_changes_nothing(scene: Scene, number: int) -> None:
    first = scene.trader("maker-1")
    first.nothing_more()
    first.nothing_more()
    leave(first)
    second = scene.connect()
    second.send_logon("maker-1", reset=False, framing={"sequenceNumber": number})
    refusal = second.frame("LoggedOut")
    assert (refusal.number, refusal.header["lastProcessedSeqNo"]) == (0, 0)
    assert "4" in refusal.fields["reason"]
    assert second.to_the_end() == []
    confirmation = scene.connect().logon("maker-1", reset=False, framing={"sequenceNumber": 4})
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (4, 3)


def test_a_reset_starts_a_generation_in_which_nothing_older_can_be_asked_for(scene: Scene) -> None:
    first = scene.trader("maker-1")
    for _ in range(5):
        first.nothing_more()
    leave(first)
    second = scene.connect()
    confirmation = second.logon("maker-1", reset=True, framing={"sequenceNumber": 1})
    assert (confirmation.number, confirmation.header["lastProcessedSeqNo"]) == (1, 0)
    second.resend(2)
    assert reject_of(second.frame()) == (2, 4, ANY)
    second.nothing_more()
    assert numbers(second) == [1, 2, 3]


@pytest.mark.parametrize("number", [1, 2, 4, 1000, 0, -1])
def test_a_gap_and_a_repeated_number_end_the_session(scene: Scene, number: int) -> None:
    connection = scene.trader("maker-1")
    connection.nothing_more()
    connection.send("TestRequest", {"sequenceNumber": number}, correlationId=1)
    frames = connection.to_the_end()
    assert [(frame.name, frame.number) for frame in frames] == [("LoggedOut", 3)]
    assert frames[0].fields["reason"]


def test_numbers_are_not_checked_where_the_operator_says_so(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(sequence_check="off")
    connection = scene.trader("maker-1")
    connection.numbers_may_fall = True
    for number in (2, 7, 7, 3, 1):
        answer = connection.ask("TestRequest", {"sequenceNumber": number}, correlationId=number)
        assert answer.plain == ("Heartbeat", {"correlationId": number})
    assert numbers(connection) == [1, 2, 3, 4, 5, 6]


def test_the_numbers_of_one_key_are_not_those_of_another(scene: Scene) -> None:
    first, second = scene.trader("maker-1"), scene.trader("maker-2")
    first.nothing_more()
    first.nothing_more()
    second.nothing_more()
    assert (numbers(first), numbers(second)) == ([1, 2, 3], [1, 2])
