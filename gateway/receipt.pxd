"""Receipts: what a fire has cancelled, counted and digested on the way, and the frame that says so at its end."""

from libc.stdint cimport int64_t, uint32_t

from codec.layout cimport OrdersCanceledOrders
from codec.xxh64 cimport Xxh64


cdef class Account:
    cdef:
        readonly uint32_t cancelled_count
        readonly int64_t first_number   # of the OrdersCanceled frames in the session's stream; 0 while there is none
        readonly int64_t last_number
        Xxh64 state

    cdef void add(self, const OrdersCanceledOrders* entries, uint32_t count, int64_t number) noexcept nogil
