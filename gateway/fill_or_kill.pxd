"""How far an order would go through the book, and whether all of it would fill, found out without filling any of it."""

from libc.stdint cimport uint32_t

from gateway.engine cimport Command, Engine, Outcome, Taker


cdef enum:
    GOING_ON = 0              # nothing is said yet
    WOULD_FILL = 1
    WOULD_NOT_FILL = 2
    TOO_MANY_DEAD = 3         # no dead order more may be taken out of the way, and there is one


# Takes the dead orders out of the book that matching would pass, and changes nothing else. dead_left: so many of them, and
# what is left of that. passed_over: a handle that counts as in no book, or NONE. Never GOING_ON.
cdef int try_order(Engine engine, const Command* command, const Taker* taker, uint32_t passed_over,
                   uint32_t* dead_left) noexcept nogil

cdef bint can_fill(Engine engine, const Command* command, const Taker* taker, Outcome* outcome) noexcept nogil
