"""Price-time books: which orders rest at which price, and in what order they come.

The levels of a side are an AVL tree, linked with parents and walked without recursion, and at the same time a list
from the best price to the worst. Matching goes along the list. An order that enters finds a level that exists by its
price, in a table of all levels; a new level finds its place in the tree from the best one outwards, so its cost grows
with the logarithm of its distance from the touch. A level without orders does not exist.
"""

cimport cython
from libc.stdint cimport int8_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

from gateway.lookup cimport (
    Cursor, lookup_add, lookup_close, lookup_init, lookup_next, lookup_reserve, lookup_start, lookup_take, secret_hash,
)
from gateway.registry cimport ORDER_IN_BOOK, Order, Registry, order_at, order_is_dead
from gateway.slab cimport NONE, Slab, slab_close, slab_give, slab_init, slab_reserve, slab_take


cdef inline uint32_t direction_of(const Slab* levels, uint32_t parent, uint32_t child) noexcept nogil:
    return level_at(levels, parent).child[1] == child


cdef inline void hang(const Slab* levels, BookSide* side, uint32_t parent, uint32_t direction,
                      uint32_t child) noexcept nogil:
    """Put a subtree, perhaps NONE, below a parent; below NONE it is the whole tree."""
    if parent == NONE:
        side.root = child
    else:
        level_at(levels, parent).child[direction] = child
    if child != NONE:
        level_at(levels, child).parent = parent


cdef void rotate(const Slab* levels, BookSide* side, uint32_t top, uint32_t heavy) noexcept nogil:
    """Raise the heavy child of `top` into its place. Balances are the caller's to set."""
    cdef Level* level = level_at(levels, top)
    cdef uint32_t risen = level.child[heavy]
    cdef uint32_t parent = level.parent
    cdef uint32_t direction = 0 if parent == NONE else direction_of(levels, parent, top)
    hang(levels, side, top, heavy, level_at(levels, risen).child[1 - heavy])
    hang(levels, side, risen, 1 - heavy, top)
    hang(levels, side, parent, direction, risen)


cdef uint32_t rebalance(const Slab* levels, BookSide* side, uint32_t top) noexcept nogil:
    """Mend a subtree whose balance is 2 or -2; returns its new top."""
    cdef Level* level = level_at(levels, top)
    cdef uint32_t heavy = level.balance > 0
    cdef int8_t lean = 1 if heavy else -1
    cdef uint32_t child = level.child[heavy]
    cdef Level* child_level = level_at(levels, child)
    cdef uint32_t grandchild
    cdef Level* grandchild_level
    if child_level.balance != -lean:
        rotate(levels, side, top, heavy)
        # A child in balance, which happens only after a removal, leaves the height as it was.
        level.balance = lean if child_level.balance == 0 else 0
        child_level.balance = -lean if child_level.balance == 0 else 0
        return child
    grandchild = child_level.child[1 - heavy]
    grandchild_level = level_at(levels, grandchild)
    rotate(levels, side, child, 1 - heavy)
    rotate(levels, side, top, heavy)
    level.balance = -lean if grandchild_level.balance == lean else 0
    child_level.balance = lean if grandchild_level.balance == -lean else 0
    grandchild_level.balance = 0
    return grandchild


cdef void grown(const Slab* levels, BookSide* side, uint32_t node, uint32_t direction) noexcept nogil:
    """Restore balance upwards after node.child[direction] has become one higher."""
    cdef Level* level
    cdef uint32_t parent
    while node != NONE:
        level = level_at(levels, node)
        level.balance += 1 if direction else -1
        if level.balance == 0:
            return
        if level.balance != 1 and level.balance != -1:
            rebalance(levels, side, node)
            return
        parent = level.parent
        if parent != NONE:
            direction = direction_of(levels, parent, node)
        node = parent


cdef void shrunk(const Slab* levels, BookSide* side, uint32_t node, uint32_t direction) noexcept nogil:
    """Restore balance upwards after node.child[direction] has become one lower."""
    cdef Level* level
    cdef uint32_t parent
    while node != NONE:
        level = level_at(levels, node)
        level.balance += -1 if direction else 1
        if level.balance == 1 or level.balance == -1:
            return
        if level.balance != 0:
            node = rebalance(levels, side, node)
            level = level_at(levels, node)
            if level.balance != 0:
                return
        parent = level.parent
        if parent != NONE:
            direction = direction_of(levels, parent, node)
        node = parent


