"""Pages of equal records that never move, named by a 32-bit index: where everything long-lived in the core is kept.

A record's index is its handle; links between records are indexes, never pointers, so a slab can be written out, read
back and checked record by record. Growth adds one page and touches no record that exists. A freed record's first four
bytes hold the index of the next free one.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free

cdef extern from "stdlib.h" nogil:
    int posix_memalign(void** address, size_t alignment, size_t size)


cdef enum:
    NONE = 0xFFFFFFFF     # the index of no record
    PAGE_SHIFT = 10       # records in a page: 1,024
    PAGE_MASK = 0x3FF
    CACHE_LINE_SIZE = 64


cdef struct Slab:
    char** pages
    size_t record_size
    uint32_t capacity     # most records there may ever be
    uint32_t fresh        # records below this index have been handed out at least once
    uint32_t free_head
    uint32_t used


cdef inline bint slab_init(Slab* slab, size_t record_size, uint32_t capacity) noexcept nogil:
    """False when there is no memory for the page table; pages themselves come later, one by one."""
    cdef size_t page_count = (<size_t>capacity + PAGE_MASK) >> PAGE_SHIFT
    slab.pages = <char**>calloc(page_count if page_count else 1, sizeof(char*))
    slab.record_size = record_size
    slab.capacity = capacity
    slab.fresh = 0
    slab.free_head = NONE
    slab.used = 0
    return slab.pages != NULL


cdef inline void slab_close(Slab* slab) noexcept nogil:
    cdef size_t page = 0
    cdef size_t page_count = (<size_t>slab.capacity + PAGE_MASK) >> PAGE_SHIFT
    if slab.pages == NULL:
        return
    while page < page_count and slab.pages[page] != NULL:
        free(slab.pages[page])
        page += 1
    free(slab.pages)
    slab.pages = NULL


cdef inline char* slab_at(const Slab* slab, uint32_t index) noexcept nogil:
    return slab.pages[index >> PAGE_SHIFT] + (index & PAGE_MASK) * slab.record_size


cdef inline bint slab_reserve(Slab* slab) noexcept nogil:
    """Make sure that the next slab_take succeeds; False when the slab is full or memory is out."""
    cdef void* page = NULL
    if slab.free_head != NONE:
        return True
    if slab.fresh >= slab.capacity:
        return False
    if slab.pages[slab.fresh >> PAGE_SHIFT] == NULL:
        if posix_memalign(&page, CACHE_LINE_SIZE, slab.record_size << PAGE_SHIFT) != 0:
            return False
        slab.pages[slab.fresh >> PAGE_SHIFT] = <char*>page
    return True


cdef inline uint32_t slab_take(Slab* slab) noexcept nogil:
    """An unused record, its content undefined; NONE when the slab is full or memory is out."""
    cdef uint32_t index
    if not slab_reserve(slab):
        return NONE
    index = slab.free_head
    if index != NONE:
        slab.free_head = (<uint32_t*>slab_at(slab, index))[0]
    else:
        index = slab.fresh
        slab.fresh += 1
    slab.used += 1
    return index


cdef inline void slab_give(Slab* slab, uint32_t index) noexcept nogil:
    (<uint32_t*>slab_at(slab, index))[0] = slab.free_head
    slab.free_head = index
    slab.used -= 1
