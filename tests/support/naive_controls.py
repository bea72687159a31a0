"""The venue's controls said again in plain Python, over a naive gateway."""

from codec.layout import CancelReason, Cause
from gateway.venue_controls import Control, Deactivate, Halt, KillClient, Lock, Resume, Unlock
from support.naive_assembly import portfolio_indexes
from support.naive_gateway import NaiveGateway, policy_of


class NaiveControls:
    """`deactivated` instruments are closed for good."""

    def __init__(self, gateway: NaiveGateway) -> None:
        self.gateway = gateway
        self.portfolio_indexes = portfolio_indexes(gateway.config)
        self.deactivated: set[int] = set()

    def control(self, control: Control) -> bool:
        """Does it; False when it cannot be done."""
        gateway, engine = self.gateway, self.gateway.engine
        gateway.run_timers()
        match control:
            case Halt() | Resume() if control.instrument_id in self.deactivated:
                return False
            case Halt():
                engine.closed[control.instrument_id] = CancelReason.MARKET_STATE_TRANSITION
            case Resume():
                engine.closed.pop(control.instrument_id, None)
            case Deactivate():
                engine.closed[control.instrument_id] = CancelReason.BOOK_DEACTIVATED
                self.deactivated.add(control.instrument_id)
            case Lock():
                index = self.portfolio_indexes[control.portfolio_id]
                if index not in engine.locked:
                    engine.locked.add(index)
                    gateway.kill_portfolio_orders(index, None, CancelReason.PORTFOLIO_LOCKED)
            case Unlock():
                engine.locked.discard(self.portfolio_indexes[control.portfolio_id])
            case KillClient():
                session = gateway.session(control.client_id)
                if session.newcomer is not None:
                    gateway.refuse(session.newcomer, str(policy_of(Cause.ADMIN).text))
                gateway.gone(session, Cause.ADMIN)
                gateway.kill_uncovered(session, Cause.ADMIN)
            case _:
                raise NotImplementedError(control)
        return True

    def emptied(self, instrument_id: int, count: int) -> None:
        """A step took so many live orders out of a deactivated instrument's book."""
        assert instrument_id in self.deactivated
        taken = self.gateway.engine.leave_book(instrument_id, count, CancelReason.BOOK_DEACTIVATED)
        assert taken == count
        self.gateway.reports.leaving()
