"""Releases from speed bumps: OrderPlaced (312) or MassQuoteOrdersPlaced (314) for who waited, then reports to others.

Each side of a quote that waited is released for itself, with a 314 of its own. One that would be too long goes on in a
second frame of the same execId, which has the rest of the fills and no order.

A request is released by the first thing that happens at or after its time: an incoming message, before it is looked at,
or the tick of a timer. A Logout is the exception: nothing comes before its fence, and neither does it before the fence
of a connection that ended. Releases are made a bounded number at a time; what is left is work under way.
"""

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    GroupDimension,
    HEADER_SIZE,
    MassQuoteOrdersPlaced,
    MassQuoteOrdersPlacedFills,
    MassQuoteOrdersPlacedLegs,
    MassQuoteOrdersPlacedOrders,
    OrderPlaced,
    OrderPlacedFills,
    TEMPLATE_MASS_QUOTE_ORDERS_PLACED,
    TEMPLATE_ORDER_PLACED,
)
from codec.wire cimport fixed_to_decimal, put_dimension, version_stamp

from gateway.engine cimport EVENT_FILL, FILLS_PER_ORDER_MAX, Event, Outcome
from gateway.orders cimport Orders
from gateway.session cimport Session
from gateway.bump_release cimport (
    RELEASED_DEAD, RELEASED_NOTHING, RELEASED_ORDER, RELEASED_QUOTE, RELEASED_TOO_LITTLE, release_next,
)

from gateway.limits import MASS_QUOTE_ORDERS_PLACED_FILLS_MAX, RELEASES_PER_STEP_MAX

cdef uint32_t FILLS_MAX = MASS_QUOTE_ORDERS_PLACED_FILLS_MAX
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
        """Releases what is due, up to RELEASES_PER_STEP_MAX requests; `is_behind` says whether that was not all.

        What has too many dead orders in its way holds up all behind it until `go_on`.
        """
        cdef uint32_t count
        cdef int found
        cdef uint32_t allowed
        if self.is_held_up:
            return 0
        self.is_behind = False
        for count in range(RELEASES_MAX):
            allowed = self.orders.engine.dead_allowance
            found = release_next(self.orders.engine, now, &self.request, &self.orders.outcome)
            self.orders.dead_met += allowed - self.orders.engine.dead_allowance + self.orders.outcome.dead_met
            if found == RELEASED_NOTHING:
                return 0
            if found == RELEASED_TOO_LITTLE:
                self.is_held_up = True
                break
            self.released += found != RELEASED_DEAD
            if found == RELEASED_ORDER:
                self._report(now)
            elif found == RELEASED_QUOTE:
                self._report_quote(self.orders._session(self.request.requester), now)
        self.is_behind = True
        return 0

    cdef int go_on(self, int64_t now) except -1:
        """Releases what was held up by dead orders, of which the next may be taken out now."""
        if self.is_held_up:
            self.is_held_up = False
            self.release(now)
        return 0

    cdef int _report(self, int64_t now) except -1:
        cdef uint32_t owner = self.orders.outcome.owner
        self._report_placed(self.orders._session(self.request.requester), self.request.correlation_id, now)
        if owner != self.request.requester:
            # Its submitter hears it too, without the correlationId of a request that it never made, as in protocol 8.7.
            self._report_placed(self.orders._session(owner), INT64_MIN, now)
        return self.orders._report_others(now)

    cdef int _report_quote(self, Session session, int64_t now) except -1:
        cdef int64_t exec_id = self.orders.engine.next_exec_id()
        cdef uint32_t event_index = 0
        cdef uint32_t left = 0
        cdef uint32_t count
        for count in range(self.orders.outcome.event_count):
            left += self.orders.engine.events[count].kind == EVENT_FILL
        event_index = self._report_quote_placed(session, True, min(left, FILLS_MAX), event_index, exec_id, now)
        if left > FILLS_MAX:
            self._report_quote_placed(session, False, left - FILLS_MAX, event_index, exec_id, now)
        return self.orders._report_others(now)

    cdef uint32_t _report_quote_placed(
        self, Session session, bint has_order, uint32_t fills, uint32_t event_index, int64_t exec_id, int64_t now
    ) except? 0:
        # One frame, with the order or without, and so many fills; returns the event behind the last of them.
        cdef Outcome* outcome = &self.orders.outcome
        cdef uint32_t raw_length = (
            HEADER_SIZE + sizeof(MassQuoteOrdersPlaced) + 3 * sizeof(GroupDimension)
            + has_order * sizeof(MassQuoteOrdersPlacedOrders) + fills * sizeof(MassQuoteOrdersPlacedFills)
        )
        cdef uint8_t* at = session.begin(TEMPLATE_MASS_QUOTE_ORDERS_PLACED, 0, raw_length, now)
        cdef MassQuoteOrdersPlaced* root = <MassQuoteOrdersPlaced*>(at + HEADER_SIZE)
        cdef uint8_t* out = put_dimension(
            at + HEADER_SIZE + sizeof(MassQuoteOrdersPlaced), sizeof(MassQuoteOrdersPlacedOrders), has_order
        )
        cdef MassQuoteOrdersPlacedOrders* entry = <MassQuoteOrdersPlacedOrders*>out
        cdef MassQuoteOrdersPlacedFills* fill
        cdef const Event* event
        root.timestamp = now
        root.exec_id = exec_id
        root.mmp_group_id = self.request.mmp_group_id
        if has_order:
            entry.client_order_id = outcome.client_order_id
            entry.order_id = outcome.order_id
            entry.instrument_id = outcome.instrument_id
            entry.price = outcome.price
            fixed_to_decimal(outcome.quantity, &entry.quantity)
            fixed_to_decimal(outcome.total_filled, &entry.total_filled)
            fixed_to_decimal(outcome.visible_quantity, &entry.visible_qty)
            entry.side = outcome.side
            entry.status = outcome.order_status
            entry.cancel_reason = outcome.cancel_reason
            out += sizeof(MassQuoteOrdersPlacedOrders)
        out = put_dimension(out, sizeof(MassQuoteOrdersPlacedFills), <uint16_t>fills)
        while fills > 0:
            event = &self.orders.engine.events[event_index]
            event_index += 1
            if event.kind == EVENT_FILL:
                fill = <MassQuoteOrdersPlacedFills*>out
                fill.match_id = event.match_id
                fill.order_id = outcome.order_id
                fill.fill_price = event.price
                fixed_to_decimal(event.quantity, &fill.fill_qty)
                out += sizeof(MassQuoteOrdersPlacedFills)
                fills -= 1
        put_dimension(out, sizeof(MassQuoteOrdersPlacedLegs), 0)
        session.publish(at, raw_length, now)
        return event_index

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
