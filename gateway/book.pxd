"""Price-time books of all instruments: levels in one slab, per side a balanced tree and a list in price order."""

from libc.stdint cimport int8_t, int64_t, uint32_t

from gateway.lookup cimport Lookup
from gateway.registry cimport Order, Registry
from gateway.slab cimport PAGE_MASK, PAGE_SHIFT, Slab


cdef enum:
    INSTRUMENTS_MAX = 65_536


cdef struct Level:
    int64_t key               # price for sells, minus price for buys: on either side the smaller is the better
    uint32_t head             # first order, oldest
    uint32_t tail
    uint32_t better           # neighbours in price order
    uint32_t worse
    uint32_t parent
    uint32_t child[2]         # better, worse
    uint32_t side             # index of the book side
    uint32_t hash             # scoped_hash of side and key
    int8_t balance            # height of the worse subtree minus that of the better one


cdef struct BookSide:
    uint32_t root
    uint32_t best


cdef inline uint32_t side_index(uint32_t instrument, int8_t side) noexcept nogil:
    """An instrument's buys come before its sells."""
    return instrument * 2 + ((1 - side) >> 1)


cdef inline Level* level_at(const Slab* levels, uint32_t level) noexcept nogil:
    return <Level*>levels.pages[level >> PAGE_SHIFT] + (level & PAGE_MASK)


cdef class Books:
    cdef:
        readonly Registry registry
        readonly uint32_t instrument_count
        Slab levels
        BookSide* sides       # two of each instrument
        Lookup by_price       # every level, by side and key

        # Queries.
        BookSide* side_of(self, uint32_t instrument, int8_t side) noexcept nogil

        # Commands.
        int add_instrument(self) except -1
        bint reserve(self) noexcept nogil
        bint reserve_move(self, uint32_t handle) noexcept nogil
        void insert(self, uint32_t handle) noexcept nogil
        void remove(self, uint32_t handle) noexcept nogil
        void requeue(self, uint32_t handle) noexcept nogil
        uint32_t purge(self, BookSide* side, int64_t limit_key, uint32_t most) noexcept nogil

        # Within.
        void append(self, uint32_t node, uint32_t handle) noexcept nogil
        void unlink(self, uint32_t handle) noexcept nogil
        uint32_t find_level(self, uint32_t side, int64_t key, uint32_t hash) noexcept nogil
        uint32_t make_level(self, uint32_t side, int64_t key, uint32_t hash) noexcept nogil
        void drop_level(self, uint32_t node) noexcept nogil
