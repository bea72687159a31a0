"""Order requests and what becomes of them.

The taker hears of its fills in the response, the maker in OrderFilled (300); whoever else loses an order hears it in
OrdersCanceled (310). The response goes first. Each frame's execId is the engine's next; a frame that is split repeats it.
"""

from cpython.list cimport PyList_GET_ITEM
from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset, strlen

from codec.layout cimport (
    AmendOrderRequest,
    AmendOrderResponse,
    CANCEL_REASON_BY_REQUEST,
    CancelOrderByIdRequest,
    CancelOrderReject,
    CancelOrderRequest,
    CancelOrderResponse,
    Decimal72,
    FrameHeader,
    GroupDimension,
    HEADER_SIZE,
    MULTI_PART_EVENT_FLAGS_IS_LAST_MESSAGE,
    NewOrderReject,
    NewOrderRequest,
    NewOrderResponse,
    NewOrderResponseFills,
    NewOrderResponseLegs,
    ORDER_REJECT_REASON_RATE_LIMIT,
    OrderFilled,
    OrderFilledFills,
    OrderFilledLegs,
    OrdersCanceled,
    OrdersCanceledOrders,
    PROTOCOL_ID,
    TEMPLATE_AMEND_ORDER_REJECT,
    TEMPLATE_AMEND_ORDER_REQUEST,
    TEMPLATE_AMEND_ORDER_RESPONSE,
    TEMPLATE_CANCEL_ORDER_REJECT,
    TEMPLATE_CANCEL_ORDER_REQUEST,
    TEMPLATE_CANCEL_ORDER_RESPONSE,
    TEMPLATE_NEW_ORDER_REJECT,
    TEMPLATE_NEW_ORDER_REQUEST,
    TEMPLATE_NEW_ORDER_RESPONSE,
    TEMPLATE_ORDER_FILLED,
    TEMPLATE_ORDERS_CANCELED,
)
from codec.wire cimport decimal_to_fixed, fixed_to_decimal, version_stamp

from gateway.amend cimport amend_order
from gateway.cover cimport is_covered
from gateway.dead_ahead cimport clear_for_amend, clear_for_order
from gateway.engine cimport (
    EVENT_FILL, EVENTS_PER_ORDER_MAX, FILLS_PER_ORDER_MAX, OUTCOME_ACCEPTED, Command, Engine, Event, Outcome,
)
from gateway.lookup cimport secret_hash
from gateway.rate_limit cimport BUCKET_ORDERS, COST_ORDER, RateLimits
from gateway.mmp_reports cimport report_triggered, report_unfrozen
from gateway.registry cimport Registry
from gateway.session cimport Session
from gateway.slab cimport NONE
from gateway.versions cimport cancel_order_reject_reason, known_order_flags, order_reject_reason

from gateway.limits import ORDER_FILLED_ENTRIES_MAX, ORDERS_CANCELED_ENTRIES_MAX

cdef uint32_t FILLED_MAX = ORDER_FILLED_ENTRIES_MAX
cdef uint32_t CANCELED_MAX = ORDERS_CANCELED_ENTRIES_MAX

cdef enum:
    NO_EVENT = 0xFFFFFFFF
    LOOK_AHEAD = 8        # requests whose cache misses are made to overlap
    # CancelOrderResponse has quantity and totalFilled from this version on.
    CANCEL_ORDER_RESPONSE_QUANTITY_SINCE = 16
    # From this version on the submitter of an order that another session cancelled hears it in OrdersCanceled.
    CANCELED_ELSEWHERE_SINCE = 17


cdef inline int64_t quantity_of(const Decimal72* quantity) noexcept nogil:
    """What is null, inexact or too large is no quantity: INT64_MIN. The engine says so in its turn."""
    cdef int64_t fixed = INT64_MIN
    decimal_to_fixed(quantity, &fixed)
    return fixed


