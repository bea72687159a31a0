"""The heap of deadlines, against a naive list."""

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines import Deadlines
from gateway.session import Link


def test_links_come_up_in_the_order_of_their_times() -> None:
    deadlines = Deadlines[Link]()
    links = [Link() for _ in range(5)]
    for link, at in zip(links, [30, 10, 50, 20, 40], strict=True):
        deadlines.set(link, at)
    assert deadlines.first == 10
    assert [deadlines.pop_due(40) for _ in range(5)] == [links[1], links[3], links[0], links[4], None]
    assert deadlines.first == 50


def test_a_link_is_due_at_its_time_and_not_before() -> None:
    deadlines = Deadlines[Link]()
    link = Link()
    deadlines.set(link, 10)
    assert deadlines.pop_due(9) is None
    assert deadlines.pop_due(10) is link
    assert deadlines.first is None


def test_a_new_time_replaces_the_former_one() -> None:
    deadlines = Deadlines[Link]()
    link = Link()
    deadlines.set(link, 10)
    deadlines.set(link, 30)
    assert deadlines.first == 30
    assert deadlines.pop_due(29) is None
    assert [deadlines.pop_due(30), deadlines.pop_due(30)] == [link, None]


def test_a_link_that_waits_for_nothing_does_not_come_up() -> None:
    deadlines = Deadlines[Link]()
    link = Link()
    deadlines.clear(link)
    deadlines.set(link, 10)
    deadlines.clear(link)
    assert deadlines.first is None
    assert deadlines.pop_due(10) is None
    deadlines.set(link, 20)
    assert deadlines.pop_due(20) is link


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.integers(0, 7), st.integers(0, 50)),
            st.tuples(st.just("clear"), st.integers(0, 7), st.just(0)),
            st.tuples(st.just("pop"), st.just(0), st.integers(0, 50)),
        ),
        max_size=60,
    )
)
def test_deadlines_do_what_a_dict_and_a_minimum_would(commands: list[tuple[str, int, int]]) -> None:
    deadlines = Deadlines[Link]()
    links = [Link() for _ in range(8)]
    naive: dict[Link, int] = {}
    for command, index, at in commands:
        if command == "set":
            deadlines.set(links[index], at)
            naive[links[index]] = at
        elif command == "clear":
            deadlines.clear(links[index])
            naive.pop(links[index], None)
        else:
            popped = deadlines.pop_due(at)
            due = [link for link, time in naive.items() if time <= at and time == min(naive.values())]
            assert popped in due if due else popped is None
            if popped is not None:
                del naive[popped]
        assert deadlines.first == min(naive.values(), default=None)


def test_replaced_entries_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    push = heapq.heappush
    monkeypatch.setattr(heapq, "heappush", lambda heap, entry: (push(heap, entry), lengths.append(len(heap))))
    deadlines = Deadlines[Link]()
    links = [Link() for _ in range(100)]
    at = random.Random(1)
    for _ in range(300):
        for link in links:
            deadlines.set(link, at.randrange(10**9))
    assert max(lengths) <= 2 * len(links) + 1024 + 1
