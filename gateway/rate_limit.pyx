"""Leaky buckets for requests, one for orders and one for mass quotes per portfolio or per API key (protocol 7, 8.7).

Each request pours its tokens into its bucket, which leaks at a constant rate. One that would make the bucket run over is
refused, and fills it to the brim all the same: who hammers on gets nothing through. Cancels are poured in too, but never
refused; that is the caller's business, as is everything that cancel on disconnect does: it never comes here.

Levels are counted in millionths of a token, so that a rate of R tokens a millisecond is R of them a nanosecond: exact.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef enum:
    MILLION = 1_000_000
    MILLISECONDS_PER_SECOND = 1000


cdef class RateLimits:
    """The buckets of one gateway.

    `holders` says for each session slot whose buckets it uses, as an index from 0; rates are requests per second, bursts
    requests at once.
    """

    def __cinit__(self, holders, *, orders_per_s, orders_burst, mass_quotes_per_s, mass_quotes_burst):
        cdef uint32_t slot
        self.holder_count = max(holders, default=0) + 1
        self.buckets = <Bucket*>calloc(self.holder_count * BUCKETS_PER_HOLDER, sizeof(Bucket))
        self.holder_of = <uint32_t*>calloc(max(len(holders), 1), sizeof(uint32_t))
        if self.buckets == NULL or self.holder_of == NULL:
            raise MemoryError("no memory for the rate limits")
        for slot, holder in enumerate(holders):
            self.holder_of[slot] = holder
        self.drain[BUCKET_ORDERS] = orders_per_s * COST_ORDER // MILLISECONDS_PER_SECOND
        self.drain[BUCKET_MASS_QUOTES] = mass_quotes_per_s * COST_MASS_QUOTE // MILLISECONDS_PER_SECOND
        self.capacity[BUCKET_ORDERS] = orders_burst * COST_ORDER * MILLION
        self.capacity[BUCKET_MASS_QUOTES] = mass_quotes_burst * COST_MASS_QUOTE * MILLION

    def __dealloc__(self):
        free(self.buckets)
        free(self.holder_of)

    def take_levels(self, RateLimits former not None) -> None:
        """Goes on from the levels that the buckets of the same holders had under other limits."""
        cdef uint32_t holders = min(self.holder_count, former.holder_count)
        memcpy(self.buckets, former.buckets, holders * BUCKETS_PER_HOLDER * sizeof(Bucket))

    cdef bint charge(self, uint32_t slot, int bucket_index, int64_t cost, int64_t now) noexcept nogil:
        """Pours `cost` tokens into the bucket of the session; False when it ran over."""
        cdef Bucket* bucket = &self.buckets[self.holder_of[slot] * BUCKETS_PER_HOLDER + bucket_index]
        cdef int64_t elapsed = now - bucket.time
        cdef int64_t capacity = self.capacity[bucket_index]
        # Dividing first: the time since the last request may be years, and its product with the rate no int64.
        if elapsed >= bucket.level // self.drain[bucket_index] + 1:
            bucket.level = 0
        else:
            bucket.level -= elapsed * self.drain[bucket_index]
        bucket.time = now
        bucket.level += cost * MILLION
        if bucket.level <= capacity:
            return True
        bucket.level = capacity
        return False
