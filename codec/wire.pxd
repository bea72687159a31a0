# The hot face of the codec: framing, checks of requests, building of frames, exact decimals. For `cimport`; no Python
# object anywhere. Structs and constants are in codec/layout.pxd, what a Problem says in codec/checks.pxd.
#
# A frame is a pointer to its 0xDB and its messageLength; every function takes for granted that so many bytes are there,
# and none reads beyond them.

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from codec.checks cimport SLACK_MAX, Problem, check_frame, problem_text
from codec.layout cimport (
    HEADER_SIZE,
    ORDER_FLAGS_MASK,
    PROTOCOL_ID,
    SELF_TRADING_MODE_CANCEL_MAKER,
    SELF_TRADING_MODE_CANCEL_TAKER,
    SENDER_CLIENT,
    SIDE_BUY,
    SIDE_SELL,
    TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST,
    TEMPLATE_CANCEL_ORDER_REQUEST,
    TEMPLATE_NEW_ORDER_REQUEST,
    TIME_IN_FORCE_IOC,
    CancelOrderByIdRequest,
    CancelOrderRequest,
    Decimal72,
    FrameHeader,
    GroupDimension,
    NewOrderRequest,
    since_version,
    version_stamp,
)

cdef extern from *:
    """
    #if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "structs overlay the little-endian wire: this processor's byte order is not supported"
    #endif
    """

cdef extern from * nogil:
    bint __builtin_mul_overflow(int64_t left, int64_t right, int64_t* product)

cdef enum:
    ALIGNMENT = 8                       # frame lengths that we send are multiples of it
    LENGTH_KNOWN = 4                    # so many bytes of a frame tell its length


# Framing


cdef enum:
    FRAME_COMPLETE
    FRAME_PARTIAL
    FRAME_INVALID_PROTOCOL_ID
    FRAME_INVALID_LENGTH
    FRAME_INVALID_PADDING

cdef struct Frame:
    const uint8_t* data                 # its 0xDB
    size_t length                       # messageLength; 0 while not known
    size_t skipped                      # zero bytes in front of it


cdef inline int frame_scan(const uint8_t* data, size_t available, size_t frame_size_max, Frame* out) noexcept nogil:
    """Looks for one frame at `data`. FRAME_PARTIAL: call again with the same start once there is more, skipped bytes
    included (they are counted afresh). The invalid ones cannot be mended by more bytes."""
    cdef size_t skipped = 0
    while skipped < available and data[skipped] == 0:
        skipped += 1
        if skipped > SLACK_MAX:
            return FRAME_INVALID_PADDING
    data += skipped
    available -= skipped
    out.data = data
    out.length = 0
    out.skipped = skipped
    if available == 0:
        return FRAME_PARTIAL
    if data[0] != PROTOCOL_ID:
        return FRAME_INVALID_PROTOCOL_ID
    if available < LENGTH_KNOWN:
        return FRAME_PARTIAL
    out.length = (<const FrameHeader*> data).message_length
    if out.length < HEADER_SIZE or out.length > frame_size_max:
        return FRAME_INVALID_LENGTH
    return FRAME_COMPLETE if available >= out.length else FRAME_PARTIAL


# Checks


cdef inline bint _is_sound_new_order(const uint8_t* frame, size_t length) noexcept nogil:
    cdef const NewOrderRequest* request = <const NewOrderRequest*> (frame + HEADER_SIZE)
    return (
        HEADER_SIZE + sizeof(NewOrderRequest) <= length <= HEADER_SIZE + sizeof(NewOrderRequest) + SLACK_MAX
        and SIDE_SELL <= request.side <= SIDE_BUY
        and request.time_in_force >= TIME_IN_FORCE_IOC
        and (request.flags & ~ORDER_FLAGS_MASK) == 0
        and SELF_TRADING_MODE_CANCEL_TAKER <= request.self_trading_mode <= SELF_TRADING_MODE_CANCEL_MAKER
    )


