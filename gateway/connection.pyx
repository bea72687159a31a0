"""The shell's hot half: one buffered protocol per connection, over one shared read buffer.

The measured facts about uvloop that shape this file stand in the design; what follows from them:

1. All connections read into one buffer. A connection keeps only what is not a whole frame yet, and `get_buffer` puts
   that in front of the place that it offers, so frames are always parsed in one piece.
2. A connection that filled the buffer has had its share of the turn: it is paused until the end of the turn, so that a
   flood on one line does not hide the end of another.
3. What one read caused to be said to its own sender goes out in one write at the end of that read; what it caused to be
   said to others, in one write each at the end of the turn. A turn ends when everything that was ready to be read has
   been read.
4. Frames go to the socket from where they lie in the stream, past the transport, as long as the transport holds nothing:
   one system call, no copy. The transport is handed the rest when the socket takes no more, and nothing else until the
   socket took all of that. So `pause_writing` means exactly "the socket is full", and what waits, waits in the session's
   stream, once.
5. End of file is acted on at once, and lines are let go by `abort`: `close` would wait for bytes that nobody takes.
   What the kernel has of a line that is let go goes on to a client that has closed its side, which reads to the end; for
   any other the line is reset, or the kernel would keep those bytes for as long as nobody takes them.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

from gateway.dispatch cimport Dispatcher
from gateway.stream cimport Stream
from gateway.session cimport (
    CLOSING_ABORT, CLOSING_NOT, LINK_CLOSED, LINK_CLOSING, LINK_LIVE, LINK_WAITING, LISTING_WAITS, Link, Session,
)

from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import NamedTuple

from gateway.limits import (
    BACKLOG_MARKS_PER_LIMIT, CONNECTIONS_MAX, FRAME_SIZE_MAX_IN_MOST_BYTES, HELD_UP_UNREAD_BYTES, READ_BUFFER_BYTES,
    STALL_LEAST_MS, WRITE_MAX_BYTES,
)

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
    ssize_t send(int descriptor, const void* data, size_t length, int flags)

cdef size_t READ_SIZE = READ_BUFFER_BYTES
cdef size_t HELD_UP_UNREAD = HELD_UP_UNREAD_BYTES
cdef size_t PARTIAL_MAX = FRAME_SIZE_MAX_IN_MOST_BYTES + 8
cdef Py_ssize_t WRITE_MAX = WRITE_MAX_BYTES
cdef int64_t MARKS_PER_LIMIT = BACKLOG_MARKS_PER_LIMIT
cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t MILLISECOND_NS = 1_000_000
cdef bytes ON_AND_NO_TIME = pack("ii", 1, 0)
cdef int64_t STALL_LEAST_NS = STALL_LEAST_MS * MILLISECOND_NS


class LineCensus(NamedTuple):
    """How many connections, bytes of theirs not processed yet, and bytes that transports hold as their sockets are full."""

    connections: int
    received_bytes: int
    held_bytes: int


cdef int64_t read_clock(int clock) noexcept nogil:
    cdef timespec time
    clock_gettime(clock, &time)
    return time.tv_sec * SECOND_NS + time.tv_nsec


cdef double seconds(int64_t ns) noexcept nogil:
    return ns / <double>SECOND_NS


cdef class Shell:
    """What all connections of one gateway share: the core, the loop, the clock, the read buffer and the turn.

    `settings` is the [gateway] table; `turn_ended(now)` is called at the end of each turn that did anything.
    An instance is also the buffer that transports read into.
    """

    def __cinit__(self, core, loop, settings, turn_ended):
        self.core = core
        self.loop = loop
        self.turn_ended = turn_ended
        self.connections = set()
        self.dispatcher = core.dispatcher
        self.dirty_sessions = core.dirty_sessions
        self.closing_links = core.closing_links
        self.paused = []
        self.filled = set()
        self.close_linger_ns = settings.close_linger_ms * MILLISECOND_NS
        self.slow_consumer_ns = settings.slow_consumer_ms * MILLISECOND_NS
        self.slow_consumer_bytes = settings.slow_consumer_bytes
        self.look_expected_ns = INT64_MAX
        # Core time is the wall clock at the start plus the time since: it never goes back.
        self.wall_clock_offset_ns = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)
        self.buffer_size = PARTIAL_MAX + READ_SIZE
        self.buffer = <uint8_t*>malloc(self.buffer_size)
        if self.buffer == NULL:
            raise MemoryError("no memory for the read buffer")

    def __dealloc__(self):
        free(self.buffer)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.buffer + self.offered_at, READ_SIZE, False, flags)

    cpdef int64_t now(self) noexcept:
        """Core time, ns since the epoch."""
        return read_clock(CLOCK_MONOTONIC) + self.wall_clock_offset_ns

    def monotonic_ns(self, int64_t at) -> int:
        """The reading of CLOCK_MONOTONIC at a core time, both ns."""
        return at - self.wall_clock_offset_ns

    cpdef int64_t look(self) except? -1:
        """The time for an input of the core, which is told first if the gateway stood still until now.

        It did if somebody should have looked long ago and nobody did. However much there was to do between two looks
        in a row, a gateway that looks all the time does not stand still.
        """
        cdef int64_t now = self.now()
        cdef int64_t late_ns = now - self.look_expected_ns
        if late_ns > 0:
            self.look_expected_ns = now
            if late_ns >= STALL_LEAST_NS:
                self.core.stalled(late_ns)
        return now

    def expect_look(self, at) -> None:
        """Somebody is to look at the core time `at`, ns; None when there is nothing to look for."""
        self.look_expected_ns = INT64_MAX if at is None else at

    def after_pass(self, callback, *arguments) -> None:
        """For timers: calls back when all sockets that are ready now have been read and written."""
        # What is called soon from a timer or a read runs before the next poll; what is called soon from there, after it.
        self.loop.call_soon(self.loop.call_soon, callback, *arguments)

    def new_connection(self) -> Connection:
        """The protocol factory."""
        return Connection(self)

    def end_turn(self) -> None:
        """Everything that was ready has been read: a step of the work under way, then one write per session."""
        cdef int64_t now = self.look()
        self.turn_scheduled = False
        try:
            if self.core.is_busy:
                self.core.step(now)
            self.flush_sessions(now)
            self.close_links(now)
        finally:
            # Whatever failed above: nobody stays unread, and the work that is under way goes on.
            paused, self.paused = self.paused, []
            for connection in paused:
                if (<Connection>connection).must_stay_unread():
                    self.paused.append(connection)
                else:
                    (<Connection>connection).resume_reading()
            if self.core.is_busy or self.dirty_sessions or self.closing_links:
                self.schedule_turn()
            self.turn_ended(now)

    cdef int after_input(self, Connection connection) except -1:
        cdef Session session = connection.session
        if connection.state == LINK_LIVE and session.dirty:
            if len(self.dirty_sessions) == 1:
                # The usual case: only the sender has anything to hear.
                self.dirty_sessions.clear()
            session.dirty = False
            connection.flush(self.now())
        if self.dirty_sessions or self.closing_links or self.core.is_busy:
            self.schedule_turn()
        return 0

    cdef int schedule_turn(self) except -1:
        if not self.turn_scheduled:
            self.turn_scheduled = True
            self.loop.call_soon(self.end_turn)
        return 0

    def wake(self) -> None:
        """Something happened outside of a connection: have a turn."""
        self.schedule_turn()

    def line_census(self) -> LineCensus:
        """The LineCensus of all connections, that of the canary left out once it has logged on."""
        cdef Connection connection
        cdef Py_ssize_t count = 0
        cdef uint64_t received = 0
        cdef uint64_t held = 0
        for connection in self.connections:
            if connection.session is not None and connection.session.is_canary:
                continue
            count += 1
            received += connection.pending_used
            if connection.write_blocked and connection.transport is not None:
                held += connection.transport.get_write_buffer_size()
        return LineCensus(count, received, held)

    cdef int flush_sessions(self, int64_t now) except -1:
        cdef Session session
        cdef Connection connection
        cdef list sessions = self.dirty_sessions[:]
        self.dirty_sessions.clear()
        for session in sessions:
            if session.dirty:
                session.dirty = False
                connection = <Connection>session.link
                if connection is not None:
                    try:
                        connection.flush(now)
                    except Exception as error:
                        connection.fail(error)
        return 0

    cdef int close_links(self, int64_t now) except -1:
        cdef Connection connection
        while self.closing_links:
            connection = <Connection>self.closing_links.pop()
            try:
                connection.close_as_told(now)
            except Exception as error:
                connection.fail(error)
        return 0


cdef class Connection(Link):
    """One connection: a link of the core with a transport. It knows when bytes move, not what they mean."""

    def __cinit__(self, Shell shell not None):
        self.shell = shell

    # what the transport calls

    def connection_made(self, transport) -> None:
        self.transport = transport
        if len(self.shell.connections) >= CONNECTIONS_MAX:
            # Nobody who is connected already gives way to it.
            transport.abort()
            return
        transport.set_write_buffer_limits(0)
        self.descriptor = transport.get_extra_info("socket").fileno()
        self.shell.connections.add(self)
        self.shell.core.connected(self, self.shell.look())
        self.shell.schedule_turn()

    def get_buffer(self, sizehint) -> Shell:
        cdef Shell shell = self.shell
        self.offered = 0
        if self.state < LINK_CLOSING and self.state != LINK_WAITING and not self.is_held_up and self.pending_used != 0:
            self.offered = self.pending_used
            memcpy(shell.buffer, self.pending, self.pending_used)
        shell.offered_at = self.offered
        return shell

    def buffer_updated(self, size_t size) -> None:
        cdef Shell shell = self.shell
        cdef int64_t now = shell.look()
        cdef size_t total = self.offered + size
        cdef size_t consumed
        cdef bint was_live = self.state == LINK_LIVE
        if self.state == LINK_WAITING or self.is_held_up:
            shell.dispatcher.hold(self, shell.buffer, size, now)
        elif self.state < LINK_CLOSING:
            consumed = shell.dispatcher.received(self, shell.buffer, total, now)
            self.pending_used = 0
            if consumed < total:
                shell.dispatcher.hold(self, shell.buffer + consumed, total - consumed, now)
        else:
            shell.dispatcher.drop(self, shell.buffer, size)
        if size == READ_SIZE or self.must_stay_unread():
            self.pause_reading()
        shell.after_input(self)
        # A logon, or a request with a timer behind it: there may be something to do before the next look that was planned.
        if not was_live or shell.dispatcher.due_ns() < shell.look_expected_ns:
            shell.schedule_turn()

    def eof_received(self) -> bool:
        cdef Shell shell = self.shell
        self.half_closed = True
        if self.state < LINK_CLOSING:
            shell.core.half_closed(self, shell.look())
            shell.after_input(self)
        elif self.linger is not None and not self.write_blocked:
            # All is told, and the client has closed: that is all there is to wait for.
            self.abort()
        return True

    def connection_lost(self, error) -> None:
        cdef Shell shell = self.shell
        self.transport = None
        for timer in (self.linger, self.slow_check):
            if timer is not None:
                timer.cancel()
        self.linger = self.slow_check = None
        if error is not None:
            shell.core.undelivered(self)
        shell.connections.discard(self)
        shell.filled.discard(self)
        shell.core.lost(self, shell.look())
        self.forget_pending()
        shell.schedule_turn()

    def pause_writing(self) -> None:
        cdef int64_t now = self.shell.now()
        self.write_blocked = True
        self.blocked_ns = now
        if self.backlog_marks is None:
            self.backlog_marks = []
            self.judge_backlog(now)

    def resume_writing(self) -> None:
        self.write_blocked = False
        if self.closing != CLOSING_NOT:
            self.told_all()
            return
        self.flush(self.shell.now())
        if not self.write_blocked:
            self.backlog_marks = None

    # reading

    cdef int pause_reading(self) except -1:
        if self.transport is not None:
            self.transport.pause_reading()
            self.shell.paused.append(self)
            self.shell.filled.add(self)
            self.shell.schedule_turn()
        return 0

    cdef bint must_stay_unread(self) noexcept:
        """Whether enough has been read of a client that dead orders hold up."""
        return self.is_held_up and self.state == LINK_LIVE and self.pending_used > HELD_UP_UNREAD

    cdef int resume_reading(self) except -1:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        return 0

    # writing

    cdef int flush(self, int64_t now) except -1:
        """Hands the socket what the session's stream has for it, live frames first, until the socket is full.

        Of a replay it is one piece a turn: everybody else has waited long enough by then.
        """
        cdef Session session = self.session
        cdef bint has_replayed = False
        if self.transport is None or session.link is not self:
            return 0
        while not self.write_blocked:
            if session.stream.unsent_bytes != 0:
                self.send_live(session.stream)
            elif not session.stream.replaying:
                session.reissued_bytes = 0
                if session.listing == LISTING_WAITS:
                    self.shell.core.drained(session)
                    self.shell.schedule_turn()
                break
            elif has_replayed:
                session.mark_dirty()
                self.shell.schedule_turn()
                break
            elif not session.tell_lost(now):
                self.write(session.stream.replay(WRITE_MAX, session.last_processed, now), True)
                has_replayed = True
        # Cancels of its former connection come all at once, so that nobody is slow who has not taken them yet.
        if self.write_blocked and self.state == LINK_LIVE and (
                self.unsent_bytes() > self.shell.slow_consumer_bytes + session.reissued_bytes):
            self.shell.core.slow(self, now)
            self.shell.schedule_turn()
        return 0

    cdef int send_live(self, Stream stream) except -1:
        """The next piece of the stream goes to the socket from where it lies; what the socket does not take, and any
        error, is the transport's to see to."""
        cdef Py_ssize_t length
        cdef const uint8_t* data = stream.unsent(&length)
        cdef ssize_t sent = send(self.descriptor, data, length, MSG_DONTWAIT | MSG_NOSIGNAL)
        self.live_bytes_written += length
        stream.mark_sent(max(sent, 0))
        if sent < length:
            self.write(stream.copy_out(length - max(sent, 0)), False)
        return 0

    cdef int write(self, bytes data, bint is_replay) except -1:
        if PyBytes_GET_SIZE(data) != 0:
            self.blocked_by_replay = is_replay
            self.transport.write(data)
        return 0

    cdef uint64_t unsent_bytes(self) except? 0:
        """Live bytes that the socket has not taken; resent ones do not count."""
        cdef uint64_t held = 0 if self.blocked_by_replay else self.transport.get_write_buffer_size()
        return held + self.session.stream.unsent_bytes

    cdef int judge_backlog(self, int64_t now) except -1:
        """Whether the oldest unsent byte is too old, by marks of how much had been queued at which time."""
        cdef int64_t delay_ns
        cdef uint64_t sent
        cdef uint64_t queued
        if self.state != LINK_LIVE or not self.write_blocked:
            return 0
        queued = self.live_bytes_written + self.session.stream.unsent_bytes
        sent = queued - self.unsent_bytes()
        self.backlog_marks = [mark for mark in self.backlog_marks if mark[0] > sent]
        if self.backlog_marks and now - self.backlog_marks[0][1] >= self.shell.slow_consumer_ns:
            self.shell.core.slow(self, now)
            self.shell.schedule_turn()
            return 0
        if queued > sent:
            self.backlog_marks.append((queued, now))
        if self.slow_check is None:
            delay_ns = self.shell.slow_consumer_ns / MARKS_PER_LIMIT
            self.slow_check_due_ns = now + delay_ns
            self.slow_check = self.shell.loop.call_later(seconds(delay_ns), self.shell.after_pass, self._check_backlog)
        return 0

    def _check_backlog(self) -> None:
        cdef int64_t now = self.shell.now()
        cdef int64_t late_ns = now - self.slow_check_due_ns
        self.slow_check = None
        if self.backlog_marks is None:
            return
        if late_ns >= STALL_LEAST_NS:
            # The gateway stood still: for so long the bytes did not wait for the client.
            self.backlog_marks = [(queued, time + late_ns) for queued, time in self.backlog_marks]
        self.judge_backlog(now)

    # closing

    cdef int close_as_told(self, int64_t now) except -1:
        """The core is done with this link: its last bytes, then the line."""
        if self.state == LINK_CLOSED or self.transport is None:
            return 0
        if self.closing == CLOSING_ABORT or self.write_blocked and now - self.blocked_ns >= self.shell.close_linger_ns:
            # A client that takes no bytes is not waited for.
            self.reset()
            return 0
        self.write(self.farewell, False)
        self.linger = self.shell.loop.call_later(seconds(self.shell.close_linger_ns), self.reset)
        self.transport.write_eof()
        if not self.write_blocked:
            self.told_all()
        return 0

    cdef int told_all(self) except -1:
        """The socket took the last byte."""
        if not self.transport.is_closing():
            self.shell.core.delivered(self)
        if self.half_closed:
            self.abort()
        return 0

    cdef int fail(self, error) except -1:
        """Writing failed by our own doing: it costs this line, and no other."""
        self.shell.loop.call_exception_handler({"message": "a connection's output failed", "exception": error})
        self.abort()
        return 0

    def abort(self) -> None:
        """The line ends now, whatever the socket has not taken."""
        if self.transport is not None:
            self.transport.abort()

    def reset(self) -> None:
        """The line ends now, whatever the client's machine has not taken."""
        if self.transport is not None:
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, ON_AND_NO_TIME)
            self.transport.abort()
