"""What must always hold in the engine room, walked and compared from every side. For tests and the debug build.

Each function raises AssertionError naming what is wrong. They read everything there is: O(all orders).
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from codec.layout cimport PROTOCOL_ID, SIDE_BUY, SIDE_SELL, FrameHeader
from gateway.book cimport Books, BookSide, Level, level_at
from gateway.bump_queue cimport (
    PENDING_AMENDS_PER_ORDER_MAX, WAITING_PER_PORTFOLIO_MAX, Bumped, BumpQueue, bumped_at,
)
from gateway.engine cimport Engine
from gateway.lookup cimport (
    LINE_ENTRIES, Cursor, Line, Lookup, lookup_bucket, lookup_next, lookup_overflow, lookup_start, scoped_hash, secret_hash,
)
from gateway.must_hold cimport BREAKWIRE_DEBUG
from gateway.quote_slots cimport QuoteSlot, QuoteSlots, quote_index, quote_slot_at
from gateway.registry cimport (
    DAY_LISTS, ORDER_HAS_WAITING, ORDER_IN_BOOK, ORDER_IS_AWAITED, ORDER_IS_COVERED, ORDER_IS_DAY, ORDER_IS_ICEBERG,
    ORDER_IS_QUEUED, ORDER_IS_QUOTE, DayList, Order, OrderList, Registry, order_at, order_is_dead,
)
from gateway.slab cimport CACHE_LINE_SIZE, NONE
from gateway.stream cimport NO_CHUNK, Chunk, Stream

from gateway.mmp_invariants import check_mmp


def is_debug_build() -> bool:
    """Whether what must hold is checked as the gateway runs: it was built with BREAKWIRE_DEBUG=1."""
    return BREAKWIRE_DEBUG


def orders_held(Engine engine not None) -> int:
    """All orders that there are, dead ones that are not yet drained among them."""
    return engine.registry.orders.used


def dead_orders(Engine engine not None, uint32_t owner) -> int:
    """An owner's dead orders that are not yet drained."""
    return engine.registry.owners[owner].dead


def check(Engine engine not None):
    """Registry, lookups, books, groups, queues and counts of an engine agree, every live order rests or waits behind a speed bump,
    and no book is crossed."""
    check_registry(engine.registry)
    check_mmp(engine)
    check_books(engine.books)
    check_bumps(engine.bumps)
    for owner in range(engine.registry.owner_count):
        check_all_rest(engine.registry, engine.registry.owners[owner].covered)
        check_all_rest(engine.registry, engine.registry.owners[owner].uncovered)
    for instrument in range(engine.books.instrument_count):
        check_not_crossed(engine.books, instrument)


cdef int check_all_rest(Registry registry, OrderList orders) except -1:
    cdef uint32_t handle = orders.head
    cdef Order* order
    while handle != NONE:
        order = order_at(&registry.orders, handle)
        where = f"order {order.order_id}"
        require(not order.flags & ORDER_IN_BOOK or not order.flags & ORDER_IS_QUEUED, f"{where}: in a book and queued")
        require(order.flags & (ORDER_IN_BOOK | ORDER_IS_QUEUED)
                or order_is_dead(order, registry.owners, registry.portfolios), f"{where}: live and in no book")
        handle = order.owner_next
    return 0


