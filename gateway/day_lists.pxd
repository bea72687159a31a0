"""Day orders by the settlement that ends them: lists through the orders, so that a settlement finds its own at once.

A settlement makes one list due, whatever its length; nothing else is touched. `registry.Days` holds the lists.
"""

from libc.stdint cimport int32_t, uint32_t

from gateway.registry cimport DAY_LISTS, DayList, Days, Order, order_at
from gateway.slab cimport NONE, Slab


cdef inline void days_init(Days* days) noexcept nogil:
    cdef int i
    for i in range(DAY_LISTS):
        days.coming[i].head = days.coming[i].tail = NONE
    days.due.head = days.due.tail = NONE
    days.settlements = days.count = 0


cdef inline DayList* day_list(Days* days, uint32_t last_settlement) noexcept nogil:
    # Nobody's last settlement is DAY_LISTS or more away, so those to come never share a list. The count may wrap.
    if <int32_t>(last_settlement - days.settlements) <= 0:
        return &days.due
    return &days.coming[last_settlement % DAY_LISTS]


cdef inline void days_add(Days* days, const Slab* orders, uint32_t handle) noexcept nogil:
    """Let an order end with its last_settlement, 1 to DAY_LISTS - 1 settlements from now."""
    cdef Order* order = order_at(orders, handle)
    cdef DayList* mine = day_list(days, order.last_settlement)
    order.day_next = NONE
    order.day_prev = mine.tail
    if mine.tail == NONE:
        mine.head = handle
    else:
        order_at(orders, mine.tail).day_next = handle
    mine.tail = handle
    days.count += 1


cdef inline void days_take(Days* days, const Slab* orders, uint32_t handle) noexcept nogil:
    """The order ends otherwise, or has ended."""
    cdef Order* order = order_at(orders, handle)
    cdef DayList* mine = day_list(days, order.last_settlement)
    if order.day_prev == NONE:
        mine.head = order.day_next
    else:
        order_at(orders, order.day_prev).day_next = order.day_next
    if order.day_next == NONE:
        mine.tail = order.day_prev
    else:
        order_at(orders, order.day_next).day_prev = order.day_prev
    days.count -= 1


cdef inline void days_settle(Days* days, const Slab* orders) noexcept nogil:
    """A settlement: the orders that end with it are due, behind those that still are from earlier ones."""
    cdef DayList* ending
    days.settlements += 1
    ending = &days.coming[days.settlements % DAY_LISTS]
    if ending.head == NONE:
        return
    if days.due.tail == NONE:
        days.due.head = ending.head
    else:
        order_at(orders, days.due.tail).day_next = ending.head
        order_at(orders, ending.head).day_prev = days.due.tail
    days.due.tail = ending.tail
    ending.head = ending.tail = NONE
