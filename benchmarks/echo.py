"""A raw uvloop echo: each read is answered with the same bytes.

    python echo.py        listens on a free port of 127.0.0.1 and says which on stderr, as the gateway does

It shows what uvloop and the kernel take for moving bytes when Python never looks at them: one `buffer_updated` and
one `write` per read. It does less than any gateway (no framing), and its answers are the requests, 96 or 56 bytes
instead of 136 or 112: no floor for the gateway, but a bound on what the loop costs per read.
"""

import asyncio
import contextlib
import json
import sys
from typing import cast

import uvloop

READ_BUFFER_BYTES = 65_536


class Echo(asyncio.BufferedProtocol):
    """One connection. uvloop keeps a view of what is written, so each write is given bytes of its own."""

    def __init__(self) -> None:
        self.buffer = bytearray(READ_BUFFER_BYTES)
        self.view = memoryview(self.buffer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, _size_hint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.transport.write(bytes(self.view[:count]))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(json.dumps({"event": "listening", "host": host, "port": port}), file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())
