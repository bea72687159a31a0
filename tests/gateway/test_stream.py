"""The outbound stream: numbers, what is kept, what is sent once and what is sent again."""

import struct
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.core_driver import WRITE_MAX, brief, decoded, split

from codec import messages
from codec.layout import FLAG_RESEND, RejectReason
from gateway.limits import BUFFER_LEAST_BYTES, CHUNK_BYTES, FRAME_SIZE_MAX_OUT_BYTES, SPARE_CHUNKS_MAX
from gateway.session import Session
from gateway.stream import ChunkPool, Stream

DEPTH = BUFFER_LEAST_BYTES
NOW = 1_800_000_000_000_000_000
EVERYTHING = 1 << 40
LAST = 1 << 62
GAP_FILL_BYTES = 40


class Bench:
    """A stream with a session that writes into it, which is how frames get there."""

    def __init__(self, pool: ChunkPool | None = None, depth_bytes: int = DEPTH) -> None:
        self.stream = Stream(pool or ChunkPool(), depth_bytes)
        self.session = Session(0, "maker-1", 1, False, self.stream, [])

    def event(self, entries: int = 1) -> None:
        """An OrdersCanceled: a frame that is kept and sent again."""
        self.session.reissue(messages.encode("OrdersCanceled", {"orders": [{}] * entries}), NOW)

    def sized(self, length: int) -> None:
        """A kept frame of a length, a multiple of 8 and at least 64."""
        self.session.reissue(sized_frame(length), NOW)

    def heartbeat(self) -> None:
        """A frame that is kept only until it is sent."""
        self.session.send_heartbeat(0, NOW)

    def drill_answer(self) -> None:
        """A frame that is kept, but never sent again."""
        self.session.reissue(messages.encode("OpenOrdersResponse", {}), NOW)

    def numbers(self) -> list[int]:
        """The numbers of the stored frames."""
        return [number_of(frame) for frame in self.stream.frames(1, LAST)]

    def taken(self) -> list[int]:
        return [number_of(frame) for frame in split(self.stream.take(EVERYTHING))]

    def replayed(self, first: int, last: int) -> list[tuple[int, str, dict[str, Any]]]:
        self.stream.start_replay(first, last)
        frames = []
        while data := self.stream.replay(WRITE_MAX, 7, NOW):
            frames += decoded(data)
        return [brief(frame) for frame in frames]


def sized_frame(length: int) -> bytes:
    """An OrdersCanceled with a length of the test's choice; what it says does not matter here."""
    return struct.pack("<BBHHHqqq", 0xDB, 0, length, 310, 0, 0, 0, 0) + bytes(length - 32)


def number_of(frame: bytes) -> int:
    return int.from_bytes(frame[8:16], "little")


def gap(number: int, following: int) -> tuple[int, str, dict[str, Any]]:
    return number, "GapFill", {"new_sequence_number": following}


def event(number: int) -> tuple[int, str, dict[str, Any]]:
    entry = messages.decode(messages.encode("OrdersCanceled", {"orders": [{}]})).fields
    return number, "OrdersCanceled", entry


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.stream.attach()
    return bench


# Numbers


def test_numbers_count_up_from_one(bench: Bench) -> None:
    bench.event()
    bench.heartbeat()
    bench.event()
    assert bench.taken() == [1, 2, 3]
    assert bench.stream.next_number == 4


def test_numbers_go_on_while_nobody_is_connected(bench: Bench) -> None:
    bench.event()
    bench.stream.detach()
    bench.event()
    bench.stream.attach()
    bench.event()
    assert bench.taken() == [3]
    assert bench.numbers() == [1, 2, 3]


def test_a_reset_starts_a_new_generation_at_one_that_remembers_nothing(bench: Bench) -> None:
    bench.event()
    bench.stream.reset()
    assert (bench.stream.generation, bench.stream.next_number, bench.stream.oldest_number) == (2, 1, 1)
    assert bench.numbers() == []
    assert bench.stream.stored_bytes == 0
    assert bench.stream.take(EVERYTHING) == b""
    bench.event()
    assert bench.taken() == [1]


# What is handed out


