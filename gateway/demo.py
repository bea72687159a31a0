"""`breakwire demo`: what becomes of a maker's orders when it is killed, when it freezes, and when it logs out.

A gateway on a free loopback port and four clients, each a process of its own: a maker with a few hundred orders, a
taker of another portfolio that trades with some of them and goes on firing at their prices while the maker's line
breaks, a bystander in the maker's portfolio whose orders must not be touched, and a drop-copy watcher whose record is
the evidence. Ends with 0 only if every order is accounted for and every promise was kept.

Times are CLOCK_MONOTONIC of one machine: of the break, just before the signal is sent or the Logout is written; of an
arrival, when the receiving client has read its bytes.
"""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from gateway import demo_stage as stage
from gateway.credentials import generate_secret
from gateway.demo_ledger import Fate, Ledger
from gateway.demo_processes import Child, Crew, Record
from gateway.demo_screen import Screen
from gateway.demo_stage import BYSTANDER, MAKER, TAKER, WATCHER

NS_PER_S: Final = 1_000_000_000
SHOT_INTERVAL_MS: Final = 5
SHOTS_BEFORE_BREAK: Final = 20
PROBES: Final = 4  # times every side of every instrument, after the last cancel
LAPSE_TOLERANCE_S: Final = 0.25  # for a busy machine
# Numbers sent after the last one written down are made up for by logging on with one surely above (protocol 8.2).
NUMBERS_SKIPPED: Final = 10_000
TERMINATED: Final = 128 + signal.SIGTERM


def run() -> int:
    """Show the demo; 0 if every order is accounted for and every promise was kept, else 1."""
    try:
        return asyncio.run(_run())
    except asyncio.CancelledError:
        return TERMINATED


async def _run() -> int:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does it: out through the crew's end, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="breakwire-demo-") as directory:
        async with Crew() as crew:
            return await Demo(crew, Screen()).play(Path(directory))


