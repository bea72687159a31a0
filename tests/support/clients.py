"""Clients of the client library on a real gateway: what they are made from, and what they heard."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from codec.layout import Side
from gateway.client import Client, DropCopyClient, Order, OrderFlags, QuoteEntry, Request
from gateway.client_events import Event, MessageReceived
from gateway.client_state import OrderState
from support.configuration import secret_of
from support.processes import DEADLINE_S, Gateway

KEYS = [f"key-{number}" for number in range(100)]
"""Keys of the gateway that these tests share: each is for one session of one test."""

Run = Callable[[Coroutine[Any, Any, None]], None]
Arguments = Callable[..., dict[str, Any]]


def address(gateway: Gateway, client_id: str) -> dict[str, Any]:
    return {"host": gateway.host, "port": gateway.port, "client_id": client_id, "secret": secret_of(client_id)}


async def until(client: Client | DropCopyClient, predicate: Callable[[], bool]) -> None:
    await client.until(predicate, timeout_s=DEADLINE_S)


async def answered(client: Client, request: Request) -> Any:
    """The answer to a request, when it has come."""
    await until(client, lambda: not request.is_pending)
    return request.answer


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def of_kind(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@asynccontextmanager
async def logged_on(*sessions: dict[str, Any]) -> AsyncIterator[Any]:
    """Clients, logged on, each with a list of what it hears; at the end they log out, and nothing was left unnamed."""
    async with AsyncExitStack() as stack:
        clients = []
        for arguments in sessions:
            client = Client(**arguments)
            heard: list[Event] = []
            client.subscribe(heard.append)
            await client.logon(reset=True)
            stack.push_async_callback(leave, client, heard)
            clients += [client, heard]
        yield clients


async def leave(client: Client, heard: list[Event]) -> None:
    await client.logout()
    assert (dict(client.orders), dict(client.quotes), of_kind(heard, MessageReceived)) == ({}, {}, [])


async def resting(client: Client, side: Side, price: str, quantity: str = "1", **arguments: Any) -> Order:
    """An order on instrument 1 that rests."""
    order = client.new_order(1, side, quantity=quantity, price=price, **arguments)
    await until(client, lambda: order.state is not OrderState.PENDING)
    assert order.state is OrderState.OPEN
    return order


def two_sided(bid: str, ask: str, quantity: str = "1", flags: OrderFlags = OrderFlags.POST_ONLY_REJECT) -> QuoteEntry:
    """An entry for instrument 1."""
    return QuoteEntry(
        instrument_id=1,
        bid_price=bid,
        bid_quantity=quantity,
        bid_flags=flags,
        ask_price=ask,
        ask_quantity=quantity,
        ask_flags=flags,
    )