def check_registry(Registry registry not None):
    """Each order is in one owner's list and found by both its ids, a quote in its slot; nothing else holds any other.

    Orders that are leaving are in their owner's list of those, and nothing finds or counts them.
    """
    cdef uint32_t owner
    cdef uint32_t portfolio
    cdef uint32_t all_dead = 0
    require(sizeof(Order) == 2 * CACHE_LINE_SIZE, f"an order fills {sizeof(Order)} bytes")
    handles = set()
    live = [0] * registry.portfolio_count
    names = set()
    for owner in range(registry.owner_count):
        dead = walk_list(registry, owner, True, handles, live, names)
        dead += walk_list(registry, owner, False, handles, live, names)
        require(dead == registry.owners[owner].dead,
                f"owner {owner}: {dead} dead, {registry.owners[owner].dead} counted")
        all_dead += dead
    require(all_dead == registry.dead, f"{all_dead} dead in all, {registry.dead} counted")
    for portfolio in range(registry.portfolio_count):
        require(live[portfolio] == registry.portfolios[portfolio].open,
                f"portfolio {portfolio}: {live[portfolio]} open, {registry.portfolios[portfolio].open} counted")
    leaving = set()
    for owner in range(registry.owner_count):
        walk_leaving(registry, owner, leaving)
    require(not leaving & handles, f"orders that are leaving and open: {sorted(leaving & handles)}")
    check_touched(registry)
    check_days(registry, handles)
    check_walks(registry, handles)
    require(registry.orders.used == len(handles) + len(leaving),
            f"{registry.orders.used} records in use, {len(handles)} in lists and {len(leaving)} leaving")
    quotes = check_quotes(registry, handles)
    check_lookup(&registry.by_client, len(handles) - quotes)
    check_lookup(&registry.by_order_id, len(handles) - quotes)


cdef int check_quotes(Registry registry, set handles) except -1:
    """Slots and quotes name each other; returns how many quotes there are among the handles."""
    cdef QuoteSlots* slots = &registry.quotes
    cdef uint32_t group
    cdef uint32_t handle
    cdef uint32_t index
    cdef uint32_t previous
    cdef QuoteSlot* slot
    cdef Order* order
    cdef int quotes = 0
    used = 0
    named = set()
    for group in range(registry.mmp.count):
        index = slots.first_slots[group]
        previous = NONE
        while index != NONE:
            slot = quote_slot_at(slots, index)
            where = f"mmp group {registry.mmp.groups[group].id}, slot {index}"
            require(slot.group == group and slot.group_prev == previous, f"{where}: links")
            require(not slot.held and slot.handles[0] & slot.handles[1] != NONE, f"{where}: held or empty")
            require(slot.hash == scoped_hash(group, slot.instrument)
                    and found_once(&slots.by_instrument, slot.hash, index), f"{where}: not found")
            for handle in [slot.handles[0], slot.handles[1]]:
                if handle != NONE:
                    require(handle in handles, f"{where}: a quote that no owner has")
                    order = order_at(&registry.orders, handle)
                    require(order.portfolio == registry.mmp.groups[group].portfolio and order.instrument == slot.instrument,
                            f"{where}: a stranger")
                    named.add(handle)
            used += 1
            previous, index = index, slot.group_next
    require(slots.slots.used == used, f"{slots.slots.used} quote slots in use, {used} in groups")
    check_lookup(&slots.by_instrument, used)
    for handle in handles:
        order = order_at(&registry.orders, handle)
        if order.flags & ORDER_IS_QUOTE:
            quotes += 1
            if order.quote_slot == NONE:
                require(order_is_dead(order, registry.owners, registry.portfolios),
                        f"quote {order.order_id}: alive without a slot")
            else:
                require(quote_slot_at(slots, order.quote_slot).handles[quote_index(order.side)] == handle,
                        f"quote {order.order_id}: not in its slot")
                named.discard(handle)
        require(handle not in named, f"order {order.order_id}: in a quote slot")
    return quotes


