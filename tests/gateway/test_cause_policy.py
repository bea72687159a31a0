"""The table of causes: every cause has its row, and the rows keep what the protocol promises of them all."""

import pytest

from codec.layout import CancelReason, Cause
from gateway.cause_policy import CAUSE_POLICY, CAUSES_TO_COME, Takes
from gateway.limits import TEXT_MAX_BYTES
from gateway.session import LinkClosing

LOST_LINES = {Cause.TCP_CLOSED, Cause.TCP_RESET, Cause.HEARTBEAT_MISSED}
WITHOUT_A_LINE = {Cause.DEAD_MAN_EXPIRED, Cause.GATEWAY_RESTARTED, Cause.GATEWAY_LOST}


def causes_where(**wanted: object) -> set[Cause]:
    return {
        cause
        for cause, policy in CAUSE_POLICY.items()
        if all(getattr(policy, name) == value for name, value in wanted.items())
    }


def test_every_cause_of_the_receipt_has_its_row_in_the_order_of_the_numbers() -> None:
    assert list(CAUSE_POLICY) == list(Cause)


def test_every_cause_fires() -> None:
    assert causes_where(fires=True) == set(Cause)


def test_only_a_lost_line_has_grace() -> None:
    assert causes_where(grace=True) == LOST_LINES


def test_a_portfolio_switched_on_goes_with_every_end_but_a_goodbye() -> None:
    assert causes_where(takes=Takes.OWN) == {Cause.LOGOUT}
    assert causes_where(takes=Takes.ALL) == {Cause.DEAD_MAN_EXPIRED}
    assert causes_where(takes=Takes.SWITCHED) == set(Cause) - {Cause.LOGOUT, Cause.DEAD_MAN_EXPIRED}


def test_only_the_operator_takes_orders_that_are_not_covered() -> None:
    assert causes_where(takes_uncovered=True) == {Cause.ADMIN}


def test_the_cancels_say_disconnect_unless_it_was_the_operator() -> None:
    assert causes_where(cancel_reason=CancelReason.ADMIN) == {Cause.ADMIN}
    assert causes_where(cancel_reason=CancelReason.CLIENT_DISCONNECT) == set(Cause) - {Cause.ADMIN}


def test_who_cannot_read_it_is_told_nothing() -> None:
    assert causes_where(text=None) == {Cause.TCP_CLOSED, Cause.TCP_RESET} | WITHOUT_A_LINE


def test_only_a_line_that_takes_nothing_is_cut_without_a_word() -> None:
    assert causes_where(closing=LinkClosing.CLOSING_ABORT) == {Cause.TCP_RESET, Cause.SLOW_CONSUMER}
    assert causes_where(closing=LinkClosing.CLOSING_NOT) == WITHOUT_A_LINE


def test_only_who_is_alive_counts_as_having_read() -> None:
    alive = {Cause.LOGOUT, Cause.PROTOCOL_VIOLATION, Cause.DEAD_MAN_EXPIRED, Cause.ADMIN}
    assert causes_where(peer_reads=True) == alive


def test_what_everybody_wanted_is_no_warning() -> None:
    assert causes_where(level="info") == {Cause.LOGOUT, Cause.GATEWAY_SHUTDOWN}
    assert causes_where(level="warning") == set(Cause) - {Cause.LOGOUT, Cause.GATEWAY_SHUTDOWN}


@pytest.mark.parametrize("cause", sorted(CAUSES_TO_COME))
def test_what_cannot_happen_yet_has_no_line_to_say_it_on(cause: Cause) -> None:
    assert (CAUSE_POLICY[cause].text, CAUSE_POLICY[cause].peer_reads) == (None, False)


def test_the_texts_of_logged_out_are_ascii_and_leave_room_for_what_was_wrong() -> None:
    texts = [policy.text for policy in CAUSE_POLICY.values() if policy.text]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert text.isascii()
        assert len(text) <= TEXT_MAX_BYTES // 2