cdef inline int64_t show_quantity_of(const Decimal72* quantity) noexcept nogil:
    """Null is none, INT64_MIN; what is inexact or too large is a quantity that cannot be, 0."""
    cdef int64_t fixed = INT64_MIN if quantity.mantissa == INT64_MIN else 0
    decimal_to_fixed(quantity, &fixed)
    return fixed


cdef inline bint leads_with_client_order_id(uint16_t template_id) noexcept nogil:
    return (
        template_id == TEMPLATE_NEW_ORDER_REQUEST
        or template_id == TEMPLATE_CANCEL_ORDER_REQUEST
        or template_id == TEMPLATE_AMEND_ORDER_REQUEST
    )


cdef class Orders:
    """The order requests of all sessions of one gateway; `sessions` is indexed by slot, the engine's name for an owner."""

    def __cinit__(self, Engine engine not None, list sessions not None, RateLimits rate_limits=None):
        self.engine = engine
        self.rate_limits = rate_limits
        self.sessions = sessions
        self.following = <uint32_t*>calloc(EVENTS_PER_ORDER_MAX, sizeof(uint32_t))
        if self.following == NULL:
            raise MemoryError("no memory for the events of one command")

    def __dealloc__(self):
        free(self.following)

    cdef size_t look_ahead(self, Session session, const uint8_t* data, size_t size) noexcept:
        """Fetches into the cache what the requests at the start of `data` will look for, a few at once, so that their
        misses overlap. Returns how many bytes it looked at. The frames were not checked: this changes nothing.
        """
        cdef Registry registry = self.engine.registry
        cdef uint32_t portfolio = registry.owners[session.slot].portfolio
        cdef uint32_t hashes[LOOK_AHEAD]
        cdef const FrameHeader* header
        cdef size_t at = 0
        cdef int count = 0
        cdef int index
        while count < LOOK_AHEAD and at + HEADER_SIZE + sizeof(int64_t) <= size:
            header = <const FrameHeader*>(data + at)
            if header.protocol_id != PROTOCOL_ID or header.message_length < HEADER_SIZE:
                at = size
            elif leads_with_client_order_id(header.message_type_id):
                hashes[count] = secret_hash(&registry.secret, portfolio, (<const int64_t*>(data + at + HEADER_SIZE))[0])
                registry.prefetch_line(hashes[count])
                count += 1
                at += header.message_length
            else:
                at += header.message_length
        for index in range(count):
            registry.prefetch_order(hashes[index])
        return at if count == LOOK_AHEAD else size

    cdef bint is_clear(self, Session session, uint16_t template_id, const uint8_t* root, int64_t now) noexcept:
        """Whether a new order or an amend may begin: no dead order is in its way now (dead_ahead.pyx)."""
        cdef uint32_t allowed = self.engine.dead_allowance
        cdef bint is_clear
        if template_id == TEMPLATE_NEW_ORDER_REQUEST:
            self._read_new_order(session, <const NewOrderRequest*>root, now)
            is_clear = clear_for_order(self.engine, &self.command)
        else:
            self._read_amend(session, <const AmendOrderRequest*>root, now)
            is_clear = clear_for_amend(self.engine, &self.command)
        self.dead_met += allowed - self.engine.dead_allowance
        return is_clear

    # requests; the frame was checked against its layout and its enums

    cdef int new_order(self, Session session, const NewOrderRequest* request, int64_t now) except -1:
        cdef Command* command = &self.command
        if not self._charge(session, BUCKET_ORDERS, COST_ORDER, now):
            self._reject_by_rate(request.client_order_id, request.instrument_id)
            return self._report_rejected(session, TEMPLATE_NEW_ORDER_REJECT, request.correlation_id, now)
        self._read_new_order(session, request, now)
        self.engine.new_order(command, &self.outcome)
        self.dead_met += self.outcome.dead_met
        if self.engine.registry.mmp.unfrozen != NONE:
            report_unfrozen(self, session, request.correlation_id, now)
        if self.outcome.status != OUTCOME_ACCEPTED:
            return self._report_rejected(session, TEMPLATE_NEW_ORDER_REJECT, request.correlation_id, now)
        self._report_accepted(session, TEMPLATE_NEW_ORDER_RESPONSE, request.correlation_id, now)
        return self._report_others(now)

    cdef int amend_order(self, Session session, const AmendOrderRequest* request, int64_t now) except -1:
        cdef Command* command = &self.command
        if not self._charge(session, BUCKET_ORDERS, COST_ORDER, now):
            self._reject_by_rate(request.client_order_id, request.instrument_id)
            return self._report_rejected(session, TEMPLATE_AMEND_ORDER_REJECT, request.correlation_id, now)
        self._read_amend(session, request, now)
        amend_order(self.engine, command, &self.outcome)
        self.dead_met += self.outcome.dead_met
        if self.outcome.status != OUTCOME_ACCEPTED:
            return self._report_rejected(session, TEMPLATE_AMEND_ORDER_REJECT, request.correlation_id, now)
        self._report_accepted(session, TEMPLATE_AMEND_ORDER_RESPONSE, request.correlation_id, now)
        if self.outcome.owner != session.slot:
            # Its submitter hears it too, without the correlationId of a request that it never made (protocol 8.7).
            self._report_accepted(self._session(self.outcome.owner), TEMPLATE_AMEND_ORDER_RESPONSE, INT64_MIN, now)
        return self._report_others(now)

    cdef int cancel_order(self, Session session, const CancelOrderRequest* request, int64_t now) except -1:
        self._charge(session, BUCKET_ORDERS, COST_ORDER, now)  # and never refused
        self._begin_command(session, request.client_order_id, INT64_MIN, request.instrument_id, now)
        self.engine.cancel_order(&self.command, &self.outcome)
        return self._report_cancel(session, request.correlation_id, now)

    cdef int cancel_order_by_id(self, Session session, const CancelOrderByIdRequest* request, int64_t now) except -1:
        self._charge(session, BUCKET_ORDERS, COST_ORDER, now)  # and never refused
        self._begin_command(session, INT64_MIN, request.order_id, request.instrument_id, now)
        self.engine.cancel_order_by_id(&self.command, &self.outcome)
        return self._report_cancel(session, request.correlation_id, now)

    cdef void _read_new_order(self, Session session, const NewOrderRequest* request, int64_t now) noexcept:
        cdef Command* command = &self.command
        self._begin_command(session, request.client_order_id, INT64_MIN, request.instrument_id, now)
        command.price = request.price
        command.quantity = quantity_of(&request.quantity)
        command.show_quantity = show_quantity_of(&request.show_qty)
        command.smp_token = request.self_match_prevention_id
        command.side = request.side
        command.time_in_force = request.time_in_force
        command.flags = request.flags & known_order_flags(session.version)
        command.covered = is_covered(session, command.flags)
        command.self_trading_mode = request.self_trading_mode
        command.correlation_id = request.correlation_id

    cdef void _read_amend(self, Session session, const AmendOrderRequest* request, int64_t now) noexcept:
        cdef Command* command = &self.command
        self._begin_command(session, request.client_order_id, INT64_MIN, request.instrument_id, now)
        command.price = request.price
        command.quantity = quantity_of(&request.quantity)
        command.show_quantity = show_quantity_of(&request.show_qty)
        command.flags = request.flags
        command.correlation_id = request.correlation_id

    cdef void _begin_command(
        self, Session session, int64_t client_order_id, int64_t order_id, int64_t instrument_id, int64_t now
    ) noexcept:
        cdef Command* command = &self.command
        command.time = now
        command.owner = session.slot
        command.epoch = session.epoch
        command.client_order_id = client_order_id
        command.order_id = order_id
        command.instrument_id = instrument_id

    cdef bint _charge(self, Session session, int bucket, int64_t cost, int64_t now) noexcept:
        """Whether the request stays within the rate limit; it costs its tokens in any case."""
        return self.rate_limits is None or session.is_canary or self.rate_limits.charge(session.slot, bucket, cost, now)

    cdef void _reject_by_rate(self, int64_t client_order_id, int64_t instrument_id) noexcept:
        # The outcome of a request that the engine never saw.
        memset(&self.outcome, 0, sizeof(Outcome))
        self.outcome.order_id = INT64_MIN
        self.outcome.client_order_id = client_order_id
        self.outcome.instrument_id = instrument_id
        self.outcome.reject_reason = ORDER_REJECT_REASON_RATE_LIMIT
        self.outcome.details = b"too many requests: the rate limit's bucket is full"

    # reports to the one who asked

    cdef int _report_accepted(self, Session session, uint16_t template_id, int64_t correlation_id, int64_t now) except -1:
        # NewOrderResponse (200) and AmendOrderResponse (210) have one layout, but that an amend tells no side.
        cdef Outcome* outcome = &self.outcome
        cdef uint32_t raw_length = (
            HEADER_SIZE + sizeof(NewOrderResponse) + 2 * sizeof(GroupDimension)
            + min(outcome.event_count, <uint32_t>FILLS_PER_ORDER_MAX) * sizeof(NewOrderResponseFills)
        )
        cdef uint8_t* at = session.begin(template_id, 0, raw_length, now)
        cdef NewOrderResponse* response = <NewOrderResponse*>(at + HEADER_SIZE)
        cdef uint8_t* out
        response.timestamp = now
        response.exec_id = self.engine.next_exec_id()
        response.client_order_id = outcome.client_order_id
        response.correlation_id = correlation_id
        response.order_id = outcome.order_id
        response.instrument_id = outcome.instrument_id
        response.price = outcome.price
        fixed_to_decimal(outcome.quantity, &response.quantity)
        fixed_to_decimal(outcome.total_filled, &response.total_filled)
        fixed_to_decimal(outcome.visible_quantity, &response.visible_qty)
        response.receive_time = now
        if template_id == TEMPLATE_AMEND_ORDER_RESPONSE:
            out = <uint8_t*>response + sizeof(AmendOrderResponse)
            (<AmendOrderResponse*>response).status = outcome.order_status
            (<AmendOrderResponse*>response).cancel_reason = outcome.cancel_reason
        else:
            out = <uint8_t*>response + sizeof(NewOrderResponse)
            response.side = outcome.side
            response.status = outcome.order_status
            response.cancel_reason = outcome.cancel_reason
        return session.publish(at, self._write_fills(out) - at, now)

    cdef uint8_t* _write_fills(self, uint8_t* out) noexcept:
        # The fills group and the empty legs group of a 200 or 210, behind its root; returns the end of the frame.
        cdef GroupDimension* dimension = <GroupDimension*>out
        cdef NewOrderResponseFills* fill
        cdef const Event* event
        cdef uint32_t index
        dimension.block_length = sizeof(NewOrderResponseFills)
        dimension.num_in_group = 0
        out += sizeof(GroupDimension)
        for index in range(self.outcome.event_count):
            event = &self.engine.events[index]
            if event.kind == EVENT_FILL:
                fill = <NewOrderResponseFills*>out
                fill.match_id = event.match_id
                fill.fill_price = event.price
                fixed_to_decimal(event.quantity, &fill.fill_qty)
                dimension.num_in_group += 1
                out += sizeof(NewOrderResponseFills)
        dimension = <GroupDimension*>out
        dimension.block_length = sizeof(NewOrderResponseLegs)
        dimension.num_in_group = 0
        return out + sizeof(GroupDimension)

    cdef int _report_rejected(self, Session session, uint16_t template_id, int64_t correlation_id, int64_t now) except -1:
        # NewOrderReject (202), AmendOrderReject (212) and CancelOrderReject (222) have one layout.
        cdef Outcome* outcome = &self.outcome
        cdef uint32_t size = 0 if outcome.details == NULL else min(<uint32_t>strlen(outcome.details), <uint32_t>255)
        cdef uint32_t raw_length = HEADER_SIZE + sizeof(NewOrderReject) + 1 + size
        cdef uint8_t* at = session.begin(template_id, 0, raw_length, now)
        cdef NewOrderReject* reject = <NewOrderReject*>(at + HEADER_SIZE)
        cdef uint8_t* tail = at + HEADER_SIZE + sizeof(NewOrderReject)
        reject.timestamp = now
        reject.exec_id = self.engine.next_exec_id()
        reject.client_order_id = outcome.client_order_id
        reject.correlation_id = correlation_id
        reject.order_id = outcome.order_id
        reject.instrument_id = outcome.instrument_id
        reject.reason = outcome.reject_reason
        if template_id == TEMPLATE_CANCEL_ORDER_REJECT:
            reject.reason = cancel_order_reject_reason(reject.reason, session.version)
        else:
            reject.reason = order_reject_reason(reject.reason, session.version)
        tail[0] = <uint8_t>size
        memcpy(tail + 1, outcome.details, size)
        return session.publish(at, raw_length, now)

    cdef int _report_cancel(self, Session session, int64_t correlation_id, int64_t now) except -1:
        if self.outcome.status != OUTCOME_ACCEPTED:
            return self._report_rejected(session, TEMPLATE_CANCEL_ORDER_REJECT, correlation_id, now)
        self._report_canceled_to(session, correlation_id, self.engine.next_exec_id(), now)
        if self.outcome.owner != session.slot:
            self._report_canceled_elsewhere(self._session(self.outcome.owner), now)
        return 0

    cdef int _report_canceled_to(self, Session session, int64_t correlation_id, int64_t exec_id, int64_t now) except -1:
        cdef Outcome* outcome = &self.outcome
        cdef uint32_t root_length = sizeof(CancelOrderResponse)
        cdef uint8_t* at = session.begin(
            TEMPLATE_CANCEL_ORDER_RESPONSE,
            version_stamp(TEMPLATE_CANCEL_ORDER_RESPONSE, session.version),
            HEADER_SIZE + root_length,
            now,
        )
        cdef CancelOrderResponse* response = <CancelOrderResponse*>(at + HEADER_SIZE)
        response.timestamp = now
        response.exec_id = exec_id
        response.client_order_id = outcome.client_order_id
        response.correlation_id = correlation_id
        response.order_id = outcome.order_id
        response.instrument_id = outcome.instrument_id
        response.receive_time = now
        if session.version >= CANCEL_ORDER_RESPONSE_QUANTITY_SINCE:
            fixed_to_decimal(outcome.quantity, &response.quantity)
            fixed_to_decimal(outcome.total_filled, &response.total_filled)
        else:
            root_length -= sizeof(response.quantity) + sizeof(response.total_filled)
        return session.publish(at, HEADER_SIZE + root_length, now)

    # reports to others

    cdef int _report_others(self, int64_t now) except -1:
        """What an accepted order, amend or mass quote did to resting orders."""
        if self.outcome.event_count != 0:
            self._report_events(now)
        if self.engine.registry.mmp.triggered_count != 0:
            report_triggered(self, now)
        return self.report_leaving(now)

    cdef int _report_canceled_elsewhere(self, Session session, int64_t now) except -1:
        # Another session of the portfolio cancelled this session's order (protocol 8.7).
        cdef OrdersCanceledOrders* entry
        cdef uint8_t* at
        if session.version < CANCELED_ELSEWHERE_SINCE:
            return self._report_canceled_to(session, INT64_MIN, self.engine.next_exec_id(), now)
        at = begin_orders_canceled(session, 1, self.engine.next_exec_id(), now, now)
        entry = orders_canceled_entries(at)
        entry.client_order_id = self.outcome.client_order_id
        entry.order_id = self.outcome.order_id
        entry.instrument_id = self.outcome.instrument_id
        fixed_to_decimal(self.outcome.total_filled, &entry.total_filled)
        entry.cancel_reason = CANCEL_REASON_BY_REQUEST
        entry.flags = 0
        return finish_orders_canceled(session, at, 1, True, now)

    cdef int _report_events(self, int64_t now) except -1:
        """Tells each owner of its share of the command's events: by owner in order of appearance, each share in order."""
        cdef uint32_t index
        cdef uint32_t owner
        cdef Session session
        cdef Event* events = self.engine.events
        for index in range(self.outcome.event_count):
            session = self._session(events[index].owner)
            self.following[index] = NO_EVENT
            if session.has_events:
                self.following[session.last_event] = index
            else:
                session.has_events = True
                session.first_event = index
            session.last_event = index
        for index in range(self.outcome.event_count):
            owner = events[index].owner
            session = self._session(owner)
            if session.has_events:
                session.has_events = False
                self._report_share(session, now)
        return 0

    cdef int _report_share(self, Session session, int64_t now) except -1:
        cdef uint32_t event = session.first_event
        while event != NO_EVENT:
            if self.engine.events[event].kind == EVENT_FILL:
                event = self._report_fills(session, event, now)
            else:
                event = self._report_cancels(session, event, now)
        return 0

    cdef uint32_t _run_length(self, uint32_t event) noexcept:
        # How many of the owner's events from this one on are of the same kind.
        cdef int8_t kind = self.engine.events[event].kind
        cdef uint32_t count = 0
        while event != NO_EVENT and self.engine.events[event].kind == kind:
            count += 1
            event = self.following[event]
        return count

    cdef uint32_t _report_fills(self, Session session, uint32_t event, int64_t now) except 0:
        """OrderFilled (300) for a run of fills, in as many frames as it takes; returns the event behind the run."""
        cdef uint32_t left = self._run_length(event)
        cdef int64_t exec_id = self.engine.next_exec_id()
        cdef uint32_t count
        while left > 0:
            count = min(left, FILLED_MAX)
            event = self._write_order_filled(session, event, count, exec_id, now)
            left -= count
        return event

    cdef uint32_t _write_order_filled(
        self, Session session, uint32_t event_index, uint32_t count, int64_t exec_id, int64_t now
    ) except 0:
        cdef uint32_t raw_length = (
            HEADER_SIZE + sizeof(OrderFilled) + 2 * sizeof(GroupDimension) + count * sizeof(OrderFilledFills)
        )
        cdef uint8_t* at = session.begin(TEMPLATE_ORDER_FILLED, 0, raw_length, now)
        cdef OrderFilled* root = <OrderFilled*>(at + HEADER_SIZE)
        cdef GroupDimension* dimension = <GroupDimension*>(at + HEADER_SIZE + sizeof(OrderFilled))
        cdef OrderFilledFills* fill = <OrderFilledFills*>(<uint8_t*>dimension + sizeof(GroupDimension))
        cdef const Event* event
        root.timestamp = now
        root.exec_id = exec_id
        dimension.block_length = sizeof(OrderFilledFills)
        dimension.num_in_group = <uint16_t>count
        while count > 0:
            event = &self.engine.events[event_index]
            fill.client_order_id = event.client_order_id
            fill.order_id = event.order_id
            fill.instrument_id = event.instrument_id
            fill.match_id = event.match_id
            fill.price = event.price
            fixed_to_decimal(event.quantity, &fill.fill_qty)
            fixed_to_decimal(event.total_filled, &fill.total_filled)
            fill.side = event.side
            fill.flags = event.flags
            fill += 1
            count -= 1
            event_index = self.following[event_index]
        dimension = <GroupDimension*>fill
        dimension.block_length = sizeof(OrderFilledLegs)
        dimension.num_in_group = 0
        session.publish(at, raw_length, now)
        return event_index

    cdef uint32_t _report_cancels(self, Session session, uint32_t event_index, int64_t now) except 0:
        """OrdersCanceled (310) for a run of cancels, in as many frames as it takes; returns the event behind the run."""
        cdef uint32_t left = self._run_length(event_index)
        cdef int64_t exec_id = self.engine.next_exec_id()
        cdef uint32_t count
        cdef uint32_t index
        cdef uint8_t* at
        cdef OrdersCanceledOrders* entry
        cdef const Event* event
        while left > 0:
            count = min(left, CANCELED_MAX)
            at = begin_orders_canceled(session, count, exec_id, now, now)
            entry = orders_canceled_entries(at)
            for index in range(count):
                event = &self.engine.events[event_index]
                entry[index].client_order_id = event.client_order_id
                entry[index].order_id = event.order_id
                entry[index].instrument_id = event.instrument_id
                fixed_to_decimal(event.total_filled, &entry[index].total_filled)
                entry[index].cancel_reason = event.cancel_reason
                entry[index].flags = event.flags
                event_index = self.following[event_index]
            left -= count
            finish_orders_canceled(session, at, count, left == 0, now)
        return event_index

    cpdef int report_leaving(self, int64_t now) except -1:
        """Tells each owner of its orders that `Engine.leave` took out: owner by owner as they were touched first.

        For each owner it is one event: OrdersCanceled (310) in as many frames as it takes, the last of them marked.
        """
        cdef Registry registry = self.engine.registry
        cdef uint32_t index
        for index in range(registry.touched_count):
            if registry.owners[registry.touched[index]].leaving.live != 0:
                self._report_leaving_of(self._session(registry.touched[index]), now)
        registry.forget_touched()
        return 0

    cdef int _report_leaving_of(self, Session session, int64_t now) except -1:
        cdef uint32_t left = self.engine.registry.owners[session.slot].leaving.live
        cdef int64_t exec_id = self.engine.next_exec_id()
        cdef uint32_t count
        cdef uint8_t* at
        while left > 0:
            at = begin_orders_canceled(session, min(left, CANCELED_MAX), exec_id, now, now)
            count = self.engine.take_leaving(session.slot, min(left, CANCELED_MAX), orders_canceled_entries(at))
            left -= count
            finish_orders_canceled(session, at, count, left == 0, now)
        return 0

    def allow_dead(self, uint32_t count) -> None:
        """From here on requests may take so many dead orders out of their ways, all together."""
        self.engine.dead_allowance = count

    cdef Session _session(self, uint32_t slot):
        return <Session>PyList_GET_ITEM(self.sessions, slot)