cdef int walk_list(Registry registry, uint32_t owner, bint covered, set handles, list live, set names) except -1:
    """Check one list and add up what it holds; returns how many of it are dead."""
    cdef OrderList mine = registry.owners[owner].covered if covered else registry.owners[owner].uncovered
    cdef uint32_t handle = mine.head
    cdef uint32_t previous = NONE
    cdef int64_t order_id = 0
    cdef int64_t epoch = 0
    cdef int dead = 0
    cdef uint32_t alive = 0
    cdef Order* order
    while handle != NONE:
        order = order_at(&registry.orders, handle)
        where = f"owner {owner}, order {order.order_id}"
        require(handle not in handles, f"{where}: in two lists")
        handles.add(handle)
        require(order.owner == owner and order.portfolio == registry.owners[owner].portfolio,
                f"{where}: not its owner's")
        require(bool(order.flags & ORDER_IS_COVERED) == covered, f"{where}: in the wrong list")
        require(order.owner_prev == previous, f"{where}: owner_prev")
        require(order.order_id > order_id and order.epoch >= epoch, f"{where}: out of its order of entry")
        require(0 <= order.filled < order.quantity, f"{where}: filled {order.filled} of {order.quantity}")
        if order.flags & ORDER_IS_ICEBERG:
            require(0 < order.shown <= min(order.show_quantity, order.quantity - order.filled),
                    f"{where}: shows {order.shown} of {order.quantity - order.filled}, {order.show_quantity} at a time")
        if not order.flags & ORDER_IS_QUOTE:
            require(found_once(&registry.by_client, order.client_hash, handle), f"{where}: not found by client_order_id")
            require(order.client_hash == secret_hash(&registry.secret, order.portfolio, order.client_order_id),
                    f"{where}: client_hash")
            require(found_once(&registry.by_order_id, <uint32_t>order.order_id, handle),
                    f"{where}: not found by order_id")
        if order_is_dead(order, registry.owners, registry.portfolios):
            require(alive == 0, f"{where}: dead behind a live one")
            dead += 1
        else:
            alive += 1
            live[order.portfolio] += 1
            if not order.flags & ORDER_IS_QUOTE:
                name = (order.portfolio, order.client_order_id)
                require(name not in names, f"{where}: client_order_id {order.client_order_id} open twice")
                names.add(name)
        order_id, epoch, previous, handle = order.order_id, order.epoch, handle, order.owner_next
    require(mine.tail == previous, f"owner {owner}: tail")
    require(mine.live == alive, f"owner {owner}: {alive} live in a list, {mine.live} counted")
    return dead


cdef int walk_leaving(Registry registry, uint32_t owner, set leaving) except -1:
    cdef OrderList mine = registry.owners[owner].leaving
    cdef uint32_t handle = mine.head
    cdef uint32_t previous = NONE
    cdef uint32_t count = 0
    cdef Order* order
    while handle != NONE:
        order = order_at(&registry.orders, handle)
        where = f"owner {owner}, leaving order {order.order_id}"
        require(handle not in leaving, f"{where}: in two lists")
        leaving.add(handle)
        count += 1
        require(order.owner == owner and order.owner_prev == previous, f"{where}: links")
        require(not order.flags & ORDER_IN_BOOK, f"{where}: in a book")
        previous, handle = handle, order.owner_next
    require(mine.tail == previous and mine.live == count, f"owner {owner}: {count} leaving, {mine.live} counted")
    require(count == 0 or registry.owners[owner].is_touched, f"owner {owner}: {count} leaving and not touched")
    return 0


cdef int check_days(Registry registry, set handles) except -1:
    """Every day order is in the list of the settlement that ends it, and no other order is in any."""
    cdef uint32_t handle
    cdef uint32_t settlements = registry.days.settlements
    listed = walk_days(registry, registry.days.due, "due")
    for ends, handle in listed:
        require(<int32_t>(<uint32_t>ends - settlements) <= 0, f"order {order_at(&registry.orders, handle).order_id}: due early")
    for index in range(DAY_LISTS):
        coming = walk_days(registry, registry.days.coming[index], f"day list {index}")
        for ends, handle in coming:
            require(0 < <int32_t>(<uint32_t>ends - settlements) < DAY_LISTS and ends % DAY_LISTS == index,
                    f"order {order_at(&registry.orders, handle).order_id}: in the list of another settlement")
        listed += coming
    days = {handle for handle in handles if order_at(&registry.orders, handle).flags & ORDER_IS_DAY}
    require(len(listed) == registry.days.count and {handle for _, handle in listed} == days,
            f"{len(days)} day orders, {len(listed)} in lists, {registry.days.count} counted")
    return 0


cdef list walk_days(Registry registry, DayList days, str where):
    cdef uint32_t handle = days.head
    cdef uint32_t previous = NONE
    cdef Order* order
    found = []
    while handle != NONE:
        order = order_at(&registry.orders, handle)
        require(order.day_prev == previous, f"{where}, order {order.order_id}: links")
        found.append((order.last_settlement, handle))
        previous, handle = handle, order.day_next
    require(days.tail == previous, f"{where}: tail")
    return found


