"""What an order must satisfy before it may change anything. False, or a reject reason, where it does not."""

from libc.stdint cimport int8_t, int64_t, uint32_t

from gateway.engine cimport Command, Engine, Instrument, Outcome


cdef enum:
    PRICE_IS_RIGHT = -1


# Each rejects by writing the outcome. `index` is the instrument's; quantities and prices are in units of 1e-9.
cdef bint check_venue(Engine engine, uint32_t portfolio, uint32_t index, Outcome* outcome) noexcept nogil
cdef bint check_fields(Engine engine, const Command* command, Outcome* outcome) noexcept nogil
cdef bint check_terms(Engine engine, uint32_t index, const Command* command, Outcome* outcome) noexcept nogil
cdef bint check_quantity(Engine engine, uint32_t index, int64_t quantity, Outcome* outcome) noexcept nogil
cdef bint check_iceberg(Engine engine, uint32_t index, int64_t show_quantity, Outcome* outcome) noexcept nogil
cdef bint check_show_quantity(Engine engine, uint32_t index, int64_t show_quantity, int64_t quantity,
                              Outcome* outcome) noexcept nogil
cdef bint check_price(Engine engine, uint32_t index, int64_t price, Outcome* outcome) noexcept nogil
cdef bint check_admission(Engine engine, const Command* command, uint32_t hash, Outcome* outcome) noexcept nogil
cdef bint check_room(Engine engine, const Command* command, Outcome* outcome) noexcept nogil

cdef int8_t price_problem(const Instrument* instrument, int64_t price) noexcept nogil
