"""`breakwire example-maker`: a market maker that survives being cut off, and knows exactly what it has left.

An example of the client library, to be read from top to bottom and to be started from. It quotes both sides of one
instrument around a price that gives way to its position. What makes it survive:

1. It assumes nothing. A quote stands when the gateway has said so and not before, and is gone when the gateway has said
   so and not before. In between it may trade, whatever became of the line.
2. When the line breaks, the gateway cancels what hung on it and writes down what it did in the session's own stream.
   The maker logs on again without reset; the client asks for what was missed. When no gap is left (`has_gap`), every
   fill, every cancel and every request that was under way is accounted for. Only then does it quote again.
3. Its position is the sum of what its quotes say has filled. These are running totals: each message about a quote puts
   right whatever was missed before it.
4. Only a gateway that has forgotten the stream (it was started anew, and keeps nothing) makes a logon with reset
   necessary. What stood is over all the same, since it was covered; what it may have filled at last nobody can tell any
   more, and the maker says how much of its position that leaves open.
5. It takes no word for it. A receipt follows the cancels of each loss; its counts and its digest have to be those of
   the cancels that the maker has read.

It prints one JSON object a line: `left` after each logon is what it then knows to have, `holds` what it has since,
`receipt` what a loss has cost and whether that is proved.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from codec.layout import OrderFlags
from gateway.client import Client, Quote, QuoteEntry, Request
from gateway.client_errors import ConnectionDownError, LogonRefusedError, SessionStateError
from gateway.client_events import Event, MassQuoteRejected, QuoteCanceled, QuoteFilled, RequestRejected
from gateway.client_receipts import Receipt
from gateway.client_state import RequestState

RETRY_FIRST_S: Final = 0.05
RETRY_LAST_S: Final = 2.0
# Refused, the maker tries for so many heartbeat intervals to go on where it was, before it starts anew: the reason may
# pass (the gateway still takes the old line for alive), and only who goes on is told everything.
PATIENCE_INTERVALS: Final = 2
REJECTED_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to quote. With a position the price moves against it by `skew` per unit; prices are multiples of `tick`."""

    instrument_id: int
    mmp_group_id: int
    price: Decimal
    tick: Decimal
    half_spread: Decimal
    quantity: Decimal
    skew: Decimal

    def entry(self, position: Decimal) -> QuoteEntry:
        middle = self.price - (self.skew * position / self.tick).to_integral_value() * self.tick
        return QuoteEntry(
            instrument_id=self.instrument_id,
            bid_price=middle - self.half_spread,
            bid_quantity=self.quantity,
            bid_flags=OrderFlags.POST_ONLY,
            ask_price=middle + self.half_spread,
            ask_quantity=self.quantity,
            ask_flags=OrderFlags.POST_ONLY,
        )