cdef int check_touched(Registry registry) except -1:
    cdef uint32_t owner
    touched = [registry.touched[index] for index in range(registry.touched_count)]
    marked = [owner for owner in range(registry.owner_count) if registry.owners[owner].is_touched]
    require(sorted(touched) == marked, f"owners {touched} are touched, {marked} are marked so")
    return 0


cdef int check_walks(Registry registry, set handles) except -1:
    """Whoever walks does so once, and stands at an order that an owner has, or at the end of a list."""
    cdef uint32_t index
    cdef uint32_t handle
    walkers = [registry.walkers[index] for index in range(registry.walker_count)]
    require(len(set(walkers)) == len(walkers), f"owners {sorted(walkers)} walk more than once")
    for index in range(registry.walker_count):
        handle = registry.awaited[registry.walkers[index]]
        require(handle == NONE or handle in handles, f"owner {registry.walkers[index]}: its walk stands at no order")
        require(handle == NONE or order_at(&registry.orders, handle).flags & ORDER_IS_AWAITED,
                f"owner {registry.walkers[index]}: its walk would not be told when its order goes")
    return 0


cdef bint found_once(Lookup* lookup, uint32_t hash, uint32_t wanted) noexcept:
    cdef Cursor cursor = lookup_start(lookup, hash)
    cdef uint32_t handle = lookup_next(lookup, &cursor)
    cdef int found = 0
    while handle != NONE:
        found += handle == wanted
        handle = lookup_next(lookup, &cursor)
    return found == 1


cdef int check_lookup(Lookup* lookup, uint32_t entries) except -1:
    """Every entry is in the bucket of its hash, and every chain is full behind its first line."""
    cdef uint32_t buckets = lookup.mask + 1 + lookup.split
    cdef uint32_t bucket
    cdef uint32_t counted = 0
    cdef uint32_t overflow_lines = 0
    cdef uint32_t i
    cdef Line* line
    require(lookup.buckets.used == buckets and lookup.buckets.fresh == buckets, "lookup: buckets")
    for bucket in range(buckets):
        # A bucket's own number, as a hash, leads to it: high bits that are not used yet are zero.
        line = lookup_bucket(lookup, bucket)
        first = line
        require(line.count > 0 or line.next == NONE, f"lookup: bucket {bucket} is empty before a full line")
        while True:
            require(line.count <= LINE_ENTRIES, f"lookup: bucket {bucket}: count {line.count}")
            for i in range(line.count):
                require(lookup_bucket(lookup, line.hashes[i]) == first, f"lookup: bucket {bucket}: a stranger")
            counted += line.count
            if line.next == NONE:
                break
            line = lookup_overflow(lookup, line.next)
            overflow_lines += 1
            require(line.count == LINE_ENTRIES, f"lookup: bucket {bucket}: a gap")
    require(counted == entries and lookup.entries == entries, f"lookup: {counted} entries, wanted {entries}")
    require(lookup.overflow.used == overflow_lines, "lookup: lost overflow lines")
    return 0


def check_bumps(BumpQueue bumps not None):
    """Lanes and orders hold the same requests, in the same order, and the counts of what waits are right."""
    cdef Registry registry = bumps.registry
    cdef uint32_t lane
    cdef uint32_t index
    cdef uint32_t previous
    cdef uint32_t owner
    cdef Bumped* request
    arrivals = {}
    for lane in range(bumps.lane_count):
        index = bumps.lanes[lane].head
        previous = NONE
        due = arrival = 0
        while index != NONE:
            request = bumped_at(&bumps.requests, index)
            where = f"lane {lane}, request {request.arrival}"
            require(request.lane == lane and request.lane_prev == previous, f"{where}: links")
            require(request.due >= due and request.arrival > arrival, f"{where}: out of order")
            require(bumps.next_due <= request.due, f"{where}: due before {bumps.next_due}")
            arrivals[index] = request.arrival
            due, arrival, previous, index = request.due, request.arrival, index, request.lane_next
        require(bumps.lanes[lane].tail == previous, f"lane {lane}: tail")
    require(bumps.requests.used == len(arrivals), f"{bumps.requests.used} requests in use, {len(arrivals)} in lanes")
    check_lookup(&bumps.by_order, len(arrivals))
    waiting = [0] * registry.portfolio_count
    for owner in range(registry.owner_count):
        check_waiting(bumps, owner, registry.owners[owner].covered, arrivals, waiting)
        check_waiting(bumps, owner, registry.owners[owner].uncovered, arrivals, waiting)
    require(not arrivals, f"requests that no order has: {sorted(arrivals)}")
    for portfolio, count in enumerate(waiting):
        require(registry.portfolios[<uint32_t>portfolio].waiting == count <= WAITING_PER_PORTFOLIO_MAX,
                f"portfolio {portfolio}: {count} orders have something waiting")