cdef uint32_t seek(const Slab* levels, const BookSide* side, int64_t key, uint32_t* direction) noexcept nogil:
    """The level below which a new one of this key belongs, in *direction; NONE in an empty side."""
    cdef uint32_t node = side.best
    cdef uint32_t following
    cdef Level* level
    if node == NONE:
        return NONE
    # The best level is the tree's foremost leaf: its ancestors come in price order.
    level = level_at(levels, node)
    while level.parent != NONE and level_at(levels, level.parent).key < key:
        node = level.parent
        level = level_at(levels, node)
    while True:
        direction[0] = key > level.key
        following = level.child[direction[0]]
        if following == NONE:
            return node
        node = following
        level = level_at(levels, node)


cdef void add_level(const Slab* levels, BookSide* side, uint32_t node) noexcept nogil:
    """Give a level its place in the side's tree and list, by its key."""
    cdef Level* level = level_at(levels, node)
    cdef uint32_t direction = 0
    cdef uint32_t parent = seek(levels, side, level.key, &direction)
    level.child[0] = level.child[1] = NONE
    level.balance = 0
    level.better = level.worse = NONE
    if parent != NONE:
        # A leaf's parent is its neighbour in price order as well.
        level.better = parent if direction else level_at(levels, parent).better
        level.worse = level_at(levels, parent).worse if direction else parent
    if level.better == NONE:
        side.best = node
    else:
        level_at(levels, level.better).worse = node
    if level.worse != NONE:
        level_at(levels, level.worse).better = node
    level.parent = NONE
    hang(levels, side, parent, direction, node)
    grown(levels, side, parent, direction)


cdef void remove_level(const Slab* levels, BookSide* side, uint32_t node) noexcept nogil:
    """Take a level out of the side's tree and list."""
    cdef Level* level = level_at(levels, node)
    cdef uint32_t heir = level.worse
    cdef uint32_t parent = level.parent
    cdef uint32_t direction = 0 if parent == NONE else direction_of(levels, parent, node)
    cdef uint32_t shrunk_node = parent
    cdef uint32_t shrunk_direction = direction
    if level.better == NONE:
        side.best = level.worse
    else:
        level_at(levels, level.better).worse = level.worse
    if level.worse != NONE:
        level_at(levels, level.worse).better = level.better
    if level.child[0] == NONE or level.child[1] == NONE:
        heir = level.child[0] if level.child[1] == NONE else level.child[1]
    else:
        # The next worse level is the foremost of the worse subtree: it has no better child and can take the place.
        if level.child[1] == heir:
            shrunk_node, shrunk_direction = heir, 1
        else:
            shrunk_node, shrunk_direction = level_at(levels, heir).parent, 0
            hang(levels, side, shrunk_node, 0, level_at(levels, heir).child[1])
            hang(levels, side, heir, 1, level.child[1])
        hang(levels, side, heir, 0, level.child[0])
        level_at(levels, heir).balance = level.balance
    hang(levels, side, parent, direction, heir)
    shrunk(levels, side, shrunk_node, shrunk_direction)


