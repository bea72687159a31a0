"""Dead orders ahead of a request: taken out of its way before it begins, and not too many at a time."""

from libc.stdint cimport int64_t, uint32_t

from gateway.bump_queue cimport Bumped
from gateway.engine cimport Command, Engine, Taker
from gateway.quotes cimport MassQuote, QuoteTerms


# Each takes what is dead out of the request's way through the book, as far as engine.dead_allowance goes, and changes
# nothing else. False: there is more of it, and the request may not begin yet. The fields of the request need not make sense.
cdef bint clear_for_order(Engine engine, const Command* command) noexcept nogil
cdef bint clear_for_amend(Engine engine, const Command* command) noexcept nogil
cdef bint clear_for_mass_quote(Engine engine, const MassQuote* request) noexcept nogil
cdef bint clear_for_release(Engine engine, const Bumped* request, int64_t now) noexcept nogil

# Within.
cdef bint clear_touch(Engine engine, const Taker* taker) noexcept nogil
cdef bint clear_for_taker(Engine engine, const Command* command, const Taker* taker, bint is_post_only, bint may_wait,
                          uint32_t passed_over) noexcept nogil
cdef bint clear_for_replacement(Engine engine, uint32_t handle, const Command* command, bint has_waited) noexcept nogil
cdef bint clear_for_quote(Engine engine, const MassQuote* request, uint32_t group, uint32_t instrument, uint32_t slot,
                          const QuoteTerms* terms, int side) noexcept nogil
