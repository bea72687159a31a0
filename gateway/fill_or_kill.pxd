"""Whether all of an FOK order would fill, found out without filling any of it."""

from gateway.engine cimport Command, Engine, Outcome, Taker


cdef bint can_fill(Engine engine, const Command* command, const Taker* taker, Outcome* outcome) noexcept nogil
