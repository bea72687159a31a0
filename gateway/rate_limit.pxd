"""Leaky buckets for requests (protocol 7, 8.7)."""

from libc.stdint cimport int64_t, uint32_t

cdef enum:
    BUCKET_ORDERS = 0
    BUCKET_MASS_QUOTES = 1
    BUCKETS_PER_HOLDER = 2

cdef enum:
    # Tokens; the publisher's figures. A mass cancel costs nothing.
    COST_ORDER = 2000               # new order, amend, cancel
    COST_MASS_QUOTE = 2000
    COST_QUOTES_WITHDRAWN = 100     # MassQuoteCancelRequest, and a mass quote of only zero quantities


cdef struct Bucket:
    int64_t level                   # millionths of a token
    int64_t time                    # ns; when the level was right


cdef class RateLimits:
    cdef:
        Bucket* buckets             # [holders * BUCKETS_PER_HOLDER]
        uint32_t holder_count
        uint32_t* holder_of         # by session slot
        int64_t drain[BUCKETS_PER_HOLDER]       # millionths of a token per ns
        int64_t capacity[BUCKETS_PER_HOLDER]    # millionths of a token

    cdef bint charge(self, uint32_t slot, int bucket, int64_t cost, int64_t now) noexcept nogil
