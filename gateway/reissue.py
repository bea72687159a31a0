"""What a logon with reset is told again: the fires that its client may never have read of (protocol 8.3).

A new generation of the stream remembers nothing of the old one. But cancels must not be lost with it: those of the
fires that the connection just before was told of, or would have been, are issued again behind LogonConf under new
numbers, and the receipts with them, which then name these numbers. Drop copy has had them, and hears them no more.
"""

from dataclasses import dataclass

from gateway.cancel_on_disconnect import Fire
from gateway.receipt import renumbered
from gateway.session import Session


@dataclass(frozen=True, slots=True)
class Untold:
    """The frames of one fire: its OrdersCanceled, and its receipt if one was in the stream."""

    cancels: list[bytes]
    receipts: list[bytes]


def untold(session: Session) -> list[Untold]:
    """What of the session's stream its client may not have read, fire by fire, oldest first; asked before the reset."""
    return [_frames_of(session, fire) for fire in session.fires if not fire.delivered]


def tell_again(session: Session, fires: list[Untold], now: int) -> None:
    """Puts those frames into the generation that is open now."""
    for fire in fires:
        first_number = session.stream.next_number if fire.cancels else 0
        for frame in fire.cancels:
            session.reissue(frame, now)
        last_number = session.stream.next_number - 1 if fire.cancels else 0
        for frame in fire.receipts:
            session.reissue(renumbered(frame, first_number, last_number), now)


def _frames_of(session: Session, fire: Fire) -> Untold:
    account = fire.account
    cancels = session.cancels(account.first_number, account.last_number, fire.exec_id) if account.first_number else []
    receipts = session.stream.frames(fire.receipt_number, fire.receipt_number) if fire.receipt_number else []
    return Untold(cancels, receipts)
