"""The outbound stream of one session.

A frame is encoded once, in place, into the stream's last chunk. From there it goes to the socket (`take`) and, when the
client asks, goes again (`replay`). What must hold:

1. Chunks are linked by index, oldest first; a frame never spans two chunks; every chunk but the last holds a frame.
2. `head_offset` is where the oldest stored frame starts in the head chunk; nothing below `oldest_number` is stored.
3. `(sent_chunk, sent_offset)` is the first byte not yet handed to the socket, and `unsent_bytes` lie from there to the end.
   Unsent frames are never trimmed. With no connection attached nothing is unsent.
4. Numbers rise by one per frame. A number missing between two stored frames was a session message: those are not stored
   longer than it takes to send them (`transient`), so a day of heartbeats costs no memory, and a GapFill stands for them.
5. `stored_bytes` is the sum of the stored frames' lengths. Each frame that is written brings it to the depth and the
   allowance or below, or to what is unsent at that moment if that is more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from codec.layout cimport (
    FLAG_RESEND,
    FrameHeader,
    GapFill,
    HEADER_SIZE,
    TEMPLATE_GAP_FILL,
    TEMPLATE_HEARTBEAT,
    TEMPLATE_LOGGED_OUT,
    TEMPLATE_LOGON_CONF,
    TEMPLATE_OPEN_ORDERS_RESPONSE,
    TEMPLATE_SESSION_OPTIONS_RESPONSE,
    TEMPLATE_TEST_REQUEST,
)
from codec.wire cimport begin_frame, finish_frame

from gateway.limits import CHUNK_BYTES, SPARE_CHUNKS_MAX

cdef extern from *:
    void __builtin_prefetch(const void* address, int for_writing) nogil

cdef uint32_t CHUNK_SIZE = CHUNK_BYTES
cdef uint32_t SPARE_MAX = SPARE_CHUNKS_MAX
cdef uint32_t GAP_FILL_LENGTH = HEADER_SIZE + sizeof(GapFill)


cdef bint is_session_message(uint16_t template_id) noexcept nogil:
    """Frames that a GapFill stands for in a replay (protocol 8.3)."""
    return (
        template_id == TEMPLATE_HEARTBEAT
        or template_id == TEMPLATE_TEST_REQUEST
        or template_id == TEMPLATE_LOGON_CONF
        or template_id == TEMPLATE_LOGGED_OUT
        or template_id == TEMPLATE_SESSION_OPTIONS_RESPONSE
        or template_id == TEMPLATE_OPEN_ORDERS_RESPONSE
    )


cdef class ChunkPool:
    """The chunks of all streams of one gateway, with the count of bytes stored that `resend_total_bytes` bounds."""

    def __cinit__(self):
        self.spare_head = NO_CHUNK
        self.bare_head = NO_CHUNK

    def __dealloc__(self):
        cdef uint32_t index
        for index in range(self.count):
            free(self.chunks[index].data)
        free(self.chunks)

    def frames_out_of(self, uint16_t template_id) -> int:
        """Frames of this message type that have been put into streams so far."""
        return self.frames_out[template_id & (MESSAGE_TYPES - 1)]

    cdef uint32_t take(self) noexcept:
        """An empty chunk's index, or NO_CHUNK when there is no memory."""
        cdef uint32_t index = self.spare_head
        if index != NO_CHUNK:
            self.spare_head = self.chunks[index].next
            self.spare_count -= 1
        else:
            index = self._with_memory()
            if index == NO_CHUNK:
                return NO_CHUNK
        self.chunks[index].used = 0
        self.chunks[index].next = NO_CHUNK
        return index

    cdef void give_back(self, uint32_t index) noexcept:
        if self.spare_count < SPARE_MAX:
            self.spare_count += 1
            self.chunks[index].next = self.spare_head
            self.spare_head = index
        else:
            free(self.chunks[index].data)
            self.chunks[index].data = NULL
            self.chunks[index].next = self.bare_head
            self.bare_head = index

    cdef uint32_t _with_memory(self) noexcept:
        cdef uint32_t index = self.bare_head
        cdef uint8_t* data
        if index == NO_CHUNK and not self._grow():
            return NO_CHUNK
        data = <uint8_t*>malloc(CHUNK_SIZE)
        if data == NULL:
            return NO_CHUNK
        index = self.bare_head
        self.bare_head = self.chunks[index].next
        self.chunks[index].data = data
        return index

    cdef bint _grow(self) noexcept:
        # Only the table of chunks is moved, never the chunks.
        cdef uint32_t capacity = 64 if self.capacity == 0 else self.capacity * 2
        cdef Chunk* chunks = <Chunk*>realloc(self.chunks, capacity * sizeof(Chunk))
        cdef uint32_t index
        if chunks == NULL:
            return False
        for index in range(self.capacity, capacity):
            chunks[index].data = NULL
            chunks[index].used = 0
            chunks[index].next = self.bare_head
            self.bare_head = index
        self.chunks = chunks
        self.capacity = capacity
        self.count = capacity
        return True


