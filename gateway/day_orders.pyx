"""Day orders: good for so many settlements, then taken out in steps.

An order with timeInForce n ends with the n-th settlement after its entry, whatever the clock says: what makes a
settlement, its time or an operator, is the caller's business. Its owner hears of it in OrdersCanceled (310) with reason
2, TIME_IN_FORCE, the reason of IOC and FOK too: it is the order's own time that is over. 10, SETTLEMENT, would be an
instrument that settles, and takes its orders with it whatever days they have left.

A settlement may end any number of orders, so it marks their list as due and no more. Until a step takes it out a due
order is as live as any: if it trades, it is told that it has.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t

from codec.layout cimport CANCEL_REASON_TIME_IN_FORCE
from gateway.day_lists cimport days_settle, days_take
from gateway.engine cimport Engine
from gateway.orders cimport Orders
from gateway.registry cimport ORDER_IS_DAY, Order, order_at, order_is_dead
from gateway.slab cimport NONE


cdef void settle(Engine engine) noexcept nogil:
    days_settle(&engine.registry.days, &engine.registry.orders)


cdef uint32_t leave_due(Engine engine, uint32_t limit) noexcept nogil:
    cdef uint32_t looked_at = 0
    cdef uint32_t handle = engine.registry.days.due.head
    cdef Order* order
    while handle != NONE and looked_at < limit:
        order = order_at(&engine.registry.orders, handle)
        if order_is_dead(order, engine.registry.owners, engine.registry.portfolios):
            # Its session's drain tells of it.
            days_take(&engine.registry.days, &engine.registry.orders, handle)
            order.flags &= <unsigned short>~ORDER_IS_DAY
        else:
            engine.leave(handle, CANCEL_REASON_TIME_IN_FORCE)
        looked_at += 1
        handle = engine.registry.days.due.head
    return looked_at


@cython.final
cdef class DayOrders:
    """The day orders of one gateway."""

    def __cinit__(self, Orders orders not None):
        self.orders = orders

    @property
    def open_count(self) -> int:
        """Day orders that have not ended, dead ones that their sessions' drains have not reached among them."""
        return self.orders.engine.registry.days.count

    @property
    def is_busy(self) -> bool:
        """Whether there are due orders for `expire` to take out."""
        return self.orders.engine.registry.days.due.head != NONE

    def settle(self) -> None:
        """A settlement: orders whose days are over are due from here on. O(1)."""
        settle(self.orders.engine)

    def expire(self, limit, int64_t now) -> int:
        """Takes up to `limit` due orders out and tells their owners, each in one event; returns how many it looked at."""
        cdef uint32_t looked_at = leave_due(self.orders.engine, <uint32_t>limit)
        self.orders.report_leaving(now)
        return looked_at
