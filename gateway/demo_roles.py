"""The demo's client processes: `python -m gateway.demo_roles trader|watcher`.

JSON lines both ways. The first line in is the session; each further line is a command `{"do": …}`. Every event of the
session goes out as one line `{"event": …, "ns": …}`, where ns is CLOCK_MONOTONIC when its bytes were read, so that
times of different processes of this machine compare. Amounts are counts of 1e-9. The end of stdin ends the process.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from codec.layout import Side, TimeInForce
from gateway.client import Client, DropCopyClient, SequenceNumbers
from gateway.client_events import (
    CancelRejected,
    Disconnected,
    DropCopy,
    Event,
    LoggedOn,
    LoggedOut,
    MessageEvent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from gateway.client_receipts import Receipt
from gateway.client_state import Order
from gateway.client_values import Fields, from_mantissa, mantissa_of, to_mantissa

Record = dict[str, Any]


def emit(record: Record) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


# -- Events as lines ---------------------------------------------------------------------------------------------------


def own_record(event: Event) -> Record | None:
    """An event of a trading session; None for what the demo does not look at."""
    match event:
        case LoggedOn():
            return {"event": "logged_on", "reset": event.reset}
        case LoggedOut():
            return {"event": "logged_out", "reason": event.reason}
        case Disconnected():
            return {"event": "disconnected", "detail": event.detail}
        case OrderAccepted():
            return {"event": "accepted", **_order(event.order)}
        case OrderRejected() | CancelRejected():
            return {"event": "rejected", "reason": event.reason, "details": event.details}
        case OrderFilled():
            fill = {"match_id": event.match_id, "quantity": to_mantissa(event.quantity), "is_maker": event.is_maker}
            return {"event": "filled", **_order(event.order), "fill": fill}
        case OrderCanceled():
            return {"event": "canceled", **_order(event.order), "reason": int(event.reason)}
    return None


def _order(order: Order) -> Record:
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.order_id,
        "total_filled": order.total_filled_mantissa,
    }


def copy_record(event: Event) -> Record | None:
    """What a frame in a drop copy says of each order in it, or whether a receipt holds."""
    if isinstance(event, Receipt):
        return _receipt(event)
    if not isinstance(event, DropCopy):
        return None
    fields: Fields = event.origin.fields
    match event.origin.name:
        case "NewOrderResponse" | "CancelOrderResponse":
            entries = [fields]
        case "OrderFilled":
            entries = fields["fills"]
        case "OrdersCanceled":
            entries = fields["orders"]
        case _:
            return None
    return {
        "event": "copy",
        "origin": event.origin_client_id,
        "number": event.origin_sequence_number,
        "name": event.origin.name,
        "orders": [{key: _plain(value) for key, value in entry.items() if key in COPIED} for entry in entries],
    }


def _receipt(receipt: Receipt) -> Record:
    return {
        "event": "receipt",
        "origin": receipt.client_id,
        "cause": receipt.cause.name,
        "bound": receipt.bound_count,
        "cancelled": receipt.cancelled_count,
        "exempt": receipt.exempt_count,
        "digest": f"{receipt.digest:016x}",
        "faults": receipt.faults,
        "time_to_safe_us": receipt.time_to_safe_ns // 1000,
        "time_to_reported_us": receipt.time_to_reported_ns // 1000,
    }


COPIED: Final = {
    "client_order_id",
    "order_id",
    "match_id",
    "quantity",
    "fill_qty",
    "total_filled",
    "status",
    "cancel_reason",
}


def _plain(value: Any) -> int:
    return value if isinstance(value, int) else mantissa_of(value)


def report(client: Client | DropCopyClient, record_of: Callable[[Event], Record | None]) -> None:
    """Send a line for every event from now on."""

    def listener(event: Event) -> None:
        record = record_of(event)
        if record is None:
            return
        record["ns"] = client.clock.monotonic_ns(event.received_time_ns)
        if isinstance(event, MessageEvent):
            # A drop copy is told by the number it has in its origin's stream.
            record.setdefault("number", event.message.header.sequence_number)
            record["resent"] = event.resent
        emit(record)

    client.subscribe(listener)


# -- Commands ----------------------------------------------------------------------------------------------------------


class Trader:
    """Carries out what the demo tells a trading session to do."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._firing: asyncio.Task[None] | None = None

    async def logon(self, command: Record) -> None:
        await self._client.logon(reset=command["reset"])
        await self._client.until(lambda: not self._client.core.has_gap)
        emit({"event": "caught_up", "live": sorted(self._client.orders)})

    async def numbers(self, _command: Record) -> None:
        numbers = self._client.numbers
        emit({"event": "numbers", "outbound": numbers.next_outbound, "inbound": numbers.next_inbound})

    async def place(self, command: Record) -> None:
        for order in command["orders"]:
            self._send(order, TimeInForce.GTC)

    async def take(self, command: Record) -> None:
        for order in command["orders"]:
            self._send(order, TimeInForce.IOC)
        await self._client.until(lambda: not self._client.orders)
        emit({"event": "taken"})

    async def fire(self, command: Record) -> None:
        """Send the same orders again and again, until told to cease."""
        self._firing = asyncio.create_task(self._fire(command["orders"], command["interval_ms"] / 1000))

    async def cease(self, _command: Record) -> None:
        assert self._firing is not None
        self._firing.cancel()
        with suppress(asyncio.CancelledError):
            await self._firing
        await self._client.until(lambda: not self._client.orders)
        emit({"event": "ceased"})

    async def cancel_all(self, _command: Record) -> None:
        for order in tuple(self._client.orders.values()):
            self._client.cancel(order)

    async def logout(self, _command: Record) -> None:
        emit({"event": "logout_sent", "ns": time.monotonic_ns()})
        await self._client.logout("the end of the demo")

    async def _fire(self, orders: list[Record], interval_s: float) -> None:
        while True:
            for order in orders:
                self._send(order, TimeInForce.IOC)
                await asyncio.sleep(interval_s)

    def _send(self, order: Record, time_in_force: TimeInForce) -> None:
        self._client.new_order(
            order["instrument_id"],
            Side(order["side"]),
            quantity=from_mantissa(order["quantity"]),
            price=from_mantissa(order["price"]),
            time_in_force=time_in_force,
        )


async def trade(session: Record, lines: asyncio.StreamReader) -> None:
    numbers = SequenceNumbers(*session["numbers"]) if session["numbers"] else None
    client = Client(
        session["host"],
        session["port"],
        client_id=session["client_id"],
        secret=session["secret"],
        numbers=numbers,
        first_client_order_id=session["first_client_order_id"],
    )
    report(client, own_record)
    trader = Trader(client)
    while line := await lines.readline():
        command = json.loads(line)
        await getattr(trader, command["do"])(command)


async def watch(session: Record, lines: asyncio.StreamReader) -> None:
    client = DropCopyClient(session["host"], session["port"], client_id=session["client_id"], secret=session["secret"])
    report(client, copy_record)
    await client.logon(reset=True)
    emit({"event": "logged_on"})
    await lines.read()


async def main(role: str) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    session = json.loads(await lines.readline())
    await {"trader": trade, "watcher": watch}[role](session, lines)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
