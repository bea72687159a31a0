"""Speed bumps: who has to wait, and what that means while it lasts. What comes after it is in bump_release."""

from libc.stdint cimport uint32_t

from gateway.engine cimport Command, Engine, Outcome, Taker


# Whether a taker would trade at once where that has to wait; dead orders that are found leave the book.
cdef bint must_wait(Engine engine, Taker* taker, Outcome* outcome) noexcept nogil

# A new order, or a side of a quote, that must wait, after all checks but that of room behind speed bumps (and, of orders
# that are not to rest, of room at all). False: rejected. Writes the outcome.
cdef bint queue_order(Engine engine, const Command* command, Taker* taker, uint32_t hash, Outcome* outcome) noexcept nogil

# An order that rests and must wait because of an amend: it leaves the book. False: rejected, and it has not. The new terms
# are the caller's to write down; `outcome` tells of them already.
cdef bint queue_amended(Engine engine, uint32_t handle, const Command* command, Outcome* outcome) noexcept nogil

# An amend of an order that has something waiting already. Writes the outcome.
cdef void queue_amend(Engine engine, uint32_t handle, const Command* command, Outcome* outcome) noexcept nogil

# A cancel of an order that is queued. Writes the outcome.
cdef void refuse_cancel(Engine engine, uint32_t handle, Outcome* outcome) noexcept nogil

# Within.
cdef bint check_bump_room(Engine engine, uint32_t portfolio, Outcome* outcome) noexcept nogil
cdef bint check_bump_memory(Engine engine, Outcome* outcome) noexcept nogil
