"""Mass quotes (130) and what becomes of them: MassQuoteResponse (230) or MassQuoteReject (232), then reports to others.

The response has each side of each entry as its own turn left it, and every fill that it took. Whose quote was replaced,
taken or filled by it hears so as of any other order, in OrdersCanceled (310) and OrderFilled (300), where a quote's
clientOrderId is its quoteId. A response that would be too long goes on in further frames of the same execId, which
have the rest of the fills and no entries.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, strlen

from codec.layout cimport (
    Decimal72,
    GroupDimension,
    HEADER_SIZE,
    MASS_QUOTE_FLAGS_RESET_MMP,
    MASS_QUOTE_REJECT_REASON_RATE_LIMIT,
    MassQuoteReject,
    MassQuoteRequest,
    MassQuoteRequestQuotes,
    MassQuoteResponse,
    MassQuoteResponseAskFills,
    MassQuoteResponseBidFills,
    MassQuoteResponseLegs,
    MassQuoteResponseQuotes,
    SIDE_BUY,
    SIDE_SELL,
    TEMPLATE_MASS_QUOTE_REJECT,
    TEMPLATE_MASS_QUOTE_RESPONSE,
)
from codec.wire cimport decimal_to_fixed, fixed_to_decimal, put_dimension

from gateway.cover cimport is_covered
from gateway.dead_ahead cimport clear_for_mass_quote
from gateway.engine cimport EVENT_FILL, OUTCOME_ACCEPTED, Event
from gateway.mmp_reports cimport report_unfrozen
from gateway.orders cimport Orders
from gateway.quotes cimport QUOTES_PER_MASS_QUOTE_MAX, QuoteSideOutcome, QuoteTerms, Quotes
from gateway.rate_limit cimport BUCKET_MASS_QUOTES, COST_MASS_QUOTE, COST_QUOTES_WITHDRAWN
from gateway.session cimport Session
from gateway.slab cimport NONE
from gateway.versions cimport known_order_flags, mass_quote_reject_reason, order_reject_reason

from gateway.limits import MASS_QUOTE_RESPONSE_FILLS_MAX

cdef uint32_t FILLS_MAX = MASS_QUOTE_RESPONSE_FILLS_MAX


@cython.final
cdef class MassQuotes:
    """The mass quotes of all sessions of one gateway."""

    def __cinit__(self, Orders orders not None):
        self.orders = orders
        self.quotes = Quotes(orders.engine)

    cdef bint is_clear(self, Session session, const uint8_t* frame, int64_t now) noexcept:
        """Whether a mass quote may begin, as Orders.is_clear."""
        cdef uint32_t allowed = self.orders.engine.dead_allowance
        cdef bint is_clear
        self._read(session, frame, now)
        is_clear = clear_for_mass_quote(self.orders.engine, &self.request)
        self.orders.dead_met += allowed - self.orders.engine.dead_allowance
        return is_clear

    # requests; the frame was checked against its layout and its enums

    cdef int mass_quote(self, Session session, const uint8_t* frame, int64_t now) except -1:
        cdef int64_t correlation_id = (<const MassQuoteRequest*>(frame + HEADER_SIZE)).correlation_id
        self._read(session, frame, now)
        if not self._charge(session, now):
            self.outcome.reject_reason = MASS_QUOTE_REJECT_REASON_RATE_LIMIT
            self.outcome.details = b"too many requests: the rate limit's bucket is full"
            return self._report_rejected(session, correlation_id, now)
        self.quotes.mass_quote(&self.request, &self.outcome, &self.orders.outcome)
        self.orders.dead_met += self.orders.outcome.dead_met
        if self.orders.engine.registry.mmp.unfrozen != NONE:
            report_unfrozen(self.orders, session, correlation_id, now)
        if self.outcome.status != OUTCOME_ACCEPTED:
            return self._report_rejected(session, correlation_id, now)
        self._report(session, correlation_id, now)
        return self.orders._report_others(now)

    cdef void _read(self, Session session, const uint8_t* frame, int64_t now) noexcept:
        cdef const MassQuoteRequest* root = <const MassQuoteRequest*>(frame + HEADER_SIZE)
        cdef const GroupDimension* dimension = <const GroupDimension*>(<const uint8_t*>root + sizeof(MassQuoteRequest))
        cdef const uint8_t* at = <const uint8_t*>dimension + sizeof(GroupDimension)
        cdef const MassQuoteRequestQuotes* entry
        cdef uint32_t index
        self.request.time = now
        self.request.quote_id = root.quote_id
        self.request.mmp_group_id = root.mmp_group_id
        self.request.smp_token = root.self_match_prevention_id
        self.request.epoch = session.epoch
        self.request.owner = session.slot
        self.request.reset_mmp = root.flags & MASS_QUOTE_FLAGS_RESET_MMP
        self.request.entry_count = dimension.num_in_group
        for index in range(min(self.request.entry_count, <uint32_t>QUOTES_PER_MASS_QUOTE_MAX)):
            entry = <const MassQuoteRequestQuotes*>at
            self.request.entries[index].instrument_id = entry.instrument_id
            read_terms(session, &self.request.entries[index].sides[0], entry.bid_price, &entry.bid_qty, entry.bid_flags)
            read_terms(session, &self.request.entries[index].sides[1], entry.ask_price, &entry.ask_qty, entry.ask_flags)
            at += dimension.block_length

    cdef bint _charge(self, Session session, int64_t now) noexcept:
        """Whether the mass quote may go on: one of only zero quantities is a cancel, costs little and is never refused."""
        cdef uint32_t index
        for index in range(min(self.request.entry_count, <uint32_t>QUOTES_PER_MASS_QUOTE_MAX)):
            if self.request.entries[index].sides[0].quantity != 0 or self.request.entries[index].sides[1].quantity != 0:
                return self.orders._charge(session, BUCKET_MASS_QUOTES, COST_MASS_QUOTE, now)
        self.orders._charge(session, BUCKET_MASS_QUOTES, COST_QUOTES_WITHDRAWN, now)
        return True

    # reports

    cdef int _report_rejected(self, Session session, int64_t correlation_id, int64_t now) except -1:
        cdef uint32_t size = <uint32_t>strlen(self.outcome.details)
        cdef uint32_t raw_length = HEADER_SIZE + sizeof(MassQuoteReject) + 1 + size
        cdef uint8_t* at = session.begin(TEMPLATE_MASS_QUOTE_REJECT, 0, raw_length, now)
        cdef MassQuoteReject* reject = <MassQuoteReject*>(at + HEADER_SIZE)
        cdef uint8_t* tail = at + HEADER_SIZE + sizeof(MassQuoteReject)
        reject.timestamp = now
        reject.exec_id = self.orders.engine.next_exec_id()
        reject.quote_id = self.request.quote_id
        reject.correlation_id = correlation_id
        reject.mmp_group_id = self.request.mmp_group_id
        reject.reason = mass_quote_reject_reason(self.outcome.reject_reason, session.version)
        tail[0] = <uint8_t>size
        memcpy(tail + 1, self.outcome.details, size)
        return session.publish(at, raw_length, now)

    cdef int _report(self, Session session, int64_t correlation_id, int64_t now) except -1:
        cdef int64_t exec_id = self.orders.engine.next_exec_id()
        cdef FillCursor bids = self._fills_of(SIDE_SELL)
        cdef FillCursor asks = self._fills_of(SIDE_BUY)
        cdef uint32_t entries = self.request.entry_count
        cdef uint32_t bid_count
        cdef uint32_t ask_count
        cdef uint32_t raw_length
        cdef uint8_t* at
        cdef uint8_t* out
        cdef MassQuoteResponse* root
        while True:
            bid_count = min(bids.left, FILLS_MAX)
            ask_count = min(asks.left, FILLS_MAX - bid_count)
            raw_length = (
                HEADER_SIZE + sizeof(MassQuoteResponse) + 4 * sizeof(GroupDimension)
                + entries * sizeof(MassQuoteResponseQuotes)
                + bid_count * sizeof(MassQuoteResponseBidFills) + ask_count * sizeof(MassQuoteResponseAskFills)
            )
            at = session.begin(TEMPLATE_MASS_QUOTE_RESPONSE, 0, raw_length, now)
            root = <MassQuoteResponse*>(at + HEADER_SIZE)
            root.timestamp = now
            root.exec_id = exec_id
            root.quote_id = self.request.quote_id
            root.correlation_id = correlation_id
            root.mmp_group_id = self.request.mmp_group_id
            root.receive_time = now
            out = self._write_quotes(at + HEADER_SIZE + sizeof(MassQuoteResponse), entries, session.version)
            out = self._write_fills(out, &bids, bid_count)
            out = self._write_fills(out, &asks, ask_count)
            put_dimension(out, sizeof(MassQuoteResponseLegs), 0)
            session.publish(at, raw_length, now)
            if bids.left + asks.left == 0:
                return 0
            entries = 0

    cdef uint8_t* _write_quotes(self, uint8_t* out, uint32_t entries, int version) noexcept:
        cdef MassQuoteResponseQuotes* entry = <MassQuoteResponseQuotes*>put_dimension(
            out, sizeof(MassQuoteResponseQuotes), <uint16_t>entries
        )
        cdef const QuoteSideOutcome* bid
        cdef const QuoteSideOutcome* ask
        cdef uint32_t index
        for index in range(entries):
            bid = &self.outcome.sides[index][0]
            ask = &self.outcome.sides[index][1]
            entry.instrument_id = self.request.entries[index].instrument_id
            entry.bid_order_id = bid.order_id
            entry.ask_order_id = ask.order_id
            entry.bid_price = bid.price
            entry.ask_price = ask.price
            fixed_to_decimal(bid.remaining, &entry.bid_qty)
            fixed_to_decimal(ask.remaining, &entry.ask_qty)
            fixed_to_decimal(bid.total_filled, &entry.bid_filled_qty)
            fixed_to_decimal(ask.total_filled, &entry.ask_filled_qty)
            entry.bid_status = bid.status
            entry.ask_status = ask.status
            entry.bid_reject_reason = order_reject_reason(bid.reject_reason, version)
            entry.ask_reject_reason = order_reject_reason(ask.reject_reason, version)
            entry += 1
        return <uint8_t*>entry

    cdef FillCursor _fills_of(self, int8_t maker_side) noexcept:
        """The fills against makers of this side."""
        cdef FillCursor fills
        cdef uint32_t index
        fills.event = fills.left = 0
        fills.maker_side = maker_side
        for index in range(self.orders.outcome.event_count):
            fills.left += is_fill_against(&self.orders.engine.events[index], maker_side)
        return fills

    cdef uint8_t* _write_fills(self, uint8_t* out, FillCursor* fills, uint32_t count) noexcept:
        # Fills of bids and of asks have one layout.
        cdef MassQuoteResponseBidFills* fill = <MassQuoteResponseBidFills*>put_dimension(
            out, sizeof(MassQuoteResponseBidFills), <uint16_t>count
        )
        cdef const Event* event
        fills.left -= count
        while count > 0:
            event = &self.orders.engine.events[fills.event]
            fills.event += 1
            if is_fill_against(event, fills.maker_side):
                fill.match_id = event.match_id
                fill.instrument_id = event.instrument_id
                fill.fill_price = event.price
                fixed_to_decimal(event.quantity, &fill.fill_qty)
                fill += 1
                count -= 1
        return <uint8_t*>fill


cdef bint is_fill_against(const Event* event, int8_t maker_side) noexcept:
    return event.kind == EVENT_FILL and event.side == maker_side


cdef void read_terms(
    Session session, QuoteTerms* terms, int64_t price, const Decimal72* quantity, uint16_t flags
) noexcept:
    terms.price = price
    # What is null, inexact or too large is no quantity; the engine says so in its turn.
    terms.quantity = INT64_MIN
    decimal_to_fixed(quantity, &terms.quantity)
    terms.flags = flags & known_order_flags(session.version)
    terms.covered = is_covered(session, terms.flags)
