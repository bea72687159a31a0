"""Mass quotes, on the engine's side of the seam: one command of up to 15 two-sided entries, one outcome of as many."""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t

from gateway.engine cimport Command, Engine, Outcome, Taker
from gateway.registry cimport Order


cdef enum:
    QUOTES_PER_MASS_QUOTE_MAX = 15
    NO_REJECT_REASON = -128       # of a quote side that was not rejected


cdef struct QuoteTerms:
    int64_t price                 # 1e-9, INT64_MIN: none
    int64_t quantity              # 1e-9, 0: cancel this side; INT64_MIN: none
    uint16_t flags                # ORDER_FLAGS_*
    int8_t covered                # 1: dies with its session


cdef struct QuoteEntry:
    int64_t instrument_id
    QuoteTerms sides[2]           # bid, ask


cdef struct MassQuote:
    int64_t time                  # ns since epoch
    int64_t quote_id
    int64_t mmp_group_id
    int64_t smp_token             # INT64_MIN or 0: none
    int64_t epoch                 # the owner's present one, 1 or more
    uint32_t owner                # index into the owners given at construction
    bint reset_mmp                # unfreeze the group first
    uint32_t entry_count          # as asked for; beyond QUOTES_PER_MASS_QUOTE_MAX no entry needs to stand
    QuoteEntry entries[QUOTES_PER_MASS_QUOTE_MAX]


cdef struct QuoteSideOutcome:
    int64_t order_id              # of the quote that the status speaks of; INT64_MIN: there is none
    int64_t price                 # 1e-9, at which it rests or was to rest; INT64_MIN: there is none
    int64_t remaining             # 1e-9, 0 unless it rests
    int64_t total_filled          # 1e-9
    int8_t status                 # QUOTE_STATUS_*
    int8_t reject_reason          # ORDER_REJECT_REASON_* or NO_REJECT_REASON


cdef struct MassQuoteOutcome:
    const char* details           # when rejected: what was wanted, what was given; ASCII, good until the next command
    int8_t status                 # OUTCOME_*
    int8_t reject_reason          # MASS_QUOTE_REJECT_REASON_* when rejected
    QuoteSideOutcome sides[QUOTES_PER_MASS_QUOTE_MAX][2]      # of the request's entries, when accepted


# Takes out the live quotes of a group, of one side or SIDE_BOTH, to be told of by Engine.take_leaving; returns how many. It
# may be in the middle of one of the group's mass quotes: slots that are held stay.
cdef uint32_t leave_group(Engine engine, uint32_t group, int8_t side, int8_t cancel_reason) noexcept nogil


cdef class Quotes:
    cdef:
        readonly Engine engine
        Command command           # the side that is being entered
        uint32_t instruments[QUOTES_PER_MASS_QUOTE_MAX]       # of the entries, as the checks found them
        uint32_t fills            # of the mass quote so far

        # Commands. Writes the whole outcome. What happened to makers is told in `events`, its event_count and dead_met,
        # which are all that it has of an order's outcome; the engine's events stay good until its next command. Quotes of
        # other owners that were replaced or cancelled are leaving, as Engine.leave has it.
        void mass_quote(self, const MassQuote* request, MassQuoteOutcome* outcome, Outcome* events) noexcept nogil

        # Within.
        bint check(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil
        bint check_group(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil
        bint check_entry(self, const MassQuote* request, uint32_t index, MassQuoteOutcome* outcome) noexcept nogil
        void quote(self, const MassQuote* request, uint32_t group, uint32_t index, QuoteSideOutcome* sides,
                   Outcome* events) noexcept nogil
        void begin_side(self, const MassQuote* request, uint32_t index, int8_t side, Outcome* events) noexcept nogil
        uint32_t standing(self, uint32_t slot, int8_t side) noexcept nogil
        bint check_side(self, uint32_t instrument, int64_t quantity_limit, Outcome* events) noexcept nogil
        bint revise(self, uint32_t instrument, uint32_t group, uint32_t slot, QuoteSideOutcome* told,
                    Outcome* events) noexcept nogil
        void keep(self, uint32_t handle, QuoteSideOutcome* told) noexcept nogil
        void withdraw(self, uint32_t handle, QuoteSideOutcome* told) noexcept nogil
        void queue(self, Taker* taker, QuoteSideOutcome* told, Outcome* events) noexcept nogil
        void place(self, uint32_t instrument, uint32_t group, QuoteSideOutcome* told, Outcome* events) noexcept nogil
        void tell_protection(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil
        bint tell_leaving(self, const MassQuote* request, const Order* order, MassQuoteOutcome* outcome) noexcept nogil
