"""A hash table without a pause: linear hashing over 64-byte lines of (hash, handle).

Buckets are split one at a time, at most one for each entry added, so no insert ever pays for the whole table, and
taking out leaves no tombstone. A line holds the hashes beside the handles: a search that finds nothing reads one line
and no record, and a split moves entries without looking at the records they stand for. The table never gives buckets
back; it is bounded by the most entries it ever held, and that by its capacity.

Invariant of a chain: every line after the first is full, and the first is empty only if it is the whole chain. So
adding and taking out touch the first line, the entry's line, and no other, but for one copy when a line is pushed or
pulled.

Keys are not kept: a caller walks the entries of a hash and compares with its own record. Equal keys may stand side by
side.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from gateway.slab cimport NONE, PAGE_MASK, PAGE_SHIFT, Slab, slab_close, slab_give, slab_init, slab_reserve, slab_take

cdef extern from *:
    """
    typedef unsigned __int128 lookup_uint128;
    """
    ctypedef unsigned long long uint128_t "lookup_uint128"
    int __builtin_ctz(unsigned int bits) nogil


cdef enum:
    LINE_ENTRIES = 7
    BUCKET_LOAD = 3       # entries per bucket above which the next insert splits one


cdef struct Line:
    uint32_t hashes[LINE_ENTRIES]
    uint32_t handles[LINE_ENTRIES]
    uint32_t count
    uint32_t next         # the chain's next line, in the slab of overflow lines


cdef struct Lookup:
    Slab buckets          # first lines; bucket b is record b
    Slab overflow
    uint32_t mask         # addresses 0..mask; those below `split` have been split already and use one bit more
    uint32_t split
    uint32_t entries
    uint32_t splits       # ever, for tests and metrics


cdef struct Cursor:
    Line* line
    uint32_t matches      # a bit for each entry of the line that has the hash and was not given yet
    uint32_t hash


cdef struct HashSecret:
    uint64_t mask
    uint64_t multiplier   # odd


cdef inline HashSecret make_secret(uint64_t high, uint64_t low) noexcept nogil:
    """The secret that 128 random bits make, or bits that are the same each time."""
    cdef HashSecret secret
    secret.mask = low ^ 0xA0761D6478BD642FULL
    secret.multiplier = (high ^ 0xE7037ED1A0B428DBULL) | 1
    return secret


cdef inline uint32_t secret_hash(const HashSecret* secret, uint32_t scope, int64_t key) noexcept nogil:
    """For keys that clients choose: a portfolio's client order ids, a book side's prices.

    Who does not know the secret cannot choose keys that meet in one bucket. Nothing but time depends on it.
    """
    cdef uint128_t product = <uint128_t>(<uint64_t>key ^ (<uint64_t>scope << 40) ^ secret.mask) * secret.multiplier
    return <uint32_t>(<uint64_t>product ^ <uint64_t>(product >> 64))


cdef inline uint32_t scoped_hash(uint32_t scope, int64_t key) noexcept nogil:
    """For keys that the configuration gives: ids of instruments and groups."""
    cdef unsigned long long mixed = <unsigned long long>key ^ (<unsigned long long>scope << 40)
    mixed = (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15ULL
    return <uint32_t>(mixed >> 32)


cdef inline Line* lookup_bucket(const Lookup* lookup, uint32_t hash) noexcept nogil:
    cdef uint32_t bucket = hash & lookup.mask
    if bucket < lookup.split:
        bucket = hash & (lookup.mask * 2 + 1)
    return <Line*>lookup.buckets.pages[bucket >> PAGE_SHIFT] + (bucket & PAGE_MASK)


cdef inline Line* lookup_overflow(const Lookup* lookup, uint32_t index) noexcept nogil:
    return <Line*>lookup.overflow.pages[index >> PAGE_SHIFT] + (index & PAGE_MASK)


cdef inline bint lookup_init(Lookup* lookup, uint32_t capacity) noexcept nogil:
    """Room for `capacity` entries. False when memory is out; lookup_close is then still due."""
    memset(lookup, 0, sizeof(Lookup))
    if not slab_init(&lookup.buckets, sizeof(Line), capacity // BUCKET_LOAD + 2):
        return False
    # Lines after the first are full, so there are at most capacity / 7 of them; one more may be held in reserve.
    if not slab_init(&lookup.overflow, sizeof(Line), capacity // LINE_ENTRIES + 1):
        return False
    if slab_take(&lookup.buckets) == NONE:
        return False
    lookup_bucket(lookup, 0).count = 0
    lookup_bucket(lookup, 0).next = NONE
    return True


cdef inline void lookup_close(Lookup* lookup) noexcept nogil:
    slab_close(&lookup.buckets)
    slab_close(&lookup.overflow)


cdef inline uint32_t line_matches(const uint32_t* values, uint32_t count, uint32_t wanted) noexcept nogil:
    """A bit for each of the first `count` values that is the wanted one. How many there are decides no branch."""
    cdef uint32_t matches = 0
    cdef int i
    for i in range(LINE_ENTRIES):
        matches |= <uint32_t>(values[i] == wanted) << i
    return matches & ((<uint32_t>1 << count) - 1)


cdef inline Cursor lookup_start(const Lookup* lookup, uint32_t hash) noexcept nogil:
    cdef Cursor cursor
    cursor.line = lookup_bucket(lookup, hash)
    cursor.matches = line_matches(cursor.line.hashes, cursor.line.count, hash)
    cursor.hash = hash
    return cursor


cdef inline uint32_t lookup_next(const Lookup* lookup, Cursor* cursor) noexcept nogil:
    """The handle of the cursor's next entry with its hash, NONE after the last."""
    cdef uint32_t position
    while cursor.matches == 0:
        if cursor.line.next == NONE:
            return NONE
        cursor.line = lookup_overflow(lookup, cursor.line.next)
        cursor.matches = line_matches(cursor.line.hashes, cursor.line.count, cursor.hash)
    position = __builtin_ctz(cursor.matches)
    cursor.matches &= cursor.matches - 1
    return cursor.line.handles[position]