cdef int check_waiting(BumpQueue bumps, uint32_t owner, OrderList mine, dict arrivals, list waiting) except -1:
    """Take the requests of one list's orders out of `arrivals`, and count the live ones that have any, by portfolio."""
    cdef uint32_t handle = mine.head
    cdef uint32_t index
    cdef Cursor cursor
    cdef Order* order
    live = 0
    while handle != NONE:
        order = order_at(&bumps.registry.orders, handle)
        is_dead = order_is_dead(order, bumps.registry.owners, bumps.registry.portfolios)
        where = f"order {order.order_id}"
        requests = []
        cursor = lookup_start(&bumps.by_order, handle)
        index = lookup_next(&bumps.by_order, &cursor)
        while index != NONE:
            require(bumped_at(&bumps.requests, index).order == handle, f"{where}: not its request")
            requests.append((arrivals.pop(index), bool(bumped_at(&bumps.requests, index).is_amend)))
            index = lookup_next(&bumps.by_order, &cursor)
        amends = [is_amend for _, is_amend in sorted(requests)]
        require(bool(amends) == bool(order.flags & ORDER_HAS_WAITING), f"{where}: has {len(amends)} requests waiting")
        is_queued = amends[:1] == [False]
        require(is_dead or is_queued == bool(order.flags & ORDER_IS_QUEUED), f"{where}: queued or not")
        require(all(amends[is_queued:]) and sum(amends) <= PENDING_AMENDS_PER_ORDER_MAX, f"{where}: {amends} wait")
        live += bool(amends) and not is_dead
        handle = order.owner_next
    require(mine.waiting == live, f"owner {owner}: {live} orders have something waiting, {mine.waiting} counted")
    waiting[bumps.registry.owners[owner].portfolio] += live
    return 0


