"""Clients of the client library on a real gateway: what they are made from, and what they heard."""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.client import Client, DropCopyClient, Request
from gateway.client_events import Event
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
