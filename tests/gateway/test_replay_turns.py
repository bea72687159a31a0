"""A replay shares the loop with everybody else: a limited piece of it each turn."""

import asyncio
import time
from itertools import pairwise

import uvloop
from support.core_driver import SECOND, CoreDriver, Line, configuration

from codec import messages
from codec.values import Message
from gateway.connection import Shell
from gateway.limits import WRITE_MAX_BYTES

ORDERS = 20_000
ORDER_RESPONSE_BYTES = 136


def with_a_long_stream() -> tuple[CoreDriver, int]:
    """A core in which maker-1 has left a long stream, and the number that its next Logon must have."""
    settings = configuration(heartbeat_interval_s=3_600)
    driver = CoreDriver(settings, time.time_ns() - 60 * SECOND)
    maker = driver.logged_on("maker-1")
    for number in range(1, ORDERS + 1):
        maker.order(number)
    maker.lose()
    driver.settle()
    return driver, maker.number + 1


async def read_frame(reader: asyncio.StreamReader) -> Message:
    start = await reader.readexactly(4)
    return messages.decode(start + await reader.readexactly(int.from_bytes(start[2:], "little") - 4))


async def replayed() -> tuple[list[int], list[Message]]:
    """Replays the stream over a socket: what number came next at the end of each turn, and the frames that arrived."""
    driver, number = with_a_long_stream()
    stream = driver.session("maker-1").stream
    turns: list[int] = []

    def turn_ended(_now: int) -> None:
        if stream.replaying:
            turns.append(stream.replay_number)

    loop = asyncio.get_running_loop()
    shell = Shell(driver.core, loop, configuration().gateway, turn_ended)
    server = await loop.create_server(shell.new_connection, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    client = Line(driver)
    writer.write(client.logon_frame("maker-1", reset=False, number=number))
    conf = await read_frame(reader)
    writer.write(client.frame("ResendRequest", {"from_sequence_number": 1, "to_sequence_number": 0}))
    frames = [await read_frame(reader)]
    while frames[-1].fields.get("new_sequence_number") != conf.header.sequence_number + 1:
        frames.append(await read_frame(reader))
    writer.close()
    server.close()
    return turns, frames


def test_each_turn_resends_a_piece_until_all_has_arrived() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns, frames = runner.run(replayed())
    assert turns, "all of it went in one turn"
    pieces = [later - earlier for earlier, later in pairwise([1, *turns])]
    # The read that brings the request is followed by a piece too, before its turn ends with another.
    assert max(pieces) <= 2 * (WRITE_MAX_BYTES // ORDER_RESPONSE_BYTES + 1)
    assert max(pieces[1:]) <= WRITE_MAX_BYTES // ORDER_RESPONSE_BYTES + 1
    names = [frame.name for frame in frames]
    cancels = names.count("OrdersCanceled")
    assert names == ["GapFill", *["NewOrderResponse"] * ORDERS, *["OrdersCanceled"] * cancels, "GapFill"]
    assert {frame.header.flags for frame in frames} == {1}