cdef uint8_t* begin_orders_canceled(Session session, uint32_t count, int64_t exec_id, int64_t time, int64_t now) except NULL:
    cdef uint32_t raw_length = (
        HEADER_SIZE + sizeof(OrdersCanceled) + sizeof(GroupDimension) + count * sizeof(OrdersCanceledOrders)
    )
    cdef uint8_t* at = session.begin(TEMPLATE_ORDERS_CANCELED, 0, raw_length, now)
    cdef OrdersCanceled* root = <OrdersCanceled*>(at + HEADER_SIZE)
    root.timestamp = time
    root.exec_id = exec_id
    return at


cdef OrdersCanceledOrders* orders_canceled_entries(uint8_t* at) noexcept:
    return <OrdersCanceledOrders*>(at + HEADER_SIZE + sizeof(OrdersCanceled) + sizeof(GroupDimension))


cdef int finish_orders_canceled(Session session, uint8_t* at, uint32_t count, bint is_last, int64_t now) except -1:
    cdef OrdersCanceled* root = <OrdersCanceled*>(at + HEADER_SIZE)
    cdef GroupDimension* dimension = <GroupDimension*>(at + HEADER_SIZE + sizeof(OrdersCanceled))
    root.flags = MULTI_PART_EVENT_FLAGS_IS_LAST_MESSAGE if is_last else 0
    dimension.block_length = sizeof(OrdersCanceledOrders)
    dimension.num_in_group = <uint16_t>count
    return session.publish(at, <uint32_t>(<uint8_t*>(orders_canceled_entries(at) + count) - at), now)