cdef inline void lookup_put(Lookup* lookup, Line* first, uint32_t hash, uint32_t handle) noexcept nogil:
    """Add to a bucket. An overflow line must be free: lookup_reserve, or the lines that a split has just given back."""
    cdef uint32_t pushed
    if first.count == LINE_ENTRIES:
        pushed = slab_take(&lookup.overflow)
        lookup_overflow(lookup, pushed)[0] = first[0]
        first.next = pushed
        first.count = 0
    first.hashes[first.count] = hash
    first.handles[first.count] = handle
    first.count += 1


cdef inline void lookup_split(Lookup* lookup) noexcept nogil:
    """Share out the next bucket between itself and a new one. Without memory it is left for a later insert.

    The two chains together need no more overflow lines than the one had: 7k + h entries in a chain of k full lines
    and a first of h >= 1 fill at most k overflow lines when parted in any way.
    """
    cdef Line line
    cdef Line* old
    cdef Line* new
    cdef uint32_t following
    cdef uint32_t i
    cdef uint32_t high_bit = lookup.mask + 1
    if slab_take(&lookup.buckets) == NONE:
        return
    old = <Line*>lookup.buckets.pages[lookup.split >> PAGE_SHIFT] + (lookup.split & PAGE_MASK)
    new = (<Line*>lookup.buckets.pages[(lookup.split + high_bit) >> PAGE_SHIFT]
           + ((lookup.split + high_bit) & PAGE_MASK))
    line = old[0]
    old.count = new.count = 0
    old.next = new.next = NONE
    while True:
        following = line.next
        for i in range(line.count):
            lookup_put(lookup, new if line.hashes[i] & high_bit else old, line.hashes[i], line.handles[i])
        if following == NONE:
            break
        line = lookup_overflow(lookup, following)[0]
        slab_give(&lookup.overflow, following)
    lookup.splits += 1
    lookup.split += 1
    if lookup.split == high_bit:
        lookup.mask = lookup.mask * 2 + 1
        lookup.split = 0


cdef inline bint lookup_reserve(Lookup* lookup) noexcept nogil:
    """Make sure that the next lookup_add succeeds; False when memory is out."""
    return slab_reserve(&lookup.overflow)


cdef inline void lookup_add(Lookup* lookup, uint32_t hash, uint32_t handle) noexcept nogil:
    """Add an entry after a successful lookup_reserve; there must be room within the capacity."""
    if lookup.entries >= (lookup.mask + 1 + lookup.split) * BUCKET_LOAD:
        lookup_split(lookup)
    lookup_put(lookup, lookup_bucket(lookup, hash), hash, handle)
    lookup.entries += 1


cdef inline bint lookup_take(Lookup* lookup, uint32_t hash, uint32_t handle) noexcept nogil:
    """Take out the entry of this very handle; False if there is none."""
    cdef Line* first = lookup_bucket(lookup, hash)
    cdef Line* line = first
    cdef uint32_t matches = line_matches(line.handles, line.count, handle)
    cdef uint32_t position
    cdef uint32_t pulled
    while matches == 0:
        if line.next == NONE:
            return False
        line = lookup_overflow(lookup, line.next)
        matches = line_matches(line.handles, line.count, handle)
    position = __builtin_ctz(matches)
    first.count -= 1
    line.hashes[position] = first.hashes[first.count]
    line.handles[position] = first.handles[first.count]
    if first.count == 0 and first.next != NONE:
        pulled = first.next
        first[0] = lookup_overflow(lookup, pulled)[0]
        slab_give(&lookup.overflow, pulled)
    lookup.entries -= 1
    return True
