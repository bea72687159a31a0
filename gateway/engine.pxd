"""The narrow seam: commands in, outcomes and events out. Who is connected and what time it is, nobody here knows."""

from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint16_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_REASON_MM_PROTECTION, CANCEL_REASON_SELF_MATCH_PREVENTION, CANCEL_REASON_TIME_IN_FORCE, OrdersCanceledOrders,
)
from gateway.book cimport Books, BookSide
from gateway.bump_queue cimport BumpQueue
from gateway.details cimport DETAILS_SIZE
from gateway.lookup cimport Lookup
from gateway.registry cimport Order, Registry


cdef enum:
    FILLS_PER_ORDER_MAX = 2000
    SELF_MATCH_CANCELS_PER_ORDER_MAX = 2000
    EVENTS_PER_ORDER_MAX = 4000

cdef enum:
    EVENT_FILL = 1
    EVENT_CANCELED = 2

cdef enum:
    OUTCOME_ACCEPTED = 1
    OUTCOME_REJECTED = 2


cdef struct Command:
    int64_t time                  # ns since epoch
    int64_t correlation_id        # told again when the order is released from a speed bump
    int64_t client_order_id
    int64_t order_id              # cancel by order id only
    int64_t instrument_id
    int64_t price                 # 1e-9, INT64_MIN: none (market)
    int64_t quantity              # 1e-9, INT64_MIN: none
    int64_t show_quantity         # 1e-9, INT64_MIN: none
    int64_t smp_token             # INT64_MIN or 0: none
    int64_t epoch                 # the owner's present one, 1 or more
    uint32_t owner                # index into the owners given at construction
    uint16_t flags                # ORDER_FLAGS_*
    int8_t side                   # SIDE_*
    int8_t time_in_force          # TIME_IN_FORCE_*, or above 0: days
    int8_t self_trading_mode      # SELF_TRADING_MODE_*
    int8_t covered                # 1: dies with its session
    int8_t is_quote               # 1: a side of a mass quote
    uint32_t quote_slot           # of a quote: where it will be found


cdef struct Event:
    int64_t match_id              # fills only, as price and quantity
    int64_t price                 # 1e-9
    int64_t quantity              # 1e-9, of this fill
    int64_t client_order_id       # the resting order's, as all that follows
    int64_t order_id
    int64_t total_filled          # 1e-9
    int64_t instrument_id
    uint32_t owner
    int8_t kind                   # EVENT_*
    int8_t side
    int8_t flags                  # FILL_FLAGS_* of a fill, CANCEL_FLAGS_* of a cancel
    int8_t cancel_reason          # CANCEL_REASON_*, 0 in fills


cdef struct Outcome:
    int64_t order_id              # INT64_MIN: the order never lived
    int64_t client_order_id
    int64_t instrument_id
    int64_t price                 # 1e-9; of a new order that rests, the price that it rests at
    int64_t quantity              # 1e-9
    int64_t total_filled          # 1e-9
    int64_t visible_quantity      # 1e-9, 0 unless it rests
    uint32_t owner                # whose order it is or was: of a cancel perhaps not the requester's
    uint32_t event_count          # what happened to resting orders is events[0..event_count)
    uint32_t dead_met             # dead orders taken out of the book on the way, for the caller's budget
    int8_t status                 # OUTCOME_*
    int8_t side
    int8_t order_status           # ORDER_STATUS_* when accepted
    int8_t cancel_reason          # CANCEL_REASON_* of a closed order, else 0
    int8_t reject_reason          # ORDER_REJECT_REASON_* or CANCEL_ORDER_REJECT_REASON_* when rejected
    const char* details           # when rejected: what was wanted, what was given; ASCII, good until the next command


cpdef enum InstrumentState:
    INSTRUMENT_IS_OPEN = 0
    INSTRUMENT_IS_HALTED = 1          # nothing may be entered; what rests may be cancelled
    INSTRUMENT_IS_DEACTIVATED = 2     # the same for good, and what rested leaves


cdef struct Instrument:
    int64_t id
    int64_t tick_size             # 1e-9
    int64_t lot_size              # 1e-9
    int64_t min_price             # 1e-9, INT64_MIN + 1: none
    int64_t max_price             # 1e-9, INT64_MAX: none
    int64_t max_order_quantity    # 1e-9, INT64_MAX: none
    int64_t currency_pair_id      # 0: of none
    int64_t delta                 # 1e-9, of one unit; 0: none, as vega
    int64_t vega
    int8_t product_type           # PRODUCT_TYPE_*
    int8_t state                  # INSTRUMENT_IS_*
    bint iceberg_allowed
    uint32_t bump_lane            # where its aggressive orders wait, NONE: they do not
    uint32_t reserved_for         # the only portfolio that may name it, NONE: all may


cdef enum:
    STOP_NONE = 0                 # quantity, price or book is used up
    STOP_SELF_MATCH = 1           # the next maker has the taker's token, and the taker gives way
    STOP_LIMIT = 2                # as many fills or cancels as one order may cause
    STOP_MMP = 3                  # its MMP group was frozen by its last fill


cdef struct Taker:
    int64_t order_id              # of a new order: once it has one
    int64_t remaining             # 1e-9
    int64_t limit_key             # levels up to this key are within its price
    int64_t last_price            # of its last fill
    int64_t time                  # ns since epoch, of its command
    uint32_t owner
    uint32_t handle               # of an order that has a record while it trades, else NONE
    uint32_t mmp_group            # NONE: none
    uint32_t portfolio
    uint32_t instrument
    uint32_t fills
    uint32_t cancels
    BookSide* opposite
    int stop                      # STOP_*


