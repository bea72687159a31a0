"""Every order there is: its record, the lists and lookups that lead to it, and the predicate that says it is dead."""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t

from gateway.lookup cimport HashSecret, Lookup
from gateway.mmp_groups cimport MmpGroups
from gateway.quote_slots cimport QuoteSlots
from gateway.slab cimport NONE, PAGE_MASK, PAGE_SHIFT, Slab


cdef enum:
    OWNERS_MAX = 16_384
    PORTFOLIOS_MAX = 16_384

cdef enum:
    ORDER_IS_COVERED = 1      # dies with its session; lowest bit, for it chooses one of the owner's two marks
    ORDER_IS_QUOTE = 2
    ORDER_IN_BOOK = 4
    ORDER_CANCELS_MAKER = 8   # SELF_TRADING_MODE_CANCEL_MAKER at entry: whom self-match prevention cancels
    ORDER_IS_ICEBERG = 16
    ORDER_IS_DAY = 32         # ends with its last_settlement
    ORDER_IS_QUEUED = 64      # behind a speed bump, in no book
    ORDER_HAS_WAITING = 128   # behind a speed bump: the order itself if it is queued, and amends of it
    ORDER_IS_MMP = 256        # of the MMP group for orders in its instrument's currency pair
    ORDER_IS_AWAITED = 512    # a walk may stand at it; may be left over from one that has gone on


cdef enum:
    DAY_LISTS = 128           # one more than an order may have days (timeInForce is an int8)


cdef struct Order:
    # First cache line: what matching and both lookups read.
    int64_t order_id
    int64_t client_order_id   # of a quote its quote id, by which it is not found
    int64_t quantity          # 1e-9, total
    int64_t filled            # 1e-9, of quantity
    int64_t epoch             # its owner's, at entry
    int64_t smp_token         # INT64_MIN or 0: none
    uint32_t owner            # dense index
    uint32_t portfolio        # dense index
    uint32_t fifo_next        # in its price level
    uint16_t flags            # ORDER_*
    int8_t side               # SIDE_*
    int8_t cancel_reason      # CANCEL_REASON_* of an order that is leaving
    # Second cache line: what entering and leaving touch too.
    int64_t price             # 1e-9
    int64_t show_quantity     # 1e-9, what an iceberg shows at a time; means nothing in other orders, as the next
    int64_t shown             # 1e-9, what is left of that
    uint32_t instrument       # dense index
    uint32_t level
    uint32_t fifo_prev
    uint32_t owner_prev       # in its owner's list, covered or not, in order of entry
    uint32_t owner_next
    uint32_t client_hash
    uint32_t quote_slot       # quotes only; NONE once a new quote has taken its place; of one that is leaving its group
    uint32_t last_settlement  # day orders only, as their links: in the number of settlements that there have been
    uint32_t day_prev         # among those that end with the same settlement, in order of entry
    uint32_t day_next         # here the record has filled two cache lines


cdef struct OrderList:
    uint32_t head
    uint32_t tail
    uint32_t live             # its dead orders are not counted
    uint32_t waiting          # how many of the live ones have something waiting behind a speed bump


cdef struct DayList:
    uint32_t head
    uint32_t tail


cdef struct Days:
    DayList coming[DAY_LISTS]     # orders that end with a settlement to come, by its number modulo DAY_LISTS
    DayList due                   # orders whose last settlement has been
    uint32_t settlements          # so far
    uint32_t count                # day orders in all these lists


cdef struct Owner:
    int64_t fenced_epochs[2]  # orders of an epoch not above are dead: [0] those that are not covered, [1] those that are
    int64_t newest_epoch      # epochs of entry never go back, so a list's dead orders are its first ones
    uint32_t portfolio
    uint32_t next_in_portfolio
    uint32_t dead             # dead orders that have not been drained
    bint is_touched           # in the registry's list of those whose orders the present command has taken out
    OrderList covered
    OrderList uncovered
    OrderList leaving         # taken out, not yet told of: `live` counts them, nothing else knows them any more


