"""Market-maker protection on the wire: who is told that a group triggered or is unfrozen, and its status on request."""

from libc.stdint cimport int64_t

from codec.layout cimport GetMassQuoteMmpStatusRequest, GetOrdersMmpStatusRequest

from gateway.orders cimport Orders
from gateway.session cimport Session


# Behind what the makers are told of the fills of a command, and before what is told of the orders that left.
cdef int report_triggered(Orders orders, int64_t now) except -1

# Of the group that the engine has just unfrozen, to those who were told that it triggered. A reset: to the one who asked as
# well, before its request is answered. By its time: asker None, correlation_id INT64_MIN.
cdef int report_unfrozen(Orders orders, Session asker, int64_t correlation_id, int64_t now) except -1


cdef class MmpReports:
    cdef:
        Orders orders

    # requests
    cdef int quotes_status(self, Session session, const GetMassQuoteMmpStatusRequest* request, int64_t now) except -1
    cdef int orders_status(self, Session session, const GetOrdersMmpStatusRequest* request, int64_t now) except -1

    # time
    cpdef int unfreeze(self, int64_t now) except -1

    cdef int _status(
        self, Session session, bint is_of_orders, int64_t correlation_id, int64_t group_id, int64_t now
    ) except -1
