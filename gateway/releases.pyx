"""Releases from speed bumps: OrderPlaced (312) for who waited, then reports to others as of any other order.

A request is released by the first thing that happens at or after its time: an incoming message, before it is looked at,
or the tick of a timer. A Logout is the exception: nothing comes before its fence, and neither does it before the fence
of a connection that ended. Releases are made a bounded number at a time; what is left is work under way.
"""

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    GroupDimension,
    HEADER_SIZE,
    OrderPlaced,
    OrderPlacedFills,
    TEMPLATE_ORDER_PLACED,
)
from codec.wire cimport fixed_to_decimal, version_stamp

from gateway.engine cimport FILLS_PER_ORDER_MAX, Outcome
from gateway.orders cimport Orders
from gateway.session cimport Session
from gateway.bump_release cimport RELEASED_DEAD, RELEASED_NOTHING, release_next

from gateway.limits import RELEASES_PER_STEP_MAX

cdef uint32_t RELEASES_MAX = RELEASES_PER_STEP_MAX

cdef enum:
    # OrderPlaced has correlationId from this version on.
    ORDER_PLACED_CORRELATION_ID_SINCE = 8


@cython.final
cdef class Releases:
    """The releases of one gateway's orders."""

    def __cinit__(self, Orders orders not None):
        self.orders = orders
        self.queue = orders.engine.bumps

    @property
    def next_release(self) -> int | None:
        """The core time, in ns, before which nothing is due; None when nothing waits."""
        return None if self.queue.next_due == INT64_MAX else self.queue.next_due

    cpdef int release(self, int64_t now) except -1:
        """Releases what is due, up to RELEASES_PER_STEP_MAX requests; `is_behind` says whether that was not all."""
        cdef uint32_t count
        cdef int found
        self.is_behind = False
        for count in range(RELEASES_MAX):
            found = release_next(self.orders.engine, now, &self.request, &self.orders.outcome)
            if found == RELEASED_NOTHING:
                return 0
            self.orders.dead_met += self.orders.outcome.dead_met
            if found != RELEASED_DEAD:
                self._report(now)
        self.is_behind = True
        return 0

    cdef int _report(self, int64_t now) except -1:
        cdef uint32_t owner = self.orders.outcome.owner
        self._report_placed(self.orders._session(self.request.requester), self.request.correlation_id, now)
        if owner != self.request.requester:
            # Its submitter hears it too, without the correlationId of a request that it never made, as in protocol 8.7.
            self._report_placed(self.orders._session(owner), INT64_MIN, now)
        return self.orders._report_others(now)

    cdef int _report_placed(self, Session session, int64_t correlation_id, int64_t now) except -1:
        cdef Outcome* outcome = &self.orders.outcome
        cdef uint32_t root_length = sizeof(OrderPlaced)
        cdef uint32_t room = (
            HEADER_SIZE + root_length + 2 * sizeof(GroupDimension)
            + min(outcome.event_count, <uint32_t>FILLS_PER_ORDER_MAX) * sizeof(OrderPlacedFills)
        )
        cdef uint8_t* at = session.begin(
            TEMPLATE_ORDER_PLACED, version_stamp(TEMPLATE_ORDER_PLACED, session.version), room, now
        )
        cdef OrderPlaced* root = <OrderPlaced*>(at + HEADER_SIZE)
        root.timestamp = now
        root.exec_id = self.orders.engine.next_exec_id()
        root.client_order_id = outcome.client_order_id
        root.order_id = outcome.order_id
        root.instrument_id = outcome.instrument_id
        root.price = outcome.price
        fixed_to_decimal(outcome.quantity, &root.quantity)
        fixed_to_decimal(outcome.total_filled, &root.total_filled)
        fixed_to_decimal(outcome.visible_quantity, &root.visible_qty)
        root.status = outcome.order_status
        root.cancel_reason = outcome.cancel_reason
        if session.version >= ORDER_PLACED_CORRELATION_ID_SINCE:
            memset(root.padding3, 0, sizeof(root.padding3))
            root.correlation_id = correlation_id
        else:
            root_length -= sizeof(root.padding3) + sizeof(root.correlation_id)
        return session.publish(at, self.orders._write_fills(at + HEADER_SIZE + root_length) - at, now)