class Maker:
    """Quotes, and starts over after each loss of the line, until it is cancelled."""

    def __init__(self, client: Client, plan: Plan) -> None:
        self._client = client
        self._plan = plan
        self._counted: dict[Quote, Decimal] = {}  # what of each quote's fills is in the position
        self._request: Request | None = None
        self._stale = False
        self._patience_s = 0
        self.position = Decimal(0)
        self.uncertain = Decimal(0)  # at most so much more may have been bought or sold, untold for good
        client.subscribe(self._heard)

    async def run(self) -> None:
        """Raises LogonRefusedError when the very first logon is refused; ends when it is cancelled, logged out."""
        await self._log_on(reset=True)
        try:
            while True:
                try:
                    await self._quote()
                except (ConnectionDownError, SessionStateError) as error:
                    # The line broke while we waited, or has been known to be down before we asked.
                    self._tell("down", reason=str(error))
                    await self._come_back()
        finally:
            if self._client.is_logged_on:
                with suppress(ConnectionDownError, TimeoutError):
                    await self._client.logout("the maker ends")
            self._tell("ended")
            await self._client.close()

    # -- The line ------------------------------------------------------------------------------------------------------

    async def _come_back(self) -> None:
        """Log on again, for as long as it takes."""
        clock = asyncio.get_running_loop().time
        pause_s, patient_until_s = RETRY_FIRST_S, float("inf")
        while True:
            try:
                await self._log_on(reset=clock() > patient_until_s)
                return
            except LogonRefusedError as error:
                if error.retry_after_ms is None:
                    patient_until_s = min(patient_until_s, clock() + self._patience_s)
                else:
                    pause_s = max(pause_s, error.retry_after_ms / 1000)
                self._tell("refused", reason=str(error))
            except (ConnectionDownError, OSError, TimeoutError) as error:
                self._tell("down", reason=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_LAST_S)

    async def _log_on(self, *, reset: bool) -> None:
        confirmed = await self._client.logon(reset=reset)
        self._patience_s = PATIENCE_INTERVALS * confirmed.heartbeat_interval_s
        await self._client.until(lambda: not self._client.core.has_gap)
        # Only after a reset: cancelled with the line, but how much of it filled before that is lost.
        for held in self._client.forget_doubtful():
            self.uncertain += held.remaining or 0
        if self._request is not None and self._request.state is RequestState.UNKNOWN:
            self.uncertain += self._plan.quantity
        self._tell("left", reset=reset)

    # -- Quoting -------------------------------------------------------------------------------------------------------

    async def _quote(self) -> None:
        """Quote once, and wait for a reason to quote again: a quote has filled or is gone."""
        self._counted = {quote: filled for quote, filled in self._counted.items() if quote.is_live}
        self._stale = False
        request = self._client.mass_quote(self._plan.mmp_group_id, [self._plan.entry(self.position)])
        self._request = request
        await self._client.until(lambda: not request.is_pending)
        if isinstance(request.answer, MassQuoteRejected | RequestRejected):
            self._tell("rejected", reason=request.answer.reason, details=request.answer.details)
            await self._client.until(lambda: self._plan.mmp_group_id not in self._client.frozen_groups)
            await asyncio.sleep(REJECTED_PAUSE_S)
        else:
            self._tell("holds")
            await self._client.until(lambda: self._stale)

    # -- What it has ---------------------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        if isinstance(event, Receipt):
            self._check(event)
        elif isinstance(event, QuoteFilled | QuoteCanceled):
            self._count(event.quote)
            self._stale = True
            self._tell("holds")

    def _check(self, receipt: Receipt) -> None:
        """The gateway's word of what it did to our quotes; the client has held it against the cancels that we read."""
        self._tell(
            "receipt",
            cause=receipt.cause.name,
            cancelled=receipt.cancelled_count,
            verified=receipt.verified,
            faults=receipt.faults,
            time_to_safe_us=receipt.time_to_safe_ns // 1000,
            time_to_reported_us=receipt.time_to_reported_ns // 1000,
        )

    def _count(self, quote: Quote) -> None:
        """Take into the position what of the quote is not in it yet."""
        filled = quote.total_filled - self._counted.get(quote, 0)
        self._counted[quote] = quote.total_filled
        if quote.side is None:
            # The answer that told its side is lost: only after a reset.
            self.uncertain += filled
        else:
            self.position += filled * quote.side

    def _tell(self, event: str, **more: Any) -> None:
        """One line: what stands as [orderId, side, price, remaining], and the position."""
        quotes = [
            [quote.order_id, quote.side.name if quote.side else None, _plain(quote.price), _plain(quote.remaining)]
            for quote in self._client.quotes.values()
        ]
        position = {"position": _plain(self.position), "uncertain": _plain(self.uncertain)}
        print(json.dumps({"event": event, "quotes": quotes} | position | more), flush=True)


def _plain(amount: Decimal | None) -> str | None:
    """Without an exponent, and without zeros at the end."""
    return None if amount is None else f"{amount.normalize():f}"


async def _run(client: Client, plan: Plan) -> None:
    task = asyncio.ensure_future(Maker(client, plan).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def run(options: argparse.Namespace) -> int:
    """Make a market until SIGTERM or SIGINT. The secret is asked for, or read from standard input: one line."""
    secret = getpass.getpass("secret: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    client = Client(options.host, options.port, client_id=options.client_id, secret=secret, receipts=True)
    plan = Plan(
        instrument_id=options.instrument,
        mmp_group_id=options.mmp_group,
        price=options.price,
        tick=options.tick,
        half_spread=options.half_spread,
        quantity=options.quantity,
        skew=options.skew,
    )
    asyncio.run(_run(client, plan))
    return 0
