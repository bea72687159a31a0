"""The canary: a client of the gateway's own, whose line is broken again and again, to see that its order is cancelled.

It trades like any client: a TCP connection to the gateway's own listener, a Logon, an order that rests in a real book.
Every `canary_interval_s` its line is broken, by FIN and by RST in turn, and the book is watched until the order is
gone. How long that took is the proof, or the alarm (health.py).

Nobody else has anything to do with it. Its key, portfolio and instrument have names that no configuration can give and
no operator can ask for; the instrument exists for its portfolio alone; that portfolio has no drop copy; its stream has
chunks of its own; no log, status or count of clients has it among them (counts.py). Its secret is new at each start,
and only its hash leaves this file. Orders and events of it do take their numbers from the counters that all share.
"""

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING, Any, Final

from codec import wire
from codec.layout import OrderFlags, OrderStatus, ProductType, Side
from codec.values import Complete, Decimal72, Message
from gateway.config import ApiKey
from gateway.credentials import generate_secret, hash_secret
from gateway.engine_types import InstrumentSpec, OwnerSpec, PortfolioSpec
from gateway.errors import CanaryError
from gateway.health import Health
from gateway.health_watch import HealthWatch
from gateway.limits import BUFFER_LEAST_BYTES, FRAME_SIZE_MAX_OUT_BYTES, RESERVED_ID
from gateway.session import Session
from gateway.stream import ChunkPool, Stream

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.connection import Shell
    from gateway.core import Core
    from gateway.log import Log

CLIENT_ID: Final = "the canary"
"""With a space, which no [[api_key]] may have."""

_SECOND_NS: Final = 1_000_000_000
_ONE: Final = 1_000_000_000  # in units of 1e-9
_LINGER_NOT: Final = b"\1\0\0\0\0\0\0\0"
_LOOKS_IN_A_ROW: Final = 50
_LOOK_AGAIN_S: Final = 0.001
_LOOK_AGAIN_LATE_S: Final = 0.05


class Perch:
    """The canary's place in a core: session, portfolio and instrument, and the secret of its key."""

    def __init__(self, core: "Core") -> None:
        venue = core.controls.venue
        secret = generate_secret()
        key = ApiKey(
            client_id=CLIENT_ID, portfolio=RESERVED_ID, portfolio_cancel=False, secret_hash=hash_secret(secret)
        )
        portfolio = venue.add_portfolio(PortfolioSpec(RESERVED_ID, max_open_orders=1))
        venue.add_instrument(InstrumentSpec(RESERVED_ID, _ONE, _ONE, ProductType.FUTURES, reserved_for=portfolio))
        self.secret = secret
        index = venue.find_instrument(RESERVED_ID)
        assert index is not None, "it was added just now"
        self.instrument = index
        self.session = core.add_session(key, Stream(ChunkPool(), BUFFER_LEAST_BYTES))
        self.session.is_canary = True
        core.key_ring.put(key, venue.add_owner(OwnerSpec(portfolio)))


