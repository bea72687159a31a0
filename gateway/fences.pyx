"""The fence and the drain behind it: the end of many orders at once, whose first instant touches none of them.

What it means that a session or a portfolio is fenced, and who is told of what, is decided in cancel_on_disconnect.py.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t

from codec.layout cimport OrdersCanceledOrders

from gateway.engine cimport Engine
from gateway.must_hold cimport must_hold
from gateway.orders cimport Orders, begin_orders_canceled, finish_orders_canceled, orders_canceled_entries
from gateway.receipt cimport Account
from gateway.registry cimport Owner, Registry
from gateway.session cimport Session
from gateway.slab cimport NONE


cdef class Fences:
    """The fences of one gateway; `sessions` are all there are, by slot."""

    def __cinit__(self, Orders orders not None, list sessions not None):
        self.orders = orders
        self.engine = orders.engine
        self.sessions = sessions

    def next_exec_id(self) -> int:
        """The execId of an event that has killed orders."""
        return self.engine.next_exec_id()

    def portfolio_of(self, Session session not None) -> int:
        """The index of the session's portfolio."""
        return self.engine.registry.owners[session.slot].portfolio

    def open_uncovered(self, Session session not None) -> int:
        """How many of the session's orders live and are not covered."""
        return self.engine.registry.owners[session.slot].uncovered.live

    def fence(self, Session session not None, bint covered) -> int:
        """From here on none of the session's orders, of those that are covered or of the others, can trade; O(1).

        Nor can one be entered. Returns how many it has killed.
        """
        return self.engine.fence(session.slot, session.epoch, covered)

    def fence_portfolio(self, uint32_t portfolio) -> list:
        """From here on no order that the portfolio has now can trade; no order is touched.

        Returns (session, covered orders, those that are not) for each session that had any.
        """
        cdef Registry registry = self.engine.registry
        cdef uint32_t slot = registry.portfolios[portfolio].first_owner
        cdef Owner* owner
        cdef list killed = []
        while slot != NONE:
            owner = &registry.owners[slot]
            if owner.covered.live != 0 or owner.uncovered.live != 0:
                killed.append((self.sessions[slot], owner.covered.live, owner.uncovered.live))
            slot = owner.next_in_portfolio
        self.engine.fence_portfolio(portfolio)
        return killed

    def take_dead_met(self, uint32_t limit) -> int:
        """How many dead orders matching took out of the book, up to `limit`; the rest is for the next call."""
        cdef uint64_t count = min(self.orders.dead_met, <uint64_t>limit)
        self.orders.dead_met -= count
        return count

    def drain(
        self, Session session not None, uint32_t covered, uint32_t uncovered, int8_t cancel_reason, bint is_last,
        int64_t exec_id, int64_t fenced_time, Account account not None, int64_t now
    ) -> None:
        """Takes so many dead orders of the session out, those that are covered first, and tells of them in one 310.

        They must be there, and fit in a frame. `exec_id` and `fenced_time` are those of the fence, whatever the time is
        now; `is_last` says that none of that event is left. The account gets what the frame says.
        """
        cdef int64_t number = session.stream.next_number
        cdef uint8_t* at = begin_orders_canceled(session, covered + uncovered, exec_id, fenced_time, now)
        cdef OrdersCanceledOrders* entries = orders_canceled_entries(at)
        cdef uint32_t count = self.engine.drain(session.slot, True, covered, cancel_reason, entries)
        count += self.engine.drain(session.slot, False, uncovered, cancel_reason, entries + count)
        must_hold(b"I2: a fire takes out exactly the orders that it has killed", count == covered + uncovered)
        account.add(entries, count, number)
        finish_orders_canceled(session, at, count, is_last, now)