cdef class Stream:
    """Numbered outbound frames of one (API key, gateway), from generation to generation.

    `depth_bytes` bounds what is stored for resend; `pool` is shared by all streams of the gateway.
    """

    def __cinit__(self, ChunkPool pool, uint64_t depth_bytes):
        self.pool = pool
        self.depth_bytes = depth_bytes
        self.generation = 0
        self.attached = False
        self.head = NO_CHUNK
        self._start()

    def __dealloc__(self):
        if self.pool is not None:
            self._drop_all()

    # queries

    @property
    def is_attached(self) -> bool:
        return self.attached

    def frames(self, first_number, last_number):
        """The stored frames numbered first_number to last_number, as a list of bytes, oldest first."""
        cdef int64_t first = first_number
        cdef int64_t last = last_number
        cdef uint32_t chunk = self.head
        cdef uint32_t offset = self.head_offset
        cdef const FrameHeader* header
        found = []
        while chunk != NO_CHUNK:
            while offset < self.pool.chunks[chunk].used:
                header = <const FrameHeader*>(self.pool.chunks[chunk].data + offset)
                if first <= header.sequence_number <= last:
                    found.append(PyBytes_FromStringAndSize(<const char*>header, header.message_length))
                offset += header.message_length
            chunk = self.pool.chunks[chunk].next
            offset = 0
        return found

    # commands

    cdef uint8_t* reserve(self, uint32_t length) except NULL:
        """Room for one frame of at most `length` bytes behind everything stored; fill it, then `commit`."""
        cdef uint32_t chunk
        self._drop_sent_transients()
        if self.head != NO_CHUNK and self.head == self.tail and self.head_offset == self.pool.chunks[self.tail].used:
            self._rewind()
        if self.tail == NO_CHUNK or self.pool.chunks[self.tail].used + length > CHUNK_SIZE:
            if length > CHUNK_SIZE:
                raise ValueError(f"a frame of {length} bytes: wanted at most {CHUNK_SIZE}")
            chunk = self.pool.take()
            if chunk == NO_CHUNK:
                raise MemoryError("no memory for a stream's next chunk")
            if self.tail == NO_CHUNK:
                self.head = chunk
                self.head_offset = 0
            else:
                self.pool.chunks[self.tail].next = chunk
            if self.unsent_bytes == 0:
                self.sent_chunk = chunk
                self.sent_offset = 0
            self.tail = chunk
            self.transient_offset = NO_CHUNK
        return self.pool.chunks[self.tail].data + self.pool.chunks[self.tail].used

    cdef void commit(self, uint32_t length, bint transient) noexcept:
        """The frame written at the place that `reserve` gave is `length` bytes long and has the number `next_number`.

        `transient` frames (session messages) are kept only until they are sent.
        """
        cdef Chunk* chunk = &self.pool.chunks[self.tail]
        if not transient:
            self.transient_offset = NO_CHUNK
        elif self.transient_offset == NO_CHUNK:
            self.transient_offset = chunk.used
        chunk.used += length
        self.next_number += 1
        self.stored_bytes += length
        self.pool.stored_bytes += length
        if self.attached:
            self.unsent_bytes += length
        else:
            self.sent_chunk = self.tail
            self.sent_offset = chunk.used
        if self.stored_bytes > self.depth_bytes + self.allowance_bytes:
            self.trim(self.depth_bytes + self.allowance_bytes)

    cdef uint64_t trim(self, uint64_t keep_bytes) noexcept:
        """Forgets the oldest sent frames until at most `keep_bytes` are stored; returns how many bytes went."""
        cdef uint64_t before = self.stored_bytes
        while self.stored_bytes > keep_bytes and self.stored_bytes > self.unsent_bytes:
            self._drop_oldest()
        return before - self.stored_bytes

    cdef void make_room(self, uint64_t length) noexcept:
        """Forgets what a frame of that length would push out, before it is written."""
        self.trim(self.depth_bytes + self.allowance_bytes - min(length, self.depth_bytes))

    def trim_to(self, keep_bytes) -> int:
        """`trim`, from Python: bytes to keep in, bytes forgotten out."""
        return self.trim(keep_bytes)

    def allow(self, uint64_t more_bytes) -> None:
        """Stores so much more than the depth, for frames that must outlive it, until `end_allowance`."""
        self.allowance_bytes += more_bytes

    def end_allowance(self) -> None:
        """From the next frame on, no more than the depth is stored."""
        self.allowance_bytes = 0

    def attach(self) -> None:
        """A connection takes the stream over: what is committed from now on is unsent; what went before it is not its business."""
        self.attached = True
        self._mark_all_sent()

    def detach(self) -> None:
        """The connection is gone: nothing is unsent, and a replay that was going on is over."""
        self.attached = False
        self.replaying = False
        self._mark_all_sent()

    def reset(self) -> None:
        """A new generation starts at number 1 and remembers nothing of the old one."""
        self._drop_all()
        self._start()

    cpdef bytes take(self, Py_ssize_t bytes_max):
        """The next unsent frames as one `bytes` of about bytes_max, b"" when there are none.

        Never half a frame, and at least one.
        """
        if self.unsent_bytes == 0:
            return b""
        if self.unsent_bytes <= <uint64_t>bytes_max:
            return self.copy_out(<Py_ssize_t>self.unsent_bytes)
        return self.copy_out(self._whole_frames(bytes_max))

    cdef bytes copy_out(self, Py_ssize_t size):
        """The next `size` unsent bytes; there are so many. They count as sent with that."""
        cdef bytes joined = PyBytes_FromStringAndSize(NULL, size)
        cdef char* out = PyBytes_AS_STRING(joined)
        cdef const uint8_t* data
        cdef Py_ssize_t length
        while size > 0:
            data = self.unsent(&length)
            length = min(length, size)
            memcpy(out, data, length)
            self.mark_sent(length)
            out += length
            size -= length
        return joined

    cdef const uint8_t* unsent(self, Py_ssize_t* length) noexcept:
        """The next unsent bytes that lie in one piece, as they are until the next `commit`; their number may be 0."""
        if self.unsent_bytes == 0:
            length[0] = 0
            return NULL
        if self.sent_offset == self.pool.chunks[self.sent_chunk].used:
            self.sent_chunk = self.pool.chunks[self.sent_chunk].next
            self.sent_offset = 0
        length[0] = self.pool.chunks[self.sent_chunk].used - self.sent_offset
        return self.pool.chunks[self.sent_chunk].data + self.sent_offset

    cdef void mark_sent(self, Py_ssize_t length) noexcept:
        """So many of the bytes that `unsent` gave are with the socket. Whoever stops inside a frame takes its rest at once."""
        self.sent_offset += <uint32_t>length
        self.unsent_bytes -= length

    # replay: one at a time, pulled as the socket drains

    def start_replay(self, from_number, to_number) -> None:
        """Makes ready to send frames from_number to to_number (both inclusive, already checked) once more."""
        self.replaying = True
        self.replay_number = from_number
        self.replay_to_number = to_number
        self.replay_chunk = NO_CHUNK

    @property
    def replay_lost_number(self) -> int:
        """The last number of those that the replay still owes but that are no longer stored; 0 if there are none."""
        if not self.replaying or self.replay_number >= self.oldest_number:
            return 0
        return min(self.oldest_number - 1, self.replay_to_number)

    cpdef bytes replay(self, Py_ssize_t bytes_max, int64_t last_processed, int64_t now):
        """The next resent frames as one `bytes` of at most about bytes_max, b"" when the replay is over.

        Resent frames are byte for byte the first ones but for the resend flag; a GapFill stands for each run of numbers
        that were session messages or are no longer stored.
        """
        cdef Py_ssize_t room = bytes_max if bytes_max > <Py_ssize_t>CHUNK_SIZE else <Py_ssize_t>CHUNK_SIZE
        cdef Py_ssize_t used = 0
        cdef uint8_t* out
        cdef const FrameHeader* header
        if not self.replaying:
            return b""
        joined = bytearray(room)
        out = <uint8_t*>(<char*>joined)
        self._find_replay_place()
        while self.replay_number <= self.replay_to_number:
            header = self._replay_header()
            if header == NULL or header.sequence_number > self.replay_number:
                if used + GAP_FILL_LENGTH + 8 > room:
                    break
                used += self._gap_fill(out + used, header, last_processed, now)
                continue
            if used + header.message_length > room:
                break
            memcpy(out + used, header, header.message_length)
            (<FrameHeader*>(out + used)).flags |= FLAG_RESEND
            used += header.message_length
            self.replay_number += 1
            self.replay_offset += header.message_length
        self.replaying = self.replay_number <= self.replay_to_number
        return bytes(joined[:used])

    cdef Py_ssize_t _gap_fill(self, uint8_t* at, const FrameHeader* header, int64_t last_processed, int64_t now) noexcept:
        # Stands for everything from replay_number up to the frame `header`, or to the end of what was asked for.
        cdef int64_t new_number = self.replay_to_number + 1
        if header != NULL and header.sequence_number < new_number:
            new_number = header.sequence_number
        begin_frame(at, TEMPLATE_GAP_FILL, 0, self.replay_number, last_processed, now)
        (<FrameHeader*>at).flags = FLAG_RESEND
        (<GapFill*>(at + HEADER_SIZE)).new_sequence_number = new_number
        self.replay_number = new_number
        return finish_frame(at, GAP_FILL_LENGTH)

    # inside

    cdef const FrameHeader* _replay_header(self) noexcept:
        # The stored frame at the replay's place that may be sent again; NULL at the end of the stream.
        cdef const FrameHeader* header
        while self.replay_chunk != NO_CHUNK:
            while self.replay_offset < self.pool.chunks[self.replay_chunk].used:
                header = <const FrameHeader*>(self.pool.chunks[self.replay_chunk].data + self.replay_offset)
                if header.sequence_number >= self.replay_number and not is_session_message(header.message_type_id):
                    return header
                self.replay_offset += header.message_length
            if self.pool.chunks[self.replay_chunk].next == NO_CHUNK:
                return NULL
            self.replay_chunk = self.pool.chunks[self.replay_chunk].next
            self.replay_offset = 0
        return NULL

    cdef void _find_replay_place(self) noexcept:
        # Known from the last pull, unless the frames there were trimmed since: then search from the oldest chunk.
        cdef uint32_t following
        if self.replay_chunk != NO_CHUNK:
            if self.replay_chunk == self.head and self.replay_offset < self.head_offset:
                self.replay_offset = self.head_offset
            return
        self.replay_chunk = self.head
        self.replay_offset = self.head_offset
        while self.replay_chunk != NO_CHUNK:
            following = self.pool.chunks[self.replay_chunk].next
            if following == NO_CHUNK:
                return
            if (<const FrameHeader*>self.pool.chunks[following].data).sequence_number > self.replay_number:
                return
            self.replay_chunk = following
            self.replay_offset = 0

    cdef Py_ssize_t _whole_frames(self, Py_ssize_t bytes_max) noexcept:
        # The length of the longest run of whole unsent frames within bytes_max, or of the first frame alone.
        cdef uint32_t chunk = self.sent_chunk
        cdef uint32_t offset = self.sent_offset
        cdef Py_ssize_t total = 0
        cdef uint16_t length
        while True:
            while offset < self.pool.chunks[chunk].used:
                length = (<const FrameHeader*>(self.pool.chunks[chunk].data + offset)).message_length
                if total + length > bytes_max and total > 0:
                    return total
                total += length
                offset += length
            chunk = self.pool.chunks[chunk].next
            offset = 0
            if chunk == NO_CHUNK:
                return total

    cdef void _drop_sent_transients(self) noexcept:
        cdef uint32_t start = self.transient_offset
        cdef uint32_t used
        if start == NO_CHUNK or self.unsent_bytes != 0:
            return
        if self.head == self.tail and start < self.head_offset:
            start = self.head_offset
        used = self.pool.chunks[self.tail].used
        self.stored_bytes -= used - start
        self.pool.stored_bytes -= used - start
        self.pool.chunks[self.tail].used = start
        self.sent_offset = start
        if self.replay_chunk == self.tail and self.replay_offset > start:
            self.replay_offset = start
        self.transient_offset = NO_CHUNK
        self._drop_empty_tail()

    cdef void _rewind(self) noexcept:
        # The only chunk holds nothing: it is used from its start again.
        self.pool.chunks[self.tail].used = 0
        self.head_offset = 0
        self.sent_offset = 0
        self.transient_offset = NO_CHUNK
        self.replay_chunk = NO_CHUNK

    cdef void _drop_empty_tail(self) noexcept:
        # A chunk that holds no frame is only ever the single one, so that "first frame of the next chunk" always exists.
        cdef uint32_t chunk
        if self.pool.chunks[self.tail].used != 0 or self.head == self.tail:
            return
        chunk = self.head
        while self.pool.chunks[chunk].next != self.tail:
            chunk = self.pool.chunks[chunk].next
        if self.replay_chunk == self.tail:
            self.replay_chunk = NO_CHUNK
        self.pool.give_back(self.tail)
        self.pool.chunks[chunk].next = NO_CHUNK
        self.tail = chunk
        self.sent_chunk = chunk
        self.sent_offset = self.pool.chunks[chunk].used

    cdef void _drop_oldest(self) noexcept:
        cdef const FrameHeader* header = <const FrameHeader*>(self.pool.chunks[self.head].data + self.head_offset)
        cdef uint32_t chunk
        self.oldest_number = header.sequence_number + 1
        self.stored_bytes -= header.message_length
        self.pool.stored_bytes -= header.message_length
        self.head_offset += header.message_length
        # The next one to go was written long ago: by the time it is looked at, it shall be in the cache again.
        __builtin_prefetch(self.pool.chunks[self.head].data + self.head_offset, 0)
        if self.head_offset == self.pool.chunks[self.head].used and self.head != self.tail:
            chunk = self.head
            self.head = self.pool.chunks[chunk].next
            self.head_offset = 0
            if self.replay_chunk == chunk:
                self.replay_chunk = NO_CHUNK
            if self.sent_chunk == chunk:
                self.sent_chunk = self.head
                self.sent_offset = 0
            self.pool.give_back(chunk)

    cdef void _drop_all(self) noexcept:
        cdef uint32_t chunk = self.head
        cdef uint32_t following
        while chunk != NO_CHUNK:
            following = self.pool.chunks[chunk].next
            self.pool.give_back(chunk)
            chunk = following
        self.pool.stored_bytes -= self.stored_bytes
        self.head = NO_CHUNK

    cdef void _mark_all_sent(self) noexcept:
        self.unsent_bytes = 0
        self.sent_chunk = self.tail
        self.sent_offset = 0 if self.tail == NO_CHUNK else self.pool.chunks[self.tail].used

    cdef void _start(self) noexcept:
        self.generation += 1
        self.head = NO_CHUNK
        self.head_offset = 0
        self.tail = NO_CHUNK
        self.sent_chunk = NO_CHUNK
        self.sent_offset = 0
        self.transient_offset = NO_CHUNK
        self.next_number = 1
        self.oldest_number = 1
        self.stored_bytes = 0
        self.unsent_bytes = 0
        self.replaying = False
        self.replay_chunk = NO_CHUNK