@cython.final
cdef class Books:
    """The books of `instrument_count` instruments, over the orders of one registry."""

    def __cinit__(self, Registry registry not None, uint32_t instrument_count):
        cdef uint32_t i
        self.registry = registry
        # Room for all that there may ever be, so that they never move; what is not used costs no memory.
        self.sides = <BookSide*>calloc(INSTRUMENTS_MAX * 2, sizeof(BookSide))
        # Each level holds an order, so there are never more of them.
        if (self.sides == NULL or not slab_init(&self.levels, sizeof(Level), registry.orders.capacity)
                or not lookup_init(&self.by_price, registry.orders.capacity)):
            raise MemoryError("no memory for the books")
        for i in range(instrument_count):
            self.add_instrument()

    def __dealloc__(self):
        slab_close(&self.levels)
        lookup_close(&self.by_price)
        free(self.sides)

    # Queries.

    cdef BookSide* side_of(self, uint32_t instrument, int8_t side) noexcept nogil:
        return &self.sides[side_index(instrument, side)]

    # Commands.

    cdef int add_instrument(self) except -1:
        """An empty book more, under the next index."""
        cdef uint32_t side
        if self.instrument_count == INSTRUMENTS_MAX:
            raise ValueError(f"instruments: wanted at most {INSTRUMENTS_MAX}")
        for side in range(self.instrument_count * 2, self.instrument_count * 2 + 2):
            self.sides[side].root = self.sides[side].best = NONE
        self.instrument_count += 1
        return 0

    cdef bint reserve(self) noexcept nogil:
        """Make sure that the next insert succeeds; False when memory is out."""
        return slab_reserve(&self.levels) and lookup_reserve(&self.by_price)

    cdef bint reserve_move(self, uint32_t handle) noexcept nogil:
        """Make sure that an order can be removed and then inserted at any price; False when memory is out."""
        cdef Level* level = level_at(&self.levels, order_at(&self.registry.orders, handle).level)
        # The last order of a level gives its level back.
        return (level.head == level.tail or slab_reserve(&self.levels)) and lookup_reserve(&self.by_price)

    cdef void insert(self, uint32_t handle) noexcept nogil:
        """Let an order rest behind the others of its price, after a successful reserve."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        cdef uint32_t side = side_index(order.instrument, order.side)
        cdef int64_t key = -order.side * order.price
        cdef uint32_t hash = secret_hash(&self.registry.secret, side, key)
        cdef uint32_t node = self.find_level(side, key, hash)
        if node == NONE:
            node = self.make_level(side, key, hash)
        self.append(node, handle)
        order.flags |= ORDER_IN_BOOK

    cdef void remove(self, uint32_t handle) noexcept nogil:
        """Take an order out of its level; the level goes with its last order."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        self.unlink(handle)
        order.flags &= <unsigned short>~ORDER_IN_BOOK
        if level_at(&self.levels, order.level).head == NONE:
            self.drop_level(order.level)

    cdef void requeue(self, uint32_t handle) noexcept nogil:
        """Put an order that rests behind all others of its price."""
        self.unlink(handle)
        self.append(order_at(&self.registry.orders, handle).level, handle)

    cdef uint32_t purge(self, BookSide* side, int64_t limit_key, uint32_t most) noexcept nogil:
        """Take out dead orders, `most` of them, until the side's first order is alive or beyond the key; returns how many.

        They stay in their owner's list, for the drain to tell of. Reads the first cache line of each and no neighbour.
        """
        cdef uint32_t purged = 0
        cdef uint32_t handle
        cdef Level* level
        cdef Order* order
        while side.best != NONE:
            level = level_at(&self.levels, side.best)
            if level.key > limit_key:
                break
            handle = level.head
            while handle != NONE:
                order = order_at(&self.registry.orders, handle)
                if purged == most or not order_is_dead(order, self.registry.owners, self.registry.portfolios):
                    break
                order.flags &= <unsigned short>~ORDER_IN_BOOK
                handle = order.fifo_next
                purged += 1
            if handle != NONE:
                level.head = handle
                order_at(&self.registry.orders, handle).fifo_prev = NONE
                break
            self.drop_level(side.best)
        return purged

    # Within.

    cdef void append(self, uint32_t node, uint32_t handle) noexcept nogil:
        cdef Level* level = level_at(&self.levels, node)
        cdef Order* order = order_at(&self.registry.orders, handle)
        order.level = node
        order.fifo_prev = level.tail
        order.fifo_next = NONE
        if level.tail == NONE:
            level.head = handle
        else:
            order_at(&self.registry.orders, level.tail).fifo_next = handle
        level.tail = handle

    cdef void unlink(self, uint32_t handle) noexcept nogil:
        """Take an order out of its level's queue, which may be empty then."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        cdef Level* level = level_at(&self.levels, order.level)
        if order.fifo_prev == NONE:
            level.head = order.fifo_next
        else:
            order_at(&self.registry.orders, order.fifo_prev).fifo_next = order.fifo_next
        if order.fifo_next == NONE:
            level.tail = order.fifo_prev
        else:
            order_at(&self.registry.orders, order.fifo_next).fifo_prev = order.fifo_prev

    cdef uint32_t find_level(self, uint32_t side, int64_t key, uint32_t hash) noexcept nogil:
        cdef Cursor cursor = lookup_start(&self.by_price, hash)
        cdef uint32_t node = lookup_next(&self.by_price, &cursor)
        cdef Level* level
        while node != NONE:
            level = level_at(&self.levels, node)
            if level.key == key and level.side == side:
                return node
            node = lookup_next(&self.by_price, &cursor)
        return NONE

    cdef uint32_t make_level(self, uint32_t side, int64_t key, uint32_t hash) noexcept nogil:
        """A level without orders yet, after a successful reserve."""
        cdef uint32_t node = slab_take(&self.levels)
        cdef Level* level = level_at(&self.levels, node)
        level.key = key
        level.side = side
        level.hash = hash
        level.head = level.tail = NONE
        add_level(&self.levels, &self.sides[side], node)
        lookup_add(&self.by_price, hash, node)
        return node

    cdef void drop_level(self, uint32_t node) noexcept nogil:
        """Forget a level whose last order has gone."""
        cdef Level* level = level_at(&self.levels, node)
        remove_level(&self.levels, &self.sides[level.side], node)
        lookup_take(&self.by_price, level.hash, node)
        slab_give(&self.levels, node)
