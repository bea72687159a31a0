"""The naive gateway does what the comparison says of it: it matches by price and time, and cancels on disconnect."""

import asyncio
import struct
from typing import Any

import pytest
from benchmark_modules import benchmark_module

from codec import messages
from codec.values import Message

naive_gateway = benchmark_module("naive_gateway")

UNIT = 10**9
DEADLINE_S = 30


class Client:
    """A connection that encodes and decodes with the reference codec."""

    async def open(self, port: int, client_id: str) -> "Client":
        self.number = 0
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.send("Logon", client_id=client_id, reset_seq_num=1, schema_version=17)
        assert (await self.receive()).fields == {"heartbeat_interval_seconds": 5, "schema_version": 17}
        return self

    def send(self, name: str, **fields: Any) -> None:
        self.number += 1
        self.writer.write(messages.encode(name, fields, sequence_number=self.number))

    def new_order(self, client_order_id: int, side: int, price: int, quantity: int) -> None:
        self.send(
            "NewOrderRequest",
            client_order_id=client_order_id,
            correlation_id=client_order_id + 100,
            instrument_id=1,
            price=price * UNIT,
            quantity=(quantity * UNIT, -9),
            side=side,
        )

    async def receive(self) -> Message:
        header = await self.reader.readexactly(32)
        (length,) = struct.unpack_from("<H", header, 2)
        return messages.decode(header + await self.reader.readexactly(length - 32))


def figures(message: Message) -> dict[str, Any]:
    """Name and fields of a message, without ids and times of the server's choice."""
    chosen = {"timestamp", "exec_id", "receive_time", "order_id"}
    return {"name": message.name} | {name: value for name, value in message.fields.items() if name not in chosen}


def quantity(units: int) -> tuple[int, int]:
    return (units * UNIT, -9)


def serve(scenario: Any) -> None:
    async def serve_and_play() -> None:
        server = await asyncio.start_server(naive_gateway.Gateway().serve, "127.0.0.1", 0)
        async with server, asyncio.timeout(DEADLINE_S):
            await scenario(server.sockets[0].getsockname()[1])

    asyncio.run(serve_and_play())


def test_an_order_trades_with_the_best_price_first_and_then_with_the_oldest() -> None:
    async def scenario(port: int) -> None:
        maker, taker = await Client().open(port, "maker"), await Client().open(port, "taker")
        for client_order_id, price in ((1, 102), (2, 101), (3, 101), (4, 103)):
            maker.new_order(client_order_id, -1, price, 2)
            assert (await maker.receive()).fields["status"] == 1

        taker.new_order(9, 1, 102, 7)

        assert figures(await taker.receive()) == {
            "name": "NewOrderResponse",
            "client_order_id": 9,
            "correlation_id": 109,
            "instrument_id": 1,
            "price": 102 * UNIT,
            "quantity": quantity(7),
            "total_filled": quantity(6),
            "visible_qty": quantity(1),
            "side": 1,
            "status": 1,
            "cancel_reason": 0,
            "fills": [
                {"match_id": 1, "fill_price": 101 * UNIT, "fill_qty": quantity(2)},
                {"match_id": 2, "fill_price": 101 * UNIT, "fill_qty": quantity(2)},
                {"match_id": 3, "fill_price": 102 * UNIT, "fill_qty": quantity(2)},
            ],
            "legs": [],
        }
        assert [(await maker.receive()).fields["fills"][0]["client_order_id"] for _ in range(3)] == [2, 3, 1]

    serve(scenario)


def test_a_partly_filled_order_is_cancelled_on_disconnect_and_drop_copy_is_told() -> None:
    async def scenario(port: int) -> None:
        drop_copy = await Client().open(port, "drop-1")
        maker, taker = await Client().open(port, "maker"), await Client().open(port, "taker")
        maker.new_order(1, 1, 100, 5)
        assert (await maker.receive()).name == "NewOrderResponse"
        taker.new_order(2, -1, 100, 2)
        assert (await taker.receive()).fields["status"] == 2
        assert figures(await maker.receive()) == {
            "name": "OrderFilled",
            "fills": [
                {
                    "client_order_id": 1,
                    "order_id": 1,
                    "instrument_id": 1,
                    "match_id": 1,
                    "price": 100 * UNIT,
                    "fill_qty": quantity(2),
                    "total_filled": quantity(2),
                    "side": 1,
                    "flags": 0,
                }
            ],
            "legs": [],
        }

        maker.writer.close()

        event = await drop_copy.receive()
        assert event.fields["origin_client_id"] == "maker"
        assert figures(messages.decode(event.fields["frame"])) == {
            "name": "OrdersCanceled",
            "flags": 1,
            "orders": [
                {
                    "client_order_id": 1,
                    "order_id": 1,
                    "instrument_id": 1,
                    "total_filled": quantity(2),
                    "cancel_reason": 7,
                    "flags": 0,
                }
            ],
        }

    serve(scenario)


@pytest.mark.parametrize(
    ("request_name", "answer", "reason"),
    [("NewOrderRequest", "NewOrderReject", 4), ("CancelOrderRequest", "CancelOrderReject", 1)],
)
def test_a_known_id_is_refused_in_a_new_order_and_an_unknown_one_in_a_cancel(
    request_name: str, answer: str, reason: int
) -> None:
    async def scenario(port: int) -> None:
        client = await Client().open(port, "trader")
        client.new_order(1, 1, 100, 5)
        assert (await client.receive()).name == "NewOrderResponse"
        if request_name == "NewOrderRequest":
            client.new_order(1, 1, 100, 5)
        else:
            client.send("CancelOrderRequest", client_order_id=2, correlation_id=7, instrument_id=1)

        refused = await client.receive()

        assert (refused.name, refused.fields["reason"], refused.fields["details"]) == (answer, reason, "")

    serve(scenario)
