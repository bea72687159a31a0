"""gateway/segments.py: TCP segments back into the bytes that were read."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import CAPTURE_HELD_MAX_BYTES, CAPTURE_HELD_TOTAL_MAX_BYTES
from gateway.segments import Held, Hole, Piece, Stream

CONTENT = bytes(range(256)) * 4
FIRST = 2**32 - 300
"""Numbers wrap within the content."""


def stream(first: int = FIRST) -> Stream:
    return Stream(first, Held())


def push_all(one: Stream, cuts: list[tuple[int, int]]) -> list[Piece]:
    """The pieces that come of segments of CONTENT, each given as its start and end."""
    return [piece for start, end in cuts for piece in one.push((FIRST + start) % 2**32, CONTENT[start:end])]


@pytest.mark.parametrize(
    ("cuts", "pieces"),
    [
        pytest.param([(0, 100), (100, 400), (400, 500)], [(0, 100), (100, 400), (400, 500)], id="in order"),
        pytest.param([(0, 100), (200, 300), (100, 200)], [(0, 100), (100, 200), (200, 300)], id="one late"),
        pytest.param([(0, 100), (0, 100), (100, 200)], [(0, 100), (100, 200)], id="one again"),
        pytest.param([(0, 100), (50, 150), (100, 200)], [(0, 100), (100, 150), (150, 200)], id="overlapping"),
        pytest.param([(0, 100), (200, 300), (150, 350), (100, 210)], [(0, 100), (100, 210), (210, 350)], id="covering"),
        pytest.param([(0, 100), (99, 100), (99, 100), (100, 120)], [(0, 100), (100, 120)], id="keepalive probes"),
        pytest.param([(0, 0), (0, 10)], [(0, 10)], id="without payload"),
    ],
)
def test_segments_are_put_in_order(cuts: list[tuple[int, int]], pieces: list[tuple[int, int]]) -> None:
    one = stream()

    assert push_all(one, cuts) + one.finish() == [CONTENT[start:end] for start, end in pieces]


@given(st.data())
def test_any_order_of_any_cuts_gives_the_same_bytes(data: st.DataObject) -> None:
    spans = st.tuples(st.integers(0, len(CONTENT)), st.integers(0, 300)).map(
        lambda span: (span[0], min(span[0] + span[1], len(CONTENT)))
    )
    whole = [(start, min(start + 64, len(CONTENT))) for start in range(0, len(CONTENT), 64)]
    cuts = data.draw(st.permutations(whole + data.draw(st.lists(spans, max_size=10))))
    one = stream()

    pieces = push_all(one, cuts)

    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == CONTENT
    assert not any(isinstance(piece, Hole) for piece in pieces)
    assert one.finish() == []


def test_what_is_missing_at_the_end_is_a_hole() -> None:
    one = stream()

    pieces = push_all(one, [(0, 100), (150, 200), (300, 310), (200, 210)])

    assert pieces + one.finish() == [
        *(CONTENT[:100], Hole(50), CONTENT[150:200], CONTENT[200:210], Hole(90), CONTENT[300:310])
    ]


def test_a_segment_that_comes_after_its_hole_was_told_is_left_out() -> None:
    one = stream()
    push_all(one, [(0, 100), (150, 200)])
    one.finish()

    assert push_all(one, [(100, 160), (190, 220)]) == [CONTENT[200:220]]


def test_no_hole_is_waited_for_for_longer_than_the_limit() -> None:
    held = Held()
    one = Stream(0, held)
    payload = bytes(60_000)
    pieces: list[Piece] = []

    for number in range(1, 40):
        pieces += one.push(number * len(payload), payload)
        assert held.total_bytes <= CAPTURE_HELD_MAX_BYTES

    assert pieces == [Hole(60_000), *[payload] * 39]
    assert held.total_bytes == 0


def test_tiny_segments_behind_a_hole_are_counted_with_what_they_take() -> None:
    held = Held()
    one = Stream(0, held)

    pieces = [piece for number in range(20_000) for piece in one.push(10 + 2 * number, b"x")]

    assert pieces[:3] == [Hole(10), b"x", Hole(1)]
    assert held.total_bytes <= CAPTURE_HELD_MAX_BYTES


def test_all_streams_together_hold_no_more_than_the_limit() -> None:
    held = Held()
    streams = [Stream(0, held) for _ in range(100)]
    payload = bytes(60_000)
    order = [one for one in streams for _ in range(16)]
    random.Random(1).shuffle(order)
    counts = dict.fromkeys(streams, 0)

    for one in order:
        counts[one] += 1
        one.push(counts[one] * len(payload), payload)
        assert held.total_bytes <= CAPTURE_HELD_TOTAL_MAX_BYTES
    for one in streams:
        one.finish()

    assert held.total_bytes == 0
