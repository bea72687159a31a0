"""What a venue may do to its engine beyond any client's request: close and empty books, lock portfolios, add and change.

Instruments, portfolios and owners are named by their indexes. Nothing here knows who asked or why.
"""

cimport cython
from libc.stdint cimport int8_t, int64_t, uint32_t, uint64_t

from codec.layout cimport SIDE_BUY, SIDE_SELL
from gateway.book cimport BookSide, level_at
from gateway.engine cimport Engine
from gateway.registry cimport Registry, order_at, order_is_dead
from gateway.slab cimport NONE

from gateway.limits import RESERVED_ID as _RESERVED_ID

cdef int64_t RESERVED_ID = _RESERVED_ID


@cython.final
cdef class Venue:
    """The venue's hand on one engine. IndexError names an index that there is not."""

    cdef readonly Engine engine

    def __init__(self, Engine engine not None):
        self.engine = engine

    # queries

    def find_instrument(self, int64_t instrument_id):
        """The index of the instrument with this id, None when there is none."""
        cdef uint32_t index = self.engine.find_instrument(instrument_id)
        return None if index == NONE else index

    def instrument_state(self, uint32_t instrument):
        """InstrumentState."""
        self.require_instrument(instrument)
        return self.engine.instruments[instrument].state

    def is_locked(self, uint32_t portfolio):
        self.require_portfolio(portfolio)
        return bool(self.engine.registry.portfolios[portfolio].is_locked)

    def portfolio_open(self, uint32_t portfolio):
        """Open orders of a portfolio."""
        self.require_portfolio(portfolio)
        return self.engine.portfolio_open(portfolio)

    def is_book_empty(self, uint32_t instrument):
        """Whether nothing at all rests in a book, be it live or dead."""
        self.require_instrument(instrument)
        return (self.engine.books.side_of(instrument, SIDE_BUY).best == NONE
                and self.engine.books.side_of(instrument, SIDE_SELL).best == NONE)

    def open_orders(self):
        """Open orders of all portfolios but the reserved one."""
        cdef uint32_t portfolio
        cdef uint64_t count = 0
        for portfolio in range(self.engine.registry.portfolio_count):
            if self.engine.registry.portfolios[portfolio].id != RESERVED_ID:
                count += self.engine.portfolio_open(portfolio)
        return count

    def owner_open(self, uint32_t owner):
        """Open orders of an owner, and how many of them are covered."""
        if owner >= self.engine.registry.owner_count:
            raise IndexError(f"owner: wanted below {self.engine.registry.owner_count}, was {owner}")
        return self.engine.open_orders(owner), self.engine.covered_open(owner)

    # commands: what may be entered

    def set_instrument_state(self, uint32_t instrument, int8_t state):
        """From here on nothing may be entered unless the state is open. What rests is not touched."""
        self.require_instrument(instrument)
        self.engine.instruments[instrument].state = state

    def set_locked(self, uint32_t portfolio, bint is_locked):
        """From here on the portfolio may enter nothing, or may again. What it has resting is not touched."""
        self.require_portfolio(portfolio)
        self.engine.registry.portfolios[portfolio].is_locked = is_locked

    def leave_book(self, uint32_t instrument, uint32_t limit, int8_t cancel_reason):
        """Take up to `limit` orders out of a book; returns how many, fewer when it is empty now.

        The live ones among them are leaving (Orders.report_leaving tells their owners), bids before asks, best first. The
        dead ones count as well; who drains them tells of them.
        """
        cdef uint32_t taken
        self.require_instrument(instrument)
        taken = self.leave_side(self.engine.books.side_of(instrument, SIDE_BUY), limit, cancel_reason)
        return taken + self.leave_side(self.engine.books.side_of(instrument, SIDE_SELL), limit - taken, cancel_reason)

    cdef uint32_t leave_side(self, BookSide* side, uint32_t limit, int8_t cancel_reason) noexcept:
        cdef Registry registry = self.engine.registry
        cdef uint32_t taken = 0
        cdef uint32_t handle
        while taken < limit and side.best != NONE:
            handle = level_at(&self.engine.books.levels, side.best).head
            if order_is_dead(order_at(&registry.orders, handle), registry.owners, registry.portfolios):
                self.engine.books.remove(handle)
            else:
                self.engine.leave(handle, cancel_reason)
            taken += 1
        return taken

    # commands: what there is

    def add_instrument(self, spec):
        """One more, from an InstrumentSpec; its index. ValueError says why not."""
        self.engine.add_instrument(spec)
        return self.engine.books.instrument_count - 1

    def set_limits(self, uint32_t instrument, spec):
        """Price band and largest quantity of new orders, from an InstrumentSpec."""
        self.require_instrument(instrument)
        self.engine.set_limits(instrument, spec)

    def add_portfolio(self, spec):
        """One more, from a PortfolioSpec; its index. ValueError says why not."""
        self.engine.registry.add_portfolio(spec)
        return self.engine.registry.portfolio_count - 1

    def set_max_open_orders(self, uint32_t portfolio, uint32_t max_open_orders):
        """What is open beyond it stays."""
        self.require_portfolio(portfolio)
        self.engine.registry.portfolios[portfolio].max_open_orders = max_open_orders

    def add_owner(self, spec):
        """One more, from an OwnerSpec; its index. ValueError says why not."""
        self.engine.registry.add_owner(spec)
        return self.engine.registry.owner_count - 1

    cdef int require_instrument(self, uint32_t instrument) except -1:
        if instrument >= self.engine.books.instrument_count:
            raise IndexError(f"instrument: wanted below {self.engine.books.instrument_count}, was {instrument}")
        return 0

    cdef int require_portfolio(self, uint32_t portfolio) except -1:
        if portfolio >= self.engine.registry.portfolio_count:
            raise IndexError(f"portfolio: wanted below {self.engine.registry.portfolio_count}, was {portfolio}")
        return 0
