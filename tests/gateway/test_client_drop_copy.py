"""Drop-copy sessions of the client library against a peer made of the reference codec."""

from support.peer import Peer
from support.session import (
    START,
    cancel_entry,
    log_on,
    plain,
)

from gateway.client_drop_copy import DropCopyCore
from gateway.client_events import DropCopy
from gateway.client_state import Order


def test_a_drop_copy_is_unwrapped() -> None:
    core, peer, origin = DropCopyCore(client_id="watch-1", secret="s"), Peer(), Peer()
    log_on(core, peer)
    frame = origin.says("OrdersCanceled", number=31, orders=[cancel_entry(Order(1, 1))])
    wrapped = peer.says(
        "DropCopyEvent",
        origin_client_id="maker-1",
        portfolio_id=3,
        session_epoch=8,
        origin_sequence_number=31,
        frame=frame,
    )
    (event,) = core.received(START, wrapped)
    ((_, found),) = plain([event])
    assert found == {
        "origin_client_id": "maker-1",
        "portfolio_id": 3,
        "session_epoch": 8,
        "origin_sequence_number": 31,
        "origin": origin.heard(frame)[0],
    }


def test_a_drop_copy_of_an_older_session_is_read_by_what_it_holds() -> None:
    core, peer, origin = DropCopyCore(client_id="watch-1", secret="s"), Peer(), Peer(version=9)
    log_on(core, peer)
    frame = origin.says("CancelOrderResponse", number=31, client_order_id=4, order_id=5, instrument_id=1)
    (event,) = core.received(START, peer.says("DropCopyEvent", origin_client_id="maker-1", frame=frame))
    assert isinstance(event, DropCopy)
    assert event.origin == origin.heard(frame)[0]
    assert event.origin.fields["total_filled"] is None
