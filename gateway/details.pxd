"""The text of a reject: what was wanted and what was given, in full words. Written only when something is refused."""

from libc.stdint cimport INT64_MIN, int64_t, uint32_t
from libc.stdio cimport snprintf

cdef enum:
    DETAILS_SIZE = 256        # bytes, the closing NUL among them: a details field carries 255
    DECIMAL_SIZE = 24         # -9223372036.854775808 and a NUL fit


cdef inline void write_decimal(char* text, int64_t mantissa) noexcept nogil:
    """A value in units of 1e-9 as people write it: no trailing zeros, "null" for INT64_MIN."""
    cdef unsigned long long size = <unsigned long long>(mantissa if mantissa > 0 else -mantissa)
    cdef int used
    if mantissa == INT64_MIN:
        snprintf(text, DECIMAL_SIZE, b"null")
        return
    used = snprintf(text, DECIMAL_SIZE, b"%s%llu.%09llu", b"-" if mantissa < 0 else b"",
                    size // 1_000_000_000, size % 1_000_000_000)
    while text[used - 1] == c"0":
        used -= 1
    if text[used - 1] == c".":
        used -= 1
    text[used] = 0


cdef inline const char* decimal_details(char* details, const char* form, int64_t first, int64_t second) noexcept nogil:
    """Fill `form`, which has two %s, with two values in units of 1e-9."""
    cdef char first_text[DECIMAL_SIZE]
    cdef char second_text[DECIMAL_SIZE]
    write_decimal(first_text, first)
    write_decimal(second_text, second)
    snprintf(details, DETAILS_SIZE, form, first_text, second_text)
    return details


cdef inline const char* integer_details(char* details, const char* form, int64_t first, int64_t second) noexcept nogil:
    """Fill `form`, which has one or two %lld."""
    snprintf(details, DETAILS_SIZE, form, <long long>first, <long long>second)
    return details


cdef inline const char* quote_details(char* details, uint32_t entry, const char* side, int64_t quantity,
                                      int64_t lot_size) noexcept nogil:
    """What is wrong with the quantity of one side of a mass quote's entry; entries count from 1."""
    cdef char quantity_text[DECIMAL_SIZE]
    cdef char lot_size_text[DECIMAL_SIZE]
    write_decimal(quantity_text, quantity)
    write_decimal(lot_size_text, lot_size)
    snprintf(details, DETAILS_SIZE, b"entry %u, %s quantity %s: wanted 0 or a multiple of the lot size %s", entry, side,
             quantity_text, lot_size_text)
    return details
