"""The client library: one session with a gateway, for asyncio (any loop) or blocking.

    client = Client("127.0.0.1", 4210, client_id="maker-1", secret=secret)
    await client.logon(reset=True)
    order = client.new_order(1, Side.BUY, quantity="0.5", price="64000.5")
    await client.until(lambda: not order.is_live, timeout_s=5)

An `Order` is kept true by whatever the gateway says of it, and so is each `Quote` that a mass quote makes stand. A
request returns at once; `client.until(lambda: not request.is_pending)` waits for its answer. Every event goes to each
listener (`subscribe`) and to each reader (`async for event in client.events()`), in the order of the stream. After a
loss `logon(reset=False)` on the same object connects again, asks for what was missed, and so learns of each order and
quote that the gateway cancelled, and of each request that never reached it.

    with client.joined():  # several requests in one write
        client.mass_quote(7, [QuoteEntry(instrument_id=1, bid_price="64000", bid_quantity="1")])
        client.cancel(order)

`client.cancel_all_after(timeout_ms)` sets the portfolio's dead man's switch, which fires unless it is set again in
time; `async with client.kept_armed(timeout_ms=3_000)` does so while the loop runs, and turns it off at the end.
`client.open_orders(covered_only=True)` lists what a disconnect would cancel right now, and touches nothing;
`client.cover(...)` switches it. With `Client(..., receipts=True)` a `Receipt` follows the cancels of each fire, and
`receipt.verified` says whether it is the one of the cancels that were read.

`schema_version` (1 to 17) is the highest that the session may have. What an older one does not know is not sent
(SchemaVersionError), and what it leaves out of a message is None, or known from the messages before it.

`BlockingClient` has the same requests without a loop: nothing happens between its calls, so a program that trades
nothing for longer than a heartbeat interval must call `poll` in between. `DropCopyClient` listens in on a portfolio.

What it holds is in `gateway.client_state`, events are in `gateway.client_events`, errors in `gateway.client_errors`,
the client without any line (bytes in, bytes out) in `gateway.client_core`.
"""

from codec.layout import CancelOnDisconnectScope, OrderFlags, ProductType, SelfTradingMode, Side, TimeInForce
from gateway.client_asyncio import Client, DropCopyClient, EventReader
from gateway.client_blocking import BlockingClient, BlockingDropCopyClient
from gateway.client_core import QuoteEntry
from gateway.client_cover import CoverAnswered, OpenOrder, OpenOrdersListed
from gateway.client_kept_armed import KeptArmed
from gateway.client_receipts import OptionsAnswered, Receipt
from gateway.client_session import SequenceNumbers
from gateway.client_state import Order, Quote, Request

__all__ = [
    "BlockingClient",
    "BlockingDropCopyClient",
    "CancelOnDisconnectScope",
    "Client",
    "CoverAnswered",
    "DropCopyClient",
    "EventReader",
    "KeptArmed",
    "OpenOrder",
    "OpenOrdersListed",
    "OptionsAnswered",
    "Order",
    "OrderFlags",
    "ProductType",
    "Quote",
    "QuoteEntry",
    "Receipt",
    "Request",
    "SelfTradingMode",
    "SequenceNumbers",
    "Side",
    "TimeInForce",
]
