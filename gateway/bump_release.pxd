"""Releases from speed bumps: what happens when the wait is over."""

from libc.stdint cimport int64_t, uint32_t

from gateway.bump_queue cimport Bumped
from gateway.engine cimport Command, Engine, Outcome, Taker
from gateway.registry cimport Order


cdef enum:
    RELEASED_NOTHING = 0          # nothing is due
    RELEASED_DEAD = 1             # what was due was dead: there is nothing to tell
    RELEASED_ORDER = 2            # the outcome tells what became of the order
    RELEASED_QUOTE = 3            # ... of the quote
    RELEASED_TOO_LITTLE = 4       # what is due has to wait for engine.dead_allowance


# At most one request is released: RELEASED_*. It may be called again until there is nothing. Writes the whole outcome, and
# the request as it was.
cdef int release_next(Engine engine, int64_t now, Bumped* request, Outcome* outcome) noexcept nogil

# Its ways.
cdef void close_order(Engine engine, uint32_t handle, Outcome* outcome) noexcept nogil
# What is released as a taker, and an amend as a command, before anything has happened.
cdef void start_released(Engine engine, const Bumped* request, int64_t now, Command* command, Taker* taker) noexcept nogil
cdef void start_amending(const Bumped* request, const Order* order, int64_t now, Command* command) noexcept nogil
cdef void release_order(Engine engine, const Bumped* request, int64_t now, Outcome* outcome) noexcept nogil
cdef void trade(Engine engine, Order* order, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil
cdef void release_amend(Engine engine, const Bumped* request, int64_t now, Outcome* outcome) noexcept nogil
