"""The engine: price-time matching over the registry and the books, a function of commands and their timestamps alone."""

cimport cython
from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

from gateway.lookup cimport lookup_close, lookup_init
from gateway.registry cimport Owner


@cython.final
cdef class Engine:

    def __cinit__(self, instruments, portfolios, owners, uint32_t orders_max):
        cdef uint32_t i
        self.registry = Registry(portfolios, owners, orders_max)
        self.books = Books(self.registry, len(instruments))
        self.instruments = <Instrument*>calloc(max(len(instruments), 1), sizeof(Instrument))
        self.events = <Event*>calloc(EVENTS_PER_ORDER_MAX, sizeof(Event))
        if (self.instruments == NULL or self.events == NULL
                or not lookup_init(&self.by_instrument_id, max(len(instruments), 1))):
            raise MemoryError("no memory for the engine")
        for i, instrument in enumerate(instruments):
            self.instruments[i].id = instrument.id
            self.instruments[i].tick_size = instrument.tick_size
            self.instruments[i].lot_size = instrument.lot_size
            self.instruments[i].product_type = instrument.product_type
            self.instruments[i].currency_pair_id = instrument.currency_pair_id

    def __dealloc__(self):
        free(self.instruments)
        free(self.events)
        lookup_close(&self.by_instrument_id)

    cdef uint32_t open_orders(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].covered.live + self.registry.owners[owner].uncovered.live

    cdef uint32_t covered_open(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].covered.live

    cdef uint32_t portfolio_open(self, uint32_t portfolio) noexcept nogil:
        return self.registry.portfolios[portfolio].open

    cdef uint32_t dead_orders(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].dead

    cdef void new_order(self, const Command* command, Outcome* outcome) noexcept nogil:
        outcome.status = OUTCOME_REJECTED
        outcome.reject_reason = 0
        outcome.details = b"not built yet"

    cdef void cancel_order(self, const Command* command, Outcome* outcome) noexcept nogil:
        outcome.status = OUTCOME_REJECTED
        outcome.reject_reason = 0
        outcome.details = b"not built yet"

    cdef void cancel_order_by_id(self, const Command* command, Outcome* outcome) noexcept nogil:
        outcome.status = OUTCOME_REJECTED
        outcome.reject_reason = 0
        outcome.details = b"not built yet"

    cdef uint32_t fence(self, uint32_t owner, int64_t epoch) noexcept nogil:
        return self.registry.fence(owner, epoch)

    cdef uint32_t drain(self, uint32_t owner, uint32_t limit, int8_t cancel_reason,
                        OrdersCanceledOrders* out) noexcept nogil:
        return 0

    cdef int64_t next_exec_id(self) noexcept nogil:
        self.last_exec_id += 1
        return self.last_exec_id
