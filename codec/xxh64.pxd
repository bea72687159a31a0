# XXH64 with seed 0, piece by piece, from the published description of the algorithm.
#
#     cdef Xxh64 state
#     xxh64_begin(&state); xxh64_update(&state, data, size); ...; digest = xxh64_digest(&state)
#
# Error contract: none can fail. The digest may be asked for at any time and does not end the stream.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define BREAKWIRE_XXH_PRIME_1 0x9E3779B185EBCA87ULL
    #define BREAKWIRE_XXH_PRIME_2 0xC2B2AE3D27D4EB4FULL
    #define BREAKWIRE_XXH_PRIME_3 0x165667B19E3779F9ULL
    #define BREAKWIRE_XXH_PRIME_4 0x85EBCA77C2B2AE63ULL
    #define BREAKWIRE_XXH_PRIME_5 0x27D4EB2F165667C5ULL
    """
    const uint64_t PRIME_1 "BREAKWIRE_XXH_PRIME_1"
    const uint64_t PRIME_2 "BREAKWIRE_XXH_PRIME_2"
    const uint64_t PRIME_3 "BREAKWIRE_XXH_PRIME_3"
    const uint64_t PRIME_4 "BREAKWIRE_XXH_PRIME_4"
    const uint64_t PRIME_5 "BREAKWIRE_XXH_PRIME_5"

cdef enum:
    XXH64_STRIPE_SIZE = 32

cdef struct Xxh64:
    uint64_t[4] lanes
    uint64_t total                      # bytes taken so far
    uint8_t[32] waiting                 # the first total % 32 bytes are an incomplete stripe


cdef inline uint64_t _rotate_left(uint64_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (64 - bits))


cdef inline uint64_t _mix_lane(uint64_t lane, uint64_t word) noexcept nogil:
    return _rotate_left(lane + word * PRIME_2, 31) * PRIME_1


cdef inline uint64_t _word64(const uint8_t* data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, sizeof(word))
    return word


cdef inline uint64_t _word32(const uint8_t* data) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, data, sizeof(word))
    return word


cdef inline void _mix_stripe(Xxh64* state, const uint8_t* stripe) noexcept nogil:
    cdef int lane
    for lane in range(4):
        state.lanes[lane] = _mix_lane(state.lanes[lane], _word64(stripe + 8 * lane))


cdef inline void xxh64_begin(Xxh64* state) noexcept nogil:
    state.lanes[0] = PRIME_1 + PRIME_2
    state.lanes[1] = PRIME_2
    state.lanes[2] = 0
    state.lanes[3] = 0 - PRIME_1
    state.total = 0


cdef inline void xxh64_update(Xxh64* state, const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t filled = state.total % XXH64_STRIPE_SIZE
    cdef size_t wanted = XXH64_STRIPE_SIZE - filled
    state.total += size
    if size < wanted:
        memcpy(&state.waiting[filled], data, size)
        return
    if filled:
        memcpy(&state.waiting[filled], data, wanted)
        _mix_stripe(state, &state.waiting[0])
        data += wanted
        size -= wanted
    while size >= XXH64_STRIPE_SIZE:
        _mix_stripe(state, data)
        data += XXH64_STRIPE_SIZE
        size -= XXH64_STRIPE_SIZE
    memcpy(&state.waiting[0], data, size)


cdef inline uint64_t xxh64_digest(const Xxh64* state) noexcept nogil:
    cdef const uint8_t* rest = &state.waiting[0]
    cdef size_t left = state.total % XXH64_STRIPE_SIZE
    cdef uint64_t digest = PRIME_5
    cdef int lane
    if state.total >= XXH64_STRIPE_SIZE:
        digest = (_rotate_left(state.lanes[0], 1) + _rotate_left(state.lanes[1], 7)
                  + _rotate_left(state.lanes[2], 12) + _rotate_left(state.lanes[3], 18))
        for lane in range(4):
            digest = (digest ^ _mix_lane(0, state.lanes[lane])) * PRIME_1 + PRIME_4
    digest += state.total
    while left >= 8:
        digest = _rotate_left(digest ^ _mix_lane(0, _word64(rest)), 27) * PRIME_1 + PRIME_4
        rest += 8
        left -= 8
    if left >= 4:
        digest = _rotate_left(digest ^ (_word32(rest) * PRIME_1), 23) * PRIME_2 + PRIME_3
        rest += 4
        left -= 4
    while left:
        digest = _rotate_left(digest ^ (rest[0] * PRIME_5), 11) * PRIME_1
        rest += 1
        left -= 1
    digest = (digest ^ (digest >> 33)) * PRIME_2
    digest = (digest ^ (digest >> 29)) * PRIME_3
    return digest ^ (digest >> 32)