class Canary:
    """The canary of one gateway. `folder` is where its file of health goes, None if nowhere."""

    def __init__(self, core: "Core", shell: "Shell", log: "Log", folder: "Path | None") -> None:
        settings = core.controls.config.gateway
        self._venue = core.controls.venue
        self._shell = shell
        self._perch = Perch(core)
        self._interval_ns = round(settings.canary_interval_s * _SECOND_NS)
        self.health = Health(self._interval_ns, settings.cancel_grace_ms * 1_000_000, shell.now())
        self._watch = HealthWatch(self.health, shell.now, folder, log)
        self._task: asyncio.Task[None] | None = None

    @property
    def session(self) -> Session:
        """The canary's session in the core."""
        return self._perch.session

    def start(self, family: int, address: Any) -> None:
        """The first round begins; the gateway listens at this address."""
        self._watch.start()
        self._task = asyncio.get_running_loop().create_task(self._fly(family, address))

    def end(self) -> None:
        """No round goes on; what the last one began is for the gateway to clean up, as ever."""
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """Says that the gateway has stopped; waits for that a second at most."""
        if self._task is not None:
            self._watch.stop()

    async def _fly(self, family: int, address: Any) -> None:
        for breaks_by_reset in itertools.cycle((False, True)):
            began_at = self._shell.now()
            try:
                broke_at = await self._round(family, address, breaks_by_reset)
            except Exception as error:  # Whatever it was: this round has proved nothing.
                broke_at = began_at
                self.health.failed(str(error) or type(error).__name__, self._shell.now())
            self._watch.tell()
            await asyncio.sleep((broke_at + self._interval_ns - self._shell.now()) / _SECOND_NS)

    async def _round(self, family: int, address: Any, breaks_by_reset: bool) -> int:
        """An order, a broken line, the cancel; returns when the line broke."""
        with socket.socket(family, socket.SOCK_STREAM) as line:
            line.setblocking(False)
            try:
                async with asyncio.timeout(self._interval_ns / _SECOND_NS):
                    await asyncio.get_running_loop().sock_connect(line, address)
                    await self._place_order(line)
            except TimeoutError:
                raise CanaryError("the canary's order was not confirmed within its interval") from None
            if self._venue.is_book_empty(self._perch.instrument):
                raise CanaryError("the canary's order was confirmed, but is not in the book")
            broke_at = self._shell.now()
            if breaks_by_reset:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            else:
                line.shutdown(socket.SHUT_WR)
        await self._see_it_go(broke_at)
        return broke_at

    async def _place_order(self, line: socket.socket) -> None:
        """Logs on and has an order resting. CanaryError: the gateway did not let it."""
        loop = asyncio.get_running_loop()
        number = self.session.expected_number
        await loop.sock_sendall(line, self._logon_frame(number) + self._order_frame(number + 1))
        received = b""
        while True:
            data = await loop.sock_recv(line, 65_536)
            if not data:
                raise CanaryError("the gateway closed the canary's line")
            received += data
            while isinstance(found := wire.scan(received, 0, FRAME_SIZE_MAX_OUT_BYTES), Complete):
                end = found.start + found.length
                if _is_confirmation(wire.decode(received[found.start : end])):
                    return
                received = received[end:]

    def _logon_frame(self, number: int) -> bytes:
        fields = {
            "client_id": CLIENT_ID,
            "secret": self._perch.secret,
            "reset_seq_num": False,
            "schema_version": 17,
            "cancel_on_disconnect": True,
        }
        return wire.encode("Logon", fields, sequence_number=number)

    def _order_frame(self, number: int) -> bytes:
        fields = {
            "client_order_id": number,
            "correlation_id": number,
            "instrument_id": RESERVED_ID,
            "price": _ONE,
            "quantity": Decimal72(_ONE, -9),
            "side": Side.BUY,
            "flags": OrderFlags.CANCEL_ON_DISCONNECT,
        }
        return wire.encode("NewOrderRequest", fields, sequence_number=number)

    async def _see_it_go(self, broke_at: int) -> None:
        """Watches the book until the order is gone, however long that takes."""
        is_told = False
        for look in itertools.count():
            now = self._shell.now()
            if self._venue.is_book_empty(self._perch.instrument):
                self.health.cancelled(broke_at, now)
                return
            if not is_told and self.health.is_late(broke_at, now):
                is_told = True
                self.health.overdue(broke_at, now)
                self._watch.tell()
            # At first at every turn of the loop, so that what is measured is the cancel and not the looking.
            again_s = _LOOK_AGAIN_LATE_S if is_told else _LOOK_AGAIN_S
            await asyncio.sleep(0 if look < _LOOKS_IN_A_ROW else again_s)


def _is_confirmation(message: Message) -> bool:
    """Whether the order rests now; False if the message is not about that. CanaryError: it does not."""
    if message.name == "NewOrderResponse" and message.fields["status"] == OrderStatus.ACTIVE:
        return True
    if message.name in ("NewOrderResponse", "NewOrderReject", "LoggedOut", "Reject"):
        reason = {name: value for name, value in message.fields.items() if name in ("reason", "details", "status")}
        raise CanaryError(f"the canary was answered {message.name}: {reason}")
    return False