cdef struct Portfolio:
    int64_t fenced_order_id   # orders not above it are dead
    int64_t id
    uint32_t first_owner      # NONE without one
    uint32_t last_owner
    uint32_t open             # live orders
    uint32_t waiting          # how many of them have something waiting behind a speed bump
    uint32_t max_open_orders
    bint is_locked            # nothing may be entered


cdef class Registry:
    cdef:
        HashSecret secret     # for what clients choose: their order ids, and the prices of the books
        Slab orders
        Lookup by_client      # orders that are not quotes, as by_order_id
        Lookup by_order_id
        QuoteSlots quotes
        MmpGroups mmp
        Days days
        Owner* owners
        Portfolio* portfolios
        uint32_t* touched             # owners that have orders leaving, in the order in which the first one left
        uint32_t touched_count
        uint32_t* awaited             # by walker: the order of some owner's list at which its walk stands, NONE at the end
        uint32_t* walkers             # who walks, named by their owner's index
        uint32_t walker_count
        uint32_t dead                 # dead orders of all owners that have not been drained
        readonly uint32_t owner_count
        readonly uint32_t portfolio_count

        # Queries.
        uint32_t find_client(self, uint32_t portfolio, int64_t client_order_id, uint32_t hash) noexcept nogil
        uint32_t find_order_id(self, int64_t order_id) noexcept nogil

        uint32_t prefetch(self, uint32_t handle) noexcept nogil
        void prefetch_line(self, uint32_t hash) noexcept nogil
        void prefetch_order(self, uint32_t hash) noexcept nogil

        # Commands.
        bint reserve(self) noexcept nogil
        bint reserve_quote(self) noexcept nogil
        uint32_t take(self) noexcept nogil
        void bind(self, uint32_t handle) noexcept nogil
        void release(self, uint32_t handle) noexcept nogil
        void leave(self, uint32_t handle, int8_t cancel_reason) noexcept nogil
        uint32_t first_leaving(self, uint32_t owner) noexcept nogil
        void release_leaving(self, uint32_t handle) noexcept nogil
        void forget_touched(self) noexcept nogil
        void begin_walk(self, uint32_t walker, uint32_t handle) noexcept nogil
        void walk_to(self, uint32_t walker, uint32_t handle) noexcept nogil
        void end_walk(self, uint32_t walker) noexcept nogil
        uint32_t fence(self, uint32_t owner, int64_t epoch, bint covered) noexcept nogil
        uint32_t fence_portfolio(self, uint32_t portfolio, int64_t order_id) noexcept nogil
        int add_portfolio(self, spec) except -1
        int add_owner(self, spec) except -1

        # Within.
        int add_mmp_group(self, uint32_t index, spec) except -1
        void unbind(self, uint32_t handle) noexcept nogil
        void step_aside(self, uint32_t handle) noexcept nogil


cdef inline Order* order_at(const Slab* orders, uint32_t handle) noexcept nogil:
    return <Order*>orders.pages[handle >> PAGE_SHIFT] + (handle & PAGE_MASK)


cdef inline bint epoch_is_over(const Owner* owner, int64_t epoch) noexcept nogil:
    """Whether nothing may be entered under an epoch any more: it was fenced, or the owner has left it behind."""
    return epoch <= owner.fenced_epochs[0] or epoch <= owner.fenced_epochs[1] or epoch < owner.newest_epoch


cdef inline int64_t order_visible(const Order* order) noexcept nogil:
    """What a resting order shows: all that is left of it, but for icebergs."""
    return order.shown if order.flags & ORDER_IS_ICEBERG else order.quantity - order.filled


cdef inline bint order_is_dead(const Order* order, const Owner* owners, const Portfolio* portfolios) noexcept nogil:
    """The fence: two comparisons. Whoever meets a dead order treats it as absent."""
    return (order.epoch <= owners[order.owner].fenced_epochs[order.flags & ORDER_IS_COVERED]
            or order.order_id <= portfolios[order.portfolio].fenced_order_id)
