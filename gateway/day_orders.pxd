"""Day orders: good for so many settlements, then taken out in steps."""

from libc.stdint cimport uint32_t

from gateway.engine cimport Engine
from gateway.orders cimport Orders


# A settlement: orders whose days are over are due from here on. Touches no order.
cdef void settle(Engine engine) noexcept nogil

# Takes out due orders, to be told of by Engine.take_leaving; looks at `limit` orders at most and returns at how many.
cdef uint32_t leave_due(Engine engine, uint32_t limit) noexcept nogil


cdef class DayOrders:
    cdef:
        Orders orders
