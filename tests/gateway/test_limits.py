"""gateway/limits.py: the relations between limits hold, and breaking one is told by name."""

import pytest

from gateway import limits
from gateway.errors import LimitError


def test_every_relation_between_the_limits_holds() -> None:
    assert [relation for relation, holds in limits.relations().items() if not holds] == []


def test_the_sizes_that_follow_from_the_wire_are_those_of_the_protocol_page() -> None:
    assert (limits.DROP_COPY_ENVELOPE_BYTES, limits.MASS_QUOTE_REQUEST_MAX_BYTES) == (
        32 + 40 + 2,
        32 + 33 + 4 + 15 * 46,
    )


@pytest.mark.parametrize(
    ("name", "value", "relation"),
    [
        ("FRAME_SIZE_MAX_OUT_BYTES", 65_456, "the longest frame out fits inside a DropCopyEvent"),
        ("ORDERS_CANCELED_ENTRIES_MAX", 1_869, "a full OrdersCanceled fits in a frame out"),
        ("ORDERS_CANCELED_ENTRIES_MAX", 1_867, "one entry more would not"),
        ("OPEN_ORDERS_ENTRIES_MAX", 630, "a full OpenOrdersResponse is half the least buffer"),
        ("ORDER_FILLED_ENTRIES_MAX", 1_090, "a full OrderFilled fits in a frame out"),
        ("ORDER_FILLED_ENTRIES_MAX", 1_088, "one fill more would not"),
        ("NEW_ORDER_RESPONSE_FILLS_MAX_BYTES", 65_449, "the fills of one order fit in a frame out"),
        ("MASS_QUOTE_RESPONSE_FILLS_MAX", 1_945, "a MassQuoteResponse full of entries and fills fits in a frame out"),
        ("FILLS_PER_ORDER_MAX", 3_889, "what is left of a mass quote's fills fits in a second frame"),
        (
            "MASS_QUOTE_ORDERS_PLACED_FILLS_MAX",
            1_980,
            "a MassQuoteOrdersPlaced of an order and fills fits in a frame out",
        ),
        ("FILLS_PER_ORDER_MAX", 3_959, "what is left of a quote's fills fits in a second one"),
        ("FRAME_SIZE_MAX_IN_LEAST_BYTES", 752, "every request fits in the least frame_size_max_in"),
        ("FRAME_SIZE_MAX_IN_DEFAULT_BYTES", 32_769, "the default frame_size_max_in can be set"),
        ("READ_BUFFER_BYTES", 65_535, "a partial frame leaves room to read the rest"),
        ("NEWCOMER_BUFFER_BYTES", 65_535, "a newcomer's buffer holds a read"),
        ("HELD_UP_BUFFER_BYTES", 131_071, "whoever is held up has room for one read more"),
        ("READ_BUDGET_PER_TURN_BYTES", 65_535, "a read fits in the budget of a turn"),
        ("CHUNK_BYTES", 65_520, "any frame out fits in a chunk"),
        ("BUFFER_LEAST_BYTES", 65_520, "any frame out fits in the least buffer"),
        ("PENDING_LOGONS_MAX", 10_001, "pending logons leave connections for sessions"),
        ("CANARY_LATE_MOST_MS", 500, "a canary's cancel is late or not before its next round"),
        ("METRICS_CONNECTIONS_MAX", 25, "administrators and readers of metrics leave descriptors for the rest"),
        ("PENDING_LOGONS_LEAST", 2_049, "the least of pending logons is within the most"),
        ("API_KEYS_MAX", 20_000, "every API key can be connected while pending logons are full"),
        ("CAPTURE_HELD_MAX_BYTES", 65_527, "a hole may be as long as the longest frame"),
        ("CAPTURE_HELD_TOTAL_MAX_BYTES", 1_048_575, "one direction may hold all that it may"),
        ("SETTLEMENTS_AT_ONCE_MAX", 127, "settlements counted at once end every day order"),
        ("MMP_SPANS_PER_INTERVAL", 65_536, "the spans of all MMP groups can be counted"),
        ("HEARTBEAT_FACTOR_MOST", 25.0, "a lapse in milliseconds fits in the int of TCP_USER_TIMEOUT"),
        ("HEARTBEAT_INTERVAL_MOST_S", 2**31, "an interval in seconds fits in the int32 of LogonConf"),
    ],
)
def test_a_limit_that_contradicts_another_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int, relation: str
) -> None:
    monkeypatch.setattr(limits, name, value)

    with pytest.raises(LimitError) as raised:
        limits.check()

    assert relation in str(raised.value)


def test_every_relation_can_break() -> None:
    covered = {mark.args[1][index][2] for mark in _relations_test_marks() for index in range(len(mark.args[1]))}

    assert covered == set(limits.relations())


def _relations_test_marks() -> list[pytest.Mark]:
    return list(test_a_limit_that_contradicts_another_is_refused_by_name.pytestmark)  # type: ignore[attr-defined]