cdef class Engine:
    cdef:
        readonly Registry registry
        readonly Books books
        readonly BumpQueue bumps
        Event* events             # [EVENTS_PER_ORDER_MAX], of the last command
        Instrument* instruments
        Lookup by_instrument_id
        int64_t last_order_id
        int64_t last_match_id
        int64_t last_exec_id
        uint32_t dead_allowance   # so many dead orders may be taken out of requests' ways before it is renewed (dead_ahead.pyx)
        char details[DETAILS_SIZE]

        # Queries.
        uint32_t open_orders(self, uint32_t owner) noexcept nogil
        uint32_t covered_open(self, uint32_t owner) noexcept nogil
        uint32_t portfolio_open(self, uint32_t portfolio) noexcept nogil
        uint32_t dead_orders(self, uint32_t owner) noexcept nogil     # fenced, not drained; 0: the drain is complete
        uint32_t find_instrument(self, int64_t instrument_id) noexcept nogil
        uint32_t instrument_for(self, uint32_t owner, int64_t instrument_id) noexcept nogil   # as a client may name it

        # Commands. Each writes the whole outcome; events stay good until the next one.
        void new_order(self, const Command* command, Outcome* outcome) noexcept nogil
        void cancel_order(self, const Command* command, Outcome* outcome) noexcept nogil
        void cancel_order_by_id(self, const Command* command, Outcome* outcome) noexcept nogil

        # The fence and what follows it. Both kinds return the number of orders that they killed: an owner's covered ones or
        # its others, or all of a portfolio. drain writes at most `limit` entries and returns how many.
        uint32_t fence(self, uint32_t owner, int64_t epoch, bint covered) noexcept nogil
        uint32_t fence_portfolio(self, uint32_t portfolio) noexcept nogil
        uint32_t drain(self, uint32_t owner, bint covered, uint32_t limit, int8_t cancel_reason,
                       OrdersCanceledOrders* out) noexcept nogil

        # Many orders of several owners at once, by one command or one tick: `leave` takes a live one out of everything,
        # registry.touched names the owners, take_leaving writes at most `limit` entries of one owner and returns how
        # many; registry.forget_touched ends it. Orders.report_leaving does the telling.
        void leave(self, uint32_t handle, int8_t cancel_reason) noexcept nogil
        uint32_t take_leaving(self, uint32_t owner, uint32_t limit, OrdersCanceledOrders* out) noexcept nogil

        # Exec ids are the caller's to spend: one for each event that it reports. Strictly increasing.
        int64_t next_exec_id(self) noexcept nogil

        # Within.
        int add_instrument(self, spec) except -1
        int set_limits(self, uint32_t index, spec) except -1
        bint check_epoch(self, const Command* command, Outcome* outcome) noexcept nogil
        void start_taker(self, const Command* command, uint32_t instrument, Taker* taker) noexcept nogil
        bint place_post_only(self, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil
        void match(self, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil
        void fill_maker(self, uint32_t handle, Taker* taker, Outcome* outcome) noexcept nogil
        void cancel_maker(self, uint32_t handle, Outcome* outcome) noexcept nogil
        uint32_t enter(self, const Command* command, const Taker* taker, uint32_t hash, const Outcome* outcome) noexcept nogil
        void rest(self, const Command* command, const Taker* taker, uint32_t hash, Outcome* outcome) noexcept nogil
        void refresh(self, uint32_t handle) noexcept nogil
        void conclude(self, const Command* command, const Taker* taker, uint32_t hash, Outcome* outcome) noexcept nogil
        void conclude_in_place(self, uint32_t handle, const Taker* taker, bint may_rest, Outcome* outcome) noexcept nogil
        void cancel(self, const Command* command, uint32_t handle, const char* unknown, int64_t named,
                    Outcome* outcome) noexcept nogil
        void forget(self, uint32_t handle) noexcept nogil
        void take_out(self, uint32_t handle) noexcept nogil
        void write_canceled(self, const Order* order, int8_t cancel_reason, OrdersCanceledOrders* entry) noexcept nogil


cdef inline bint self_match(const Command* command, uint32_t portfolio, const Order* maker) noexcept nogil:
    return (command.smp_token == maker.smp_token and command.smp_token != 0 and command.smp_token != INT64_MIN
            and maker.portfolio == portfolio)


cdef inline int8_t closing_reason(const Taker* taker) noexcept nogil:
    """CANCEL_REASON_* of what is left of an order that matching stopped, or that may not rest."""
    if taker.stop == STOP_SELF_MATCH:
        return CANCEL_REASON_SELF_MATCH_PREVENTION
    return CANCEL_REASON_MM_PROTECTION if taker.stop == STOP_MMP else CANCEL_REASON_TIME_IN_FORCE


cdef inline void start_outcome(const Command* command, Outcome* outcome) noexcept nogil:
    memset(outcome, 0, sizeof(Outcome))
    outcome.order_id = INT64_MIN
    outcome.client_order_id = command.client_order_id
    outcome.instrument_id = command.instrument_id
    outcome.price = command.price
    outcome.quantity = command.quantity
    outcome.owner = command.owner
    outcome.side = command.side


cdef inline bint reject(Outcome* outcome, int8_t reason, const char* details) noexcept nogil:
    """Always False, for the checks to return."""
    outcome.status = OUTCOME_REJECTED
    outcome.reject_reason = reason
    outcome.details = details
    return False