class Demo:
    """Three acts, in each: orders rest, some fill, the line breaks, the cancels arrive, everything is counted."""

    def __init__(self, crew: Crew, screen: Screen) -> None:
        self._crew = crew
        self._screen = screen
        self._ledger = Ledger()
        self._faults: list[str] = []
        self._probes = 0
        self._probe_fills = 0
        self._remarks: list[str] = []
        self._secrets = {client_id: generate_secret() for client_id in stage.PORTFOLIO_OF}

    async def play(self, directory: Path) -> int:
        """All of it; the exit code."""
        await self._raise_curtain(directory / "gateway.toml")
        await self._killed()
        await self._frozen()
        await self._logged_out()
        return await self._count()

    # -- Before --------------------------------------------------------------------------------------------------------

    async def _raise_curtain(self, configuration: Path) -> None:
        configuration.write_text(stage.configuration(self._secrets))
        self._gateway = await self._crew.start_gateway(configuration)
        self._watcher = await self._client("watcher", WATCHER, self._ledger.copied)
        self._taker = await self._client("trader", TAKER, self._ledger.taker)
        self._bystander = await self._client("trader", BYSTANDER)
        self._maker = await self._client("trader", MAKER)
        traders = (self._taker, self._bystander, self._maker)
        for child in traders:
            child.tell({"do": "logon", "reset": True})
        await self._until(lambda: self._watcher.seen("logged_on") != [], "the watcher's logon")
        await self._until(lambda: all(child.seen("caught_up") for child in traders), "the traders' logons")
        children = (self._maker, self._taker, self._bystander, self._watcher)
        self._screen.say(
            f"A gateway (process {self._gateway.process.pid}, heartbeat interval {stage.HEARTBEAT_INTERVAL_S} s) and"
            f" four clients: {', '.join(f'{child.name} ({child.process.pid})' for child in children)}."
        )
        self._bystander.tell({"do": "place", "orders": stage.bystander_orders()})
        count = len(stage.bystander_orders())
        await self._until(lambda: len(self._ledger.of(BYSTANDER)) == count, "the bystander's orders")

    async def _client(
        self,
        role: str,
        client_id: str,
        listener: Callable[[Record], None] | None = None,
        numbers: tuple[int, int] | None = None,
    ) -> Child:
        listening = self._gateway.seen("listening")[0]
        session = {
            "host": listening["host"],
            "port": listening["port"],
            "client_id": client_id,
            "secret": self._secrets[client_id],
            "numbers": numbers,
            # Unique in the portfolio, also for a second process with the same key.
            "first_client_order_id": 1_000_000 * (1 + len(self._crew.children)),
        }
        return await self._crew.start_client(role, session, listener)

    # -- The acts ------------------------------------------------------------------------------------------------------

    async def _killed(self) -> None:
        async def kill() -> int:
            return self._maker.signal(signal.SIGKILL)

        self._maker.tell({"do": "numbers"})
        await self._until(lambda: self._maker.seen("numbers") != [], "the maker's numbers")
        numbers = self._maker.seen("numbers")[0]
        await self._act(1, "the maker is killed", "SIGKILL: the kernel closes its line", kill)

        resumed = (numbers["outbound"] + NUMBERS_SKIPPED, numbers["inbound"])
        self._maker = await self._client("trader", MAKER, numbers=resumed)
        self._maker.tell({"do": "logon", "reset": False})
        await self._until(lambda: self._maker.seen("caught_up") != [], "the maker's return")
        told = self._check_own_record()
        resent = sum(record["resent"] for record in told)
        self._screen.line("afterwards", f"a new maker process asks for what it missed and is told {_cancels(told)}")
        self._screen.promise(
            "The cancels wait in the dead session's stream: who returns is told each, under its original number.",
            f"{resent} of {len(self._cancelled())} told again, with the numbers that the watcher saw.",
            kept=resent == len(self._cancelled()) == len(told),
        )

    async def _frozen(self) -> None:
        async def freeze() -> int:
            return self._maker.signal(signal.SIGSTOP)

        broken_ns = await self._act(
            2,
            "the maker freezes",
            "SIGSTOP: its line stays open, its heartbeats end, its orders can still trade",
            freeze,
        )
        lapse_s = stage.LAPSE_FACTOR * stage.HEARTBEAT_INTERVAL_S
        last_s = (self._last_cancel_ns() - broken_ns) / NS_PER_S
        self._screen.promise(
            f"A silent client is gone {stage.LAPSE_FACTOR:g} heartbeat intervals ({lapse_s:g} s) after its last frame.",
            f"Its last cancel came {last_s:.3f} s after the freeze, before which its last frame was sent"
            f" (judged with {LAPSE_TOLERANCE_S:g} s of tolerance).",
            kept=last_s <= lapse_s + LAPSE_TOLERANCE_S,
        )
        self._maker.signal(signal.SIGCONT)
        await self._until(lambda: self._maker.seen("disconnected") != [], "the thawed maker to find its line down")
        self._maker.tell({"do": "logon", "reset": False})
        await self._until(lambda: len(self._maker.seen("caught_up")) == 2, "the thawed maker's logon")
        told = self._check_own_record()
        live = self._maker.seen("caught_up")[-1]["live"]
        self._screen.line("afterwards", f"SIGCONT: the maker finds its line down, logs on, and has {_cancels(told)}")
        self._screen.promise(
            "A client that wakes up learns what became of each of its orders.",
            f"{len(told)} of {len(self._cancelled())} cancels known to it, {len(live)} orders that it takes for live.",
            kept=len(told) == len(self._cancelled()) and not live,
        )

    async def _logged_out(self) -> None:
        async def log_out() -> int:
            self._maker.tell({"do": "logout"})
            await self._until(lambda: self._maker.seen("logout_sent") != [], "the Logout")
            return int(self._maker.seen("logout_sent")[0]["ns"])

        broken_ns = await self._act(3, "the maker logs out", "Logout", log_out)
        await self._until(lambda: len(self._maker.seen("disconnected")) == 2, "the end of the maker's line")
        told = self._check_own_record()
        answer = self._maker.seen("logged_out")[-1]
        self._screen.at(answer["ns"] - broken_ns, f"the maker has its own cancels, and LoggedOut: {answer['reason']}")
        self._screen.promise(
            "A logout cancels too, and tells it on the session's own line before LoggedOut.",
            f"{len(told)} of {len(self._cancelled())} cancels, numbered below the LoggedOut.",
            kept=len(told) == len(self._cancelled()) and all(record["number"] < answer["number"] for record in told),
        )

    async def _act(self, number: int, title: str, how: str, break_line: Callable[[], Awaitable[int]]) -> int:
        """What the three acts have in common; when the line broke."""
        ledger, taker = self._ledger, self._taker
        ledger.act = number
        self._screen.act(number, title)
        orders = stage.maker_orders()
        self._maker.tell({"do": "place", "orders": orders})
        await self._until(lambda: len(ledger.of(MAKER, number)) == len(orders), "the maker's orders")
        resting = f"{len(orders)} orders of the maker, {len(ledger.open_of(BYSTANDER))} of the bystander"
        self._screen.line("resting", f"{resting}, on {len(stage.INSTRUMENTS)} instruments")

        await self._take(stage.taker_orders())
        await self._until(lambda: sum(fate.is_partial for fate in self._fates()) == len(stage.taker_orders()), "fills")
        full, partial = _filled(self._fates())
        self._screen.line("filled", f"{full} in full and {partial} in part by the taker, which goes on firing")

        answered = len(taker.seen("accepted")) + SHOTS_BEFORE_BREAK
        taker.tell({"do": "fire", "orders": stage.shots(), "interval_ms": SHOT_INTERVAL_MS})
        await self._until(lambda: len(taker.seen("accepted")) >= answered, "the taker's shots")
        broken_ns = await break_line()
        await self._until(lambda: not ledger.open_of(MAKER), "the end of the maker's orders")
        await self._until(lambda: len(self._gone()) == number, "the gateway's word that the session is gone")
        await self._until(lambda: len(self._receipts()) == number, "the receipt")
        await self._probe()
        self._show_timeline(broken_ns, how)
        return broken_ns

    async def _probe(self) -> None:
        """Now that every cancel has been reported: does any of those orders still trade?"""
        self._taker.tell({"do": "cease"})
        ceased = len(self._taker.seen("ceased")) + 1
        await self._until(lambda: len(self._taker.seen("ceased")) == ceased, "the taker to cease")
        fills = len(self._taker.seen("filled"))
        probes = stage.shots() * PROBES
        await self._take(probes)
        self._probes += len(probes)
        self._probe_fills += len(self._taker.seen("filled")) - fills

    async def _take(self, orders: list[Record]) -> None:
        ended = len(self._taker.seen("taken")) + 1
        self._taker.tell({"do": "take", "orders": orders})
        await self._until(lambda: len(self._taker.seen("taken")) == ended, "the answers to the taker")

    # -- What happened -------------------------------------------------------------------------------------------------

    def _fates(self) -> list[Fate]:
        """The maker's orders of this act."""
        return self._ledger.of(MAKER, self._ledger.act)

    def _cancelled(self) -> set[int]:
        """The orderIds of this act that the watcher saw cancelled."""
        return {fate.order_id for fate in self._fates() if fate.cancels}

    def _gone(self) -> list[Record]:
        """The gateway's own log lines of the ends of the maker's sessions."""
        return self._gateway.seen("session gone", client_id=MAKER)

    def _receipts(self) -> list[Record]:
        """The receipts of the maker's sessions, as the watcher's client has checked them."""
        return self._watcher.seen("receipt", origin=MAKER)

    def _last_cancel_ns(self) -> int:
        return max(cancel.ns for fate in self._fates() for cancel in fate.cancels)

    def _check_own_record(self) -> list[Record]:
        """The maker's own record of this act's cancels, after it has been held against the watcher's."""
        order_ids = {fate.order_id for fate in self._fates()}
        told = [record for record in self._maker.seen("canceled") if record["order_id"] in order_ids]
        self._faults += self._ledger.contradictions(MAKER, told)
        return told

    def _show_timeline(self, broken_ns: int, how: str) -> None:
        fates = self._fates()
        fills = [fill.ns for fate in fates for fill in fate.fills]
        moments = [(0, f"[bold]{how}[/]")]
        moments.append((max(fills) - broken_ns, "the last fill of a maker's order"))
        late = sum(ns > broken_ns for ns in fills)
        frames = Counter((cancel.ns, cancel.number) for fate in fates for cancel in fate.cancels)
        for (ns, number), count in frames.items():
            text = f"OrdersCanceled, no. {number} of the maker's stream, reaches the watcher: {count} orders"
            moments.append((ns - broken_ns, text))
        receipt = self._receipts()[-1]
        moments.append((receipt["ns"] - broken_ns, f"the receipt, cause {receipt['cause']}, reaches the watcher"))
        for after_ns, text in sorted(moments, key=lambda moment: moment[0]):
            self._screen.at(after_ns, text)
        self._show_receipt(receipt)
        full, partial = _filled(fates)
        self._screen.line(
            "counted",
            f"{len(fates)} placed = {full} filled + {len(self._cancelled())} cancelled, {partial} of those partially"
            f" filled; {late} fills were told after the break",
        )
        last_us = (self._last_cancel_ns() - broken_ns) // 1000
        self._remarks.append(f"{how.partition(':')[0]} to the last cancel: {last_us:,} µs")

    def _show_receipt(self, receipt: Record) -> None:
        """What it says, and whether that is what the watcher has seen."""
        seen = len(self._cancelled())
        self._faults += [f"receipt of {MAKER}: {fault}" for fault in receipt["faults"]]
        if receipt["cancelled"] != seen:
            self._faults.append(f"receipt of {MAKER}: {receipt['cancelled']} cancelled, seen {seen}")
        verdict = "verified" if not receipt["faults"] else "does not hold"
        self._screen.line(
            "receipt",
            f"{receipt['bound']} bound = {receipt['cancelled']} cancelled + {receipt['exempt']} exempt, digest"
            f" {receipt['digest']} {verdict}; from the loss noticed to safe {receipt['time_to_safe_us']:,} µs, to"
            f" reported {receipt['time_to_reported_us']:,} µs",
        )

    # -- The end -------------------------------------------------------------------------------------------------------

    async def _count(self) -> int:
        """Everything accounted for; the exit code."""
        ledger, screen = self._ledger, self._screen
        untouched = len(ledger.open_of(BYSTANDER))
        self._bystander.tell({"do": "cancel_all"})
        await self._until(lambda: not ledger.open_of(BYSTANDER), "the bystander's own cancels")
        code = await self._crew.stop_gateway(self._gateway)
        self._faults += ledger.audit([MAKER], BYSTANDER)
        if code != 0:
            self._faults.append(f"the gateway ended with {code} on SIGTERM, wanted 0")
        placed = ledger.of(MAKER)
        full, partial = _filled(placed)
        canceled = sum(len(fate.cancels) for fate in placed)
        screen.promise(
            "Each order ends exactly once: filled, or cancelled with reason 7 (CLIENT_DISCONNECT) and as totalFilled"
            " the sum of its fills.",
            f"{len(placed)} placed = {full} filled + {canceled} cancelled, {partial} of those partially filled before;"
            f" {len(ledger.taken)} fills agree with the taker's.",
            kept=not self._faults and full + canceled == len(placed) == 3 * len(stage.maker_orders()),
        )
        receipts = self._receipts()
        screen.promise(
            "Each end of a session has a receipt: its counts add up, its digest is that of the cancels that were told.",
            f"{len(receipts)} receipts over {sum(receipt['cancelled'] for receipt in receipts)} cancels; the watcher's"
            f" client found {sum(len(receipt['faults']) for receipt in receipts)} faults in them.",
            kept=sum(receipt["cancelled"] for receipt in receipts) == canceled
            and not any(receipt["faults"] for receipt in receipts),
        )
        screen.promise(
            "An order that is reported cancelled never trades.",
            f"{self._probes} orders sent against their prices after the cancels: {self._probe_fills} fills.",
            kept=self._probes > 0 and self._probe_fills == 0,
        )
        screen.promise(
            "No other session's orders are touched.",
            f"{untouched} of the bystander's {len(ledger.of(BYSTANDER))} were open to the end; it cancelled them.",
            kept=untouched == len(stage.bystander_orders()),
        )
        screen.verdict(self._remarks, self._faults)
        return 0 if screen.all_kept and not self._faults else 1

    async def _until(self, predicate: Callable[[], bool], what: str) -> None:
        await self._crew.until(predicate, what)


def _filled(fates: list[Fate]) -> tuple[int, int]:
    """How many were filled in full, how many in part."""
    return sum(fate.is_filled for fate in fates), sum(fate.is_partial for fate in fates)


def _cancels(told: list[Record]) -> str:
    """A maker's own record of cancels, in words."""
    numbers = [record["number"] for record in told]
    resent = sum(record["resent"] for record in told)
    span = f", no. {min(numbers)} to {max(numbers)}" if numbers and min(numbers) != max(numbers) else ""
    span = span or (f", all in no. {numbers[0]}" if numbers else "")
    return f"{len(told)} cancels{span} ({resent} by resend, {len(told) - resent} as they came)"
