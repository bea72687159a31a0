"""Amends: new price, total and shown quantity for an order that rests."""

from libc.stdint cimport uint32_t

from gateway.engine cimport Command, Engine, Outcome, Taker
from gateway.registry cimport Order


# Of the command: client_order_id, instrument_id, price, quantity (the new total), show_quantity (INT64_MIN: as it is),
# flags (REPLACE_ORDER_FLAGS_*), owner (who amends) and epoch. The outcome's owner is the one whose order it is.
cdef void amend_order(Engine engine, const Command* command, Outcome* outcome) noexcept nogil

# Its steps: find and judge, then do.
cdef uint32_t find_amendable(Engine engine, const Command* command, Outcome* outcome) noexcept nogil
cdef bint check_amend(Engine engine, const Order* order, const Command* command, Outcome* outcome) noexcept nogil
cdef bint keeps_priority(const Order* order, const Command* command) noexcept nogil
# has_waited: it comes from behind a speed bump, where its terms were checked.
cdef void make_amend(Engine engine, uint32_t handle, const Command* command, bint has_waited,
                     Outcome* outcome) noexcept nogil
cdef void replace(Engine engine, uint32_t handle, const Command* command, bint has_waited,
                  Outcome* outcome) noexcept nogil
# The order as a taker at its new terms, before its first match.
cdef void start_replacing(Engine engine, uint32_t handle, const Command* command, bint has_waited, Command* terms,
                          Taker* taker) noexcept nogil
cdef void revise(Order* order, const Command* command) noexcept nogil
cdef void tell(Outcome* outcome, const Order* order, int status) noexcept nogil
