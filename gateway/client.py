"""The client library: one session with a gateway, for asyncio (any loop) or blocking.

    client = Client("127.0.0.1", 4210, client_id="maker-1", secret=secret)
    await client.logon(reset=True)
    order = client.new_order(1, Side.BUY, quantity="0.5", price="64000.5")
    await client.until(lambda: not order.is_live, timeout_s=5)

An `Order` is kept true by whatever the gateway says of it. Every event goes to each listener (`subscribe`) and to each
reader (`async for event in client.events()`), in the order of the stream. After a loss `logon(reset=False)` on the same
object connects again, asks for what was missed, and so learns of each order that the gateway cancelled.

`BlockingClient` has the same requests without a loop: nothing happens between its calls, so a program that trades
nothing for longer than a heartbeat interval must call `poll` in between. `DropCopyClient` listens in on a portfolio.

Events, orders and errors are in `gateway.client_events`, the client without any line (bytes in, bytes out) in
`gateway.client_core`.
"""

from codec.layout import SelfTradingMode, Side, TimeInForce
from gateway.client_asyncio import Client, DropCopyClient, EventReader
from gateway.client_blocking import BlockingClient, BlockingDropCopyClient
from gateway.client_session import SequenceNumbers

__all__ = [
    "BlockingClient",
    "BlockingDropCopyClient",
    "Client",
    "DropCopyClient",
    "EventReader",
    "SelfTradingMode",
    "SequenceNumbers",
    "Side",
    "TimeInForce",
]
