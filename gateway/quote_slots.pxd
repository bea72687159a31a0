"""Where quotes are found: a slot for each MMP group and instrument, with the handle of its bid and of its ask.

Quotes have no clientOrderId of their own, so nothing else leads to them but their owner's list. A slot exists while it
holds a quote, or is held for one that is being entered: there are never more slots than orders, and one. The slots of a
group are linked, so that all of its quotes can be reached at once.

Invariant: a slot's handle is that of the order whose quote_slot and side name it, and the other way round. A dead quote
(see `order_is_dead`) that somebody met in its slot has neither any more, and only waits for the drain.
"""

from libc.stdint cimport int8_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from gateway.lookup cimport (
    Cursor, Lookup, lookup_add, lookup_close, lookup_init, lookup_next, lookup_reserve, lookup_start, lookup_take,
    scoped_hash,
)
from gateway.slab cimport NONE, PAGE_MASK, PAGE_SHIFT, Slab, slab_close, slab_give, slab_init, slab_reserve, slab_take


cdef struct QuoteSlot:
    uint32_t group            # dense index
    uint32_t instrument       # dense index
    uint32_t hash             # scoped_hash of the two
    uint32_t handles[2]       # of the bid and the ask, NONE without one
    uint32_t group_prev       # in its group's list
    uint32_t group_next
    uint32_t held             # 1: stays although it is empty


cdef struct QuoteSlots:
    Slab slots
    Lookup by_instrument      # every slot, by group and instrument
    uint32_t* first_slots     # of each group


cdef inline QuoteSlot* quote_slot_at(const QuoteSlots* quotes, uint32_t slot) noexcept nogil:
    return <QuoteSlot*>quotes.slots.pages[slot >> PAGE_SHIFT] + (slot & PAGE_MASK)


cdef inline uint32_t quote_index(int8_t side) noexcept nogil:
    """Bids come first."""
    return (1 - side) >> 1


cdef inline bint quote_slots_init(QuoteSlots* quotes, uint32_t orders_max, uint32_t group_count) noexcept nogil:
    """Room for the quotes among `orders_max` orders. False when memory is out; quote_slots_close is then still due."""
    cdef uint32_t i
    memset(quotes, 0, sizeof(QuoteSlots))
    quotes.first_slots = <uint32_t*>calloc(group_count if group_count else 1, sizeof(uint32_t))
    if quotes.first_slots == NULL:
        return False
    for i in range(group_count):
        quotes.first_slots[i] = NONE
    return slab_init(&quotes.slots, sizeof(QuoteSlot), orders_max + 1) and lookup_init(
        &quotes.by_instrument, orders_max + 1)


cdef inline void quote_slots_close(QuoteSlots* quotes) noexcept nogil:
    slab_close(&quotes.slots)
    lookup_close(&quotes.by_instrument)
    free(quotes.first_slots)
    quotes.first_slots = NULL


cdef inline uint32_t find_quote_slot(const QuoteSlots* quotes, uint32_t group, uint32_t instrument) noexcept nogil:
    """The slot, or NONE."""
    cdef Cursor cursor = lookup_start(&quotes.by_instrument, scoped_hash(group, instrument))
    cdef uint32_t slot = lookup_next(&quotes.by_instrument, &cursor)
    while slot != NONE and (quote_slot_at(quotes, slot).instrument != instrument
                            or quote_slot_at(quotes, slot).group != group):
        slot = lookup_next(&quotes.by_instrument, &cursor)
    return slot


cdef inline uint32_t take_quote_slot(QuoteSlots* quotes, uint32_t group, uint32_t instrument) noexcept nogil:
    """A new slot, empty and held; NONE when memory is out."""
    cdef uint32_t index
    cdef QuoteSlot* slot
    if not lookup_reserve(&quotes.by_instrument) or not slab_reserve(&quotes.slots):
        return NONE
    index = slab_take(&quotes.slots)
    slot = quote_slot_at(quotes, index)
    slot.group = group
    slot.instrument = instrument
    slot.hash = scoped_hash(group, instrument)
    slot.handles[0] = slot.handles[1] = NONE
    slot.held = True
    slot.group_prev = NONE
    slot.group_next = quotes.first_slots[group]
    if slot.group_next != NONE:
        quote_slot_at(quotes, slot.group_next).group_prev = index
    quotes.first_slots[group] = index
    lookup_add(&quotes.by_instrument, slot.hash, index)
    return index


cdef inline void tidy_quote_slot(QuoteSlots* quotes, uint32_t index) noexcept nogil:
    """Forget a slot that is empty and not held."""
    cdef QuoteSlot* slot = quote_slot_at(quotes, index)
    if slot.held or slot.handles[0] != NONE or slot.handles[1] != NONE:
        return
    if slot.group_prev == NONE:
        quotes.first_slots[slot.group] = slot.group_next
    else:
        quote_slot_at(quotes, slot.group_prev).group_next = slot.group_next
    if slot.group_next != NONE:
        quote_slot_at(quotes, slot.group_next).group_prev = slot.group_prev
    lookup_take(&quotes.by_instrument, slot.hash, index)
    slab_give(&quotes.slots, index)


cdef inline void hide_quote(QuoteSlots* quotes, uint32_t index, int8_t side) noexcept nogil:
    """Let nothing lead to the slot's quote of this side, while it trades; the slot stays."""
    quote_slot_at(quotes, index).handles[quote_index(side)] = NONE
    quote_slot_at(quotes, index).held = True


cdef inline void show_quote(QuoteSlots* quotes, uint32_t index, int8_t side, uint32_t handle) noexcept nogil:
    """Put a hidden quote back."""
    quote_slot_at(quotes, index).handles[quote_index(side)] = handle
    quote_slot_at(quotes, index).held = False


cdef inline void empty_quote_slot(QuoteSlots* quotes, uint32_t index, int8_t side) noexcept nogil:
    """Its quote of this side is no more."""
    quote_slot_at(quotes, index).handles[quote_index(side)] = NONE
    tidy_quote_slot(quotes, index)