def check_books(Books books not None):
    """Trees, lists of levels and queues of orders hold the same, and each order that says it is in a book is."""
    cdef Registry registry = books.registry
    cdef uint32_t index
    cdef uint32_t owner
    cdef uint32_t handle
    cdef Order* order
    queued = set()
    levels = 0
    for index in range(books.instrument_count * 2):
        levels += check_side(books, index // 2, SIDE_SELL if index % 2 else SIDE_BUY, queued)
    require(books.levels.used == levels, f"{books.levels.used} levels in use, {levels} in books")
    check_lookup(&books.by_price, levels)
    for owner in range(registry.owner_count):
        for handle in [registry.owners[owner].covered.head, registry.owners[owner].uncovered.head]:
            while handle != NONE:
                order = order_at(&registry.orders, handle)
                require((handle in queued) == bool(order.flags & ORDER_IN_BOOK),
                        f"order {order.order_id}: in a book or not")
                queued.discard(handle)
                handle = order.owner_next
    require(not queued, f"orders in books that no owner has: {sorted(queued)}")


cdef int check_side(Books books, uint32_t instrument, int side, set queued) except -1:
    """Check one side and add its orders to `queued`; returns the number of its levels."""
    cdef BookSide* book = books.side_of(instrument, side)
    cdef uint32_t node = book.best
    cdef uint32_t previous = NONE
    cdef int64_t key = 0
    cdef Level* level
    nodes = []
    while node != NONE:
        level = level_at(&books.levels, node)
        where = f"instrument {instrument}, side {side}, price {-side * level.key}"
        require(level.better == previous, f"{where}: better")
        require(previous == NONE or level.key > key, f"{where}: out of order")
        require(&books.sides[level.side] == book and level.hash == secret_hash(
            &books.registry.secret, level.side, level.key)
                and found_once(&books.by_price, level.hash, node), f"{where}: not found by price")
        check_queue(books, node, instrument, side, where, queued)
        nodes.append(node)
        key, previous, node = level.key, node, level.worse
    in_tree = []
    check_tree(books, book.root, NONE, in_tree)
    require(in_tree == nodes, f"instrument {instrument}, side {side}: tree and list differ")
    return len(nodes)


cdef int check_queue(Books books, uint32_t node, uint32_t instrument, int side, str where, set queued) except -1:
    cdef Level* level = level_at(&books.levels, node)
    cdef uint32_t handle = level.head
    cdef uint32_t previous = NONE
    cdef Order* order
    require(handle != NONE, f"{where}: a level without orders")
    while handle != NONE:
        order = order_at(&books.registry.orders, handle)
        require(handle not in queued, f"{where}: order {order.order_id} in two books")
        queued.add(handle)
        require(order.fifo_prev == previous and order.level == node, f"{where}: order {order.order_id}: links")
        require(order.instrument == instrument and order.side == side and -side * order.price == level.key,
                f"{where}: order {order.order_id} does not belong here")
        previous, handle = handle, order.fifo_next
    require(level.tail == previous, f"{where}: tail")
    return 0


cdef int check_tree(Books books, uint32_t node, uint32_t parent, list nodes) except -1:
    """Add the subtree's levels to `nodes` in price order; returns its height."""
    cdef Level* level
    cdef int better
    cdef int worse
    if node == NONE:
        return 0
    level = level_at(&books.levels, node)
    require(level.parent == parent, f"level {node}: parent")
    better = check_tree(books, level.child[0], node, nodes)
    nodes.append(node)
    worse = check_tree(books, level.child[1], node, nodes)
    require(level.balance == worse - better and -1 <= level.balance <= 1, f"level {node}: balance {level.balance}")
    return 1 + max(better, worse)


def check_stream(Stream stream not None):
    """What a stream stores is whole frames with rising numbers, all from its oldest number on, as many bytes as it counts."""
    cdef uint32_t index = stream.head
    cdef uint32_t at = stream.head_offset
    cdef int64_t number = stream.oldest_number - 1
    cdef uint64_t stored = 0
    cdef const Chunk* chunk
    cdef const FrameHeader* header
    while index != NO_CHUNK:
        chunk = &stream.pool.chunks[index]
        while at < chunk.used:
            header = <const FrameHeader*>(chunk.data + at)
            require(header.protocol_id == PROTOCOL_ID and at + header.message_length <= chunk.used,
                    f"stream: no whole frame behind number {number}")
            require(header.sequence_number > number, f"stream: number {header.sequence_number} behind {number}")
            number = header.sequence_number
            stored += header.message_length
            at += header.message_length
        index, at = chunk.next, 0
    require(number < stream.next_number, f"stream: number {number}, the next is {stream.next_number}")
    require(stored == stream.stored_bytes, f"stream: {stored} bytes stored, {stream.stored_bytes} counted")
    require(stream.unsent_bytes <= stored, f"stream: {stream.unsent_bytes} bytes unsent, {stored} stored")
    # No claim on the depth: what was unsent when the last frame was written may be more, and goes with the next frame.


cdef int check_not_crossed(Books books, uint32_t instrument) except -1:
    bid = best_live_price(books, instrument, SIDE_BUY)
    ask = best_live_price(books, instrument, SIDE_SELL)
    require(bid is None or ask is None or bid < ask, f"instrument {instrument}: bid {bid}, ask {ask}")
    return 0


cdef object best_live_price(Books books, uint32_t instrument, int side):
    cdef uint32_t node = books.side_of(instrument, side).best
    cdef uint32_t handle
    cdef Order* order
    while node != NONE:
        handle = level_at(&books.levels, node).head
        while handle != NONE:
            order = order_at(&books.registry.orders, handle)
            if not order_is_dead(order, books.registry.owners, books.registry.portfolios):
                return order.price
            handle = order.fifo_next
        node = level_at(&books.levels, node).worse
    return None
