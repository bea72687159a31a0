"""Mass quotes on the wire: from a checked frame to the quotes, and from what became of them to frames."""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t

from gateway.orders cimport Orders
from gateway.quotes cimport MassQuote, MassQuoteOutcome, Quotes
from gateway.session cimport Session


cdef struct FillCursor:
    uint32_t event                  # where to look on
    uint32_t left                   # fills that are still to be told
    int8_t maker_side


cdef class MassQuotes:
    cdef:
        Orders orders
        Quotes quotes
        MassQuote request
        MassQuoteOutcome outcome

    cdef bint is_clear(self, Session session, const uint8_t* frame, int64_t now) noexcept

    # requests
    cdef int mass_quote(self, Session session, const uint8_t* frame, int64_t now) except -1

    cdef void _read(self, Session session, const uint8_t* frame, int64_t now) noexcept
    cdef bint _charge(self, Session session, int64_t now) noexcept

    # reports
    cdef int _report_rejected(self, Session session, int64_t correlation_id, int64_t now) except -1
    cdef int _report(self, Session session, int64_t correlation_id, int64_t now) except -1
    cdef uint8_t* _write_quotes(self, uint8_t* out, uint32_t entries, int version) noexcept
    cdef FillCursor _fills_of(self, int8_t maker_side) noexcept
    cdef uint8_t* _write_fills(self, uint8_t* out, FillCursor* fills, uint32_t count) noexcept