cdef inline int check_request(const uint8_t* frame, size_t length, int version, Problem* problem) noexcept nogil:
    """check_frame for a client's frame, with a short way for the commonest requests when nothing is wrong with them."""
    cdef int template_id = (<const FrameHeader*> frame).message_type_id
    cdef size_t slack
    if template_id == TEMPLATE_NEW_ORDER_REQUEST:
        if _is_sound_new_order(frame, length):
            return 0
    elif template_id == TEMPLATE_CANCEL_ORDER_REQUEST:
        slack = length - (HEADER_SIZE + sizeof(CancelOrderRequest))
        if slack <= SLACK_MAX:
            return 0
    elif template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST and version >= since_version(template_id):
        slack = length - (HEADER_SIZE + sizeof(CancelOrderByIdRequest))
        if slack <= SLACK_MAX:
            return 0
    return check_frame(frame, length, SENDER_CLIENT, version, problem)


# Building frames. The caller has made sure of the room: the raw length and up to 7 bytes more.


cdef inline void begin_frame(uint8_t* at, uint16_t template_id, uint16_t stamp, int64_t number,
                             int64_t last_processed, int64_t time) noexcept nogil:
    """Writes the 32-byte header; `stamp` as version_stamp() gives it, messageLength is still to come."""
    cdef FrameHeader* header = <FrameHeader*> at
    header.protocol_id = PROTOCOL_ID
    header.flags = 0
    header.message_length = 0
    header.message_type_id = template_id
    header.version = stamp
    header.sequence_number = number
    header.last_processed_seq_no = last_processed
    header.send_time_ns = time


cdef inline size_t finish_frame(uint8_t* at, size_t raw_length) noexcept nogil:
    """Fills up with zero bytes to a multiple of 8, writes messageLength, returns it. raw_length is at most 65,528."""
    cdef size_t length = (raw_length + ALIGNMENT - 1) & ~(<size_t> ALIGNMENT - 1)
    memset(at + raw_length, 0, length - raw_length)
    (<FrameHeader*> at).message_length = <uint16_t> length
    return length


cdef inline uint8_t* put_dimension(uint8_t* at, uint16_t block_length, uint16_t num_in_group) noexcept nogil:
    """Writes the head of a group; returns where its entries begin."""
    (<GroupDimension*> at).block_length = block_length
    (<GroupDimension*> at).num_in_group = num_in_group
    return at + sizeof(GroupDimension)


# Decimals


cdef enum:
    DECIMAL_OK
    DECIMAL_NULL                        # mantissa is null
    DECIMAL_INEXACT                     # not a multiple of 1e-9
    DECIMAL_OVERFLOW                    # does not fit an int64 in units of 1e-9

cdef enum:
    FIXED_EXPONENT = -9
    DIGITS_MAX = 18                     # powers of ten that an int64 can hold


cdef inline int64_t power_of_ten(int exponent) noexcept nogil:
    """10 ** exponent for an exponent of 0 to DIGITS_MAX."""
    cdef int64_t power = 1
    while exponent > 0:
        power *= 10
        exponent -= 1
    return power


cdef inline int decimal_to_fixed(const Decimal72* decimal, int64_t* out) noexcept nogil:
    """The value in units of 1e-9, exactly. Anything but DECIMAL_OK leaves `out` alone."""
    cdef int64_t mantissa = decimal.mantissa
    cdef int shift = decimal.exponent - FIXED_EXPONENT
    cdef int64_t product, power
    if mantissa == INT64_MIN:
        return DECIMAL_NULL
    if shift == 0 or mantissa == 0:
        out[0] = mantissa
        return DECIMAL_OK
    if shift > 0:
        if shift > DIGITS_MAX or __builtin_mul_overflow(mantissa, power_of_ten(shift), &product):
            return DECIMAL_OVERFLOW
        out[0] = product
        return DECIMAL_OK
    if shift < -DIGITS_MAX:
        return DECIMAL_INEXACT
    power = power_of_ten(-shift)
    if mantissa % power != 0:
        return DECIMAL_INEXACT
    out[0] = mantissa // power
    return DECIMAL_OK


cdef inline void fixed_to_decimal(int64_t fixed, Decimal72* out) noexcept nogil:
    """Units of 1e-9 as the server sends them: exponent -9, and null as (INT64_MIN, 0)."""
    out.mantissa = fixed
    out.exponent = 0 if fixed == INT64_MIN else FIXED_EXPONENT