def test_a_frame_is_taken_once(bench: Bench) -> None:
    bench.event()
    assert bench.stream.unsent_bytes == 88
    assert bench.taken() == [1]
    assert bench.stream.unsent_bytes == 0
    assert bench.stream.take(EVERYTHING) == b""


def test_a_take_is_never_half_a_frame_and_never_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.event()
    takes = [bench.stream.take(88 + 87), bench.stream.take(1), bench.stream.take(EVERYTHING)]
    assert [[number_of(frame) for frame in split(data)] for data in takes] == [[1], [2], [3]]


def test_a_take_joins_frames_from_several_chunks(bench: Bench) -> None:
    for _ in range(5):
        bench.sized(CHUNK_BYTES // 2 - 8)
    data = bench.stream.take(EVERYTHING)
    assert [number_of(frame) for frame in split(data)] == [1, 2, 3, 4, 5]
    assert len(data) == 5 * (CHUNK_BYTES // 2 - 8)


def test_what_went_before_a_connection_is_not_sent_to_it(bench: Bench) -> None:
    bench.event()
    bench.stream.attach()
    assert bench.stream.take(EVERYTHING) == b""


def test_with_nobody_connected_nothing_is_unsent() -> None:
    bench = Bench()
    bench.event()
    assert (bench.stream.unsent_bytes, bench.stream.is_attached) == (0, False)
    assert bench.stream.take(EVERYTHING) == b""
    assert bench.numbers() == [1]


# What is kept


def test_a_session_message_is_forgotten_once_it_is_sent(bench: Bench) -> None:
    bench.event()
    for _ in range(3):
        bench.heartbeat()
    bench.taken()
    bench.heartbeat()
    assert bench.numbers() == [1, 5]
    assert bench.stream.stored_bytes == 88 + 40


def test_a_session_message_is_kept_until_it_is_sent(bench: Bench) -> None:
    bench.heartbeat()
    bench.heartbeat()
    bench.event()
    assert bench.numbers() == [1, 2, 3]
    assert bench.taken() == [1, 2, 3]


def test_a_day_of_heartbeats_is_kept_in_the_space_of_one(bench: Bench) -> None:
    for _ in range(20_000):
        bench.heartbeat()
        bench.stream.take(EVERYTHING)
    assert bench.stream.next_number == 20_001
    assert bench.stream.stored_bytes == 40


def test_what_is_stored_stays_within_the_depth(bench: Bench) -> None:
    for _ in range(DEPTH // 88 + 10):
        bench.event()
        bench.stream.take(EVERYTHING)
    kept = DEPTH // 88
    assert bench.stream.stored_bytes == kept * 88
    assert bench.numbers() == list(range(11, kept + 11))
    assert bench.stream.oldest_number == 11


def test_unsent_frames_are_kept_whatever_the_depth(bench: Bench) -> None:
    bench.event()
    bench.stream.take(EVERYTHING)
    for _ in range(3):
        bench.sized(FRAME_SIZE_MAX_OUT_BYTES)
    assert bench.numbers() == [2, 3, 4]
    assert bench.stream.stored_bytes == 3 * FRAME_SIZE_MAX_OUT_BYTES
    assert bench.taken() == [2, 3, 4]
    bench.event()
    assert bench.numbers() == [5] if FRAME_SIZE_MAX_OUT_BYTES + 88 > DEPTH else [4, 5]


def test_trimming_tells_how_much_went(bench: Bench) -> None:
    for _ in range(4):
        bench.event()
    bench.stream.take(EVERYTHING)
    assert bench.stream.trim_to(88 * 3) == 88
    assert bench.stream.trim_to(88 * 3) == 0
    assert bench.stream.trim_to(0) == 88 * 3
    assert (bench.numbers(), bench.stream.oldest_number, bench.stream.next_number) == ([], 5, 5)
    bench.event()
    assert bench.numbers() == [5]


def test_all_streams_of_a_pool_are_counted_together() -> None:
    pool = ChunkPool()
    one, two = Bench(pool), Bench(pool)
    one.event()
    two.event()
    two.event()
    assert pool.stored_bytes == 3 * 88
    one.stream.reset()
    assert pool.stored_bytes == 2 * 88
    two.stream.trim_to(88)
    assert pool.stored_bytes == 88


def test_a_stream_that_goes_away_gives_its_chunks_back() -> None:
    pool = ChunkPool()
    for _ in range(3):
        bench = Bench(pool, depth_bytes=2 * SPARE_CHUNKS_MAX * CHUNK_BYTES)
        for _ in range(SPARE_CHUNKS_MAX + 3):
            bench.sized(FRAME_SIZE_MAX_OUT_BYTES)
        assert pool.stored_bytes == (SPARE_CHUNKS_MAX + 3) * FRAME_SIZE_MAX_OUT_BYTES
        del bench
        assert pool.stored_bytes == 0


# What is sent again


def test_a_resent_frame_is_the_first_one_but_for_the_resend_flag(bench: Bench) -> None:
    bench.session.last_processed = 3
    bench.session.send_reject(9, RejectReason.INVALID_FIELD_VALUE, b"no such thing", NOW)
    first = bench.stream.take(EVERYTHING)
    bench.session.last_processed = 4
    bench.stream.start_replay(1, 1)
    again = bench.stream.replay(WRITE_MAX, 4, NOW + 1)
    assert again == first[:1] + bytes([FLAG_RESEND]) + first[2:]
    assert bench.stream.replay(WRITE_MAX, 4, NOW + 1) == b""
    assert bench.numbers() == [1]


def test_a_gap_fill_stands_for_a_run_of_session_messages(bench: Bench) -> None:
    for part in (bench.heartbeat, bench.heartbeat, bench.event, bench.drill_answer, bench.event, bench.heartbeat):
        part()
    bench.taken()
    assert bench.replayed(1, 6) == [gap(1, 3), event(3), gap(4, 5), event(5), gap(6, 7)]


def test_a_gap_fill_has_the_number_that_it_stands_for_and_the_resend_flag(bench: Bench) -> None:
    bench.heartbeat()
    bench.taken()
    bench.stream.start_replay(1, 1)
    (frame,) = decoded(bench.stream.replay(WRITE_MAX, 12, NOW + 5))
    assert frame.header._asdict() == {
        "protocol_id": 0xDB,
        "flags": FLAG_RESEND,
        "message_length": GAP_FILL_BYTES,
        "message_type_id": 21,
        "version": 0,
        "sequence_number": 1,
        "last_processed_seq_no": 12,
        "send_time_ns": NOW + 5,
    }


def test_a_replay_ends_where_it_was_asked_to(bench: Bench) -> None:
    for _ in range(2):
        bench.event()
        bench.heartbeat()
    bench.taken()
    assert bench.replayed(1, 1) == [event(1)]
    assert bench.replayed(2, 2) == [gap(2, 3)]
    assert bench.replayed(2, 3) == [gap(2, 3), event(3)]


def test_one_gap_fill_stands_for_what_is_lost_and_the_session_messages_behind_it(bench: Bench) -> None:
    for part in (bench.event, bench.event, bench.heartbeat, bench.heartbeat, bench.event):
        part()
    bench.taken()
    bench.stream.trim_to(40 + 40 + 88)
    bench.stream.start_replay(1, 5)
    assert bench.stream.replay_lost_number == 2
    assert [brief(frame) for frame in decoded(bench.stream.replay(WRITE_MAX, 0, NOW))] == [gap(1, 5), event(5)]


def test_a_replay_of_what_is_all_lost_is_one_gap_fill(bench: Bench) -> None:
    for _ in range(3):
        bench.event()
    bench.taken()
    bench.stream.trim_to(0)
    bench.stream.start_replay(2, 3)
    assert bench.stream.replay_lost_number == 3
    assert bench.replayed(2, 3) == [gap(2, 4)]


def test_a_replay_is_pulled_in_pieces_with_live_frames_in_between() -> None:
    bench = Bench(depth_bytes=8 * CHUNK_BYTES)
    bench.stream.attach()
    for _ in range(8):
        bench.sized(CHUNK_BYTES // 2 - 8)
    bench.taken()
    bench.stream.start_replay(1, 8)
    pulled, live = [], []
    while bench.stream.replaying:
        pulled.append([number_of(frame) for frame in split(bench.stream.replay(1, 0, NOW))])
        bench.heartbeat()
        live += bench.taken()
    assert pulled == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert live == [9, 10, 11, 12]


def test_frames_lost_while_a_replay_goes_on_are_told_of_as_lost() -> None:
    bench = Bench(depth_bytes=4 * CHUNK_BYTES)
    bench.stream.attach()
    for _ in range(4):
        bench.sized(CHUNK_BYTES - 96)
    bench.taken()
    bench.stream.start_replay(1, 4)
    assert [number_of(frame) for frame in split(bench.stream.replay(1, 0, NOW))] == [1]
    bench.stream.trim_to(CHUNK_BYTES)
    assert (bench.stream.replay_number, bench.stream.replay_lost_number) == (2, 3)
    first, second = split(bench.stream.replay(CHUNK_BYTES, 0, NOW) + bench.stream.replay(CHUNK_BYTES, 0, NOW))
    assert brief(messages.decode(first)) == gap(2, 4)
    assert number_of(second) == 4


def test_a_lost_connection_ends_the_replay(bench: Bench) -> None:
    bench.event()
    bench.taken()
    bench.stream.start_replay(1, 1)
    bench.stream.detach()
    assert not bench.stream.replaying
    assert bench.stream.replay(WRITE_MAX, 0, NOW) == b""
    assert bench.stream.replay_lost_number == 0


# All of it at random, against a model that keeps everything


class Model:
    """What a stream must be able to say, kept without any cleverness."""

    def __init__(self) -> None:
        self.frames: dict[int, bytes] = {}
        self.transient: set[int] = set()
        self.silent: set[int] = set()  # stored, but a GapFill stands for it
        self.unsent: list[int] = []
        self.attached = False
        self.replay: tuple[int, int] | None = None

    def restart(self) -> None:
        attached = self.attached
        self.__init__()  # type: ignore[misc]
        self.attached = attached


class StreamMachine(RuleBasedStateMachine):
    """Two streams of one pool, so that a chunk given back by one turns up in the other."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ChunkPool()
        self.benches = [Bench(self.pool, DEPTH), Bench(self.pool, 3 * DEPTH)]
        self.models = [Model(), Model()]

    which = st.integers(0, 1)

    def committed(self, which: int, length: int, oldest: int, *, transient: bool = False, silent: bool = False) -> None:
        bench, model = self.benches[which], self.models[which]
        number = bench.stream.next_number - 1
        (frame,) = bench.stream.frames(number, number)
        assert len(frame) == length
        assert number == len(model.frames) + 1
        model.frames[number] = frame
        if model.attached:
            model.unsent.append(number)
        if transient:
            model.transient.add(number)
        if silent:
            model.silent.add(number)
        depth = DEPTH * (1 + 2 * which)
        assert bench.stream.stored_bytes <= max(depth, bench.stream.unsent_bytes)
        self.dropped_no_more_than_needed(which, oldest, depth)

    def dropped_no_more_than_needed(self, which: int, oldest: int, keep: int) -> None:
        bench, model = self.benches[which], self.models[which]
        if bench.stream.oldest_number != oldest:
            youngest = model.frames[bench.stream.oldest_number - 1]
            assert bench.stream.stored_bytes + len(youngest) > keep

    @rule(which=which, length=st.sampled_from([64, 136, 8_000, 32_760, 32_768, 40_000, FRAME_SIZE_MAX_OUT_BYTES]))
    def put(self, which: int, length: int) -> None:
        oldest = self.benches[which].stream.oldest_number
        self.benches[which].sized(length)
        self.committed(which, length, oldest)

    @rule(which=which, count=st.integers(1, 40))
    def put_heartbeats(self, which: int, count: int) -> None:
        for _ in range(count):
            oldest = self.benches[which].stream.oldest_number
            self.benches[which].heartbeat()
            self.committed(which, 40, oldest, transient=True, silent=True)

    @rule(which=which)
    def put_drill_answer(self, which: int) -> None:
        oldest = self.benches[which].stream.oldest_number
        self.benches[which].drill_answer()
        self.committed(which, 56, oldest, silent=True)

    @rule(which=which, bytes_max=st.sampled_from([1, 100, 60_000, 200_000, EVERYTHING]))
    def take(self, which: int, bytes_max: int) -> None:
        stream, model = self.benches[which].stream, self.models[which]
        data = stream.take(bytes_max)
        wanted: list[int] = []
        for number in model.unsent:
            if wanted and sum(len(model.frames[n]) for n in [*wanted, number]) > bytes_max:
                break
            wanted.append(number)
        assert data == b"".join(model.frames[number] for number in wanted)
        model.unsent = model.unsent[len(wanted) :]

    @rule(which=which, keep=st.integers(0, 200_000))
    def trim(self, which: int, keep: int) -> None:
        stream = self.benches[which].stream
        oldest, stored = stream.oldest_number, stream.stored_bytes
        assert stream.trim_to(keep) == stored - stream.stored_bytes
        assert stream.stored_bytes <= max(keep, stream.unsent_bytes)
        self.dropped_no_more_than_needed(which, oldest, keep)

    @rule(which=which)
    def attach(self, which: int) -> None:
        self.benches[which].stream.attach()
        self.models[which].attached = True
        self.models[which].unsent = []

    @rule(which=which)
    def detach(self, which: int) -> None:
        self.benches[which].stream.detach()
        self.models[which].attached = False
        self.models[which].unsent = []
        self.models[which].replay = None

    @rule(which=which)
    def reset(self, which: int) -> None:
        self.benches[which].stream.reset()
        self.models[which].restart()

    @precondition(lambda self: any(model.frames and not model.replay for model in self.models))
    @rule(data=st.data())
    def start_replay(self, data: st.DataObject) -> None:
        which = data.draw(
            st.sampled_from([i for i, model in enumerate(self.models) if model.frames and not model.replay])
        )
        last = data.draw(st.integers(1, len(self.models[which].frames)))
        first = data.draw(st.integers(1, last))
        self.benches[which].stream.start_replay(first, last)
        self.models[which].replay = (first, last)

    @rule(which=which, bytes_max=st.sampled_from([1, 100_000]))
    def replay(self, which: int, bytes_max: int) -> None:
        stream, model = self.benches[which].stream, self.models[which]
        data = stream.replay(bytes_max, 5, NOW + 1)
        if model.replay is None:
            assert data == b""
            return
        at, last = model.replay
        stored = {number_of(frame) for frame in stream.frames(1, LAST)} - model.silent
        assert 0 < len(data) <= max(bytes_max, CHUNK_BYTES)
        for frame in split(data):
            following = at + 1
            while following <= last and following not in stored:
                following += 1
            if at in stored:
                first = model.frames[at]
                assert frame == first[:1] + bytes([FLAG_RESEND]) + first[2:]
                at += 1
            else:
                assert brief(messages.decode(frame)) == gap(at, following)
                at = following
        model.replay = (at, last) if at <= last else None

    @invariant()
    def stores_what_it_says(self) -> None:
        for bench, model in zip(self.benches, self.models, strict=True):
            stream = bench.stream
            frames = stream.frames(1, LAST)
            numbers = [number_of(frame) for frame in frames]
            assert numbers == sorted(set(numbers))
            assert frames == [model.frames[number] for number in numbers]
            assert not [number for number in numbers if number < stream.oldest_number]
            kept = {number for number in model.frames if number >= stream.oldest_number} - model.transient
            assert kept | set(model.unsent) <= set(numbers)
            assert stream.stored_bytes == sum(len(frame) for frame in frames)
            assert stream.unsent_bytes == sum(len(model.frames[number]) for number in model.unsent)
            assert (stream.next_number, stream.is_attached) == (len(model.frames) + 1, model.attached)
            assert stream.replaying == (model.replay is not None)
            if model.replay:
                at, last = model.replay
                lost = stream.oldest_number > at
                assert stream.replay_lost_number == (min(stream.oldest_number - 1, last) if lost else 0)
        assert self.pool.stored_bytes == sum(bench.stream.stored_bytes for bench in self.benches)


StreamMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestStreamAtRandom = StreamMachine.TestCase
