"""Keeping the dead man's switch of the portfolio set for as long as a program means to trade."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from gateway.client_errors import SwitchRefusedError
from gateway.client_events import DeadManSwitchStatus, Event, LoggedOn
from gateway.client_state import RequestState

if TYPE_CHECKING:
    from gateway.client_asyncio import Client

REFRESHES_PER_TIMEOUT: Final = 3
"""So that two in a row may come late or be lost with a line."""


class KeptArmed:
    """Sets the switch on entry, refreshes it three times per timeout, and turns it off on exit.

        async with client.kept_armed(timeout_ms=3_000):
            ...

    While there is no line nothing is sent, and the switch fires unless the client logs on again in time. A logon sets
    it again at once, also when it has fired meanwhile. An exception that leaves the block leaves the switch set: nobody
    looks after the orders any more, so they go. So they do when the loop hangs or the process dies; a strategy that
    hangs beside a loop that runs has to call `client.cancel_all_after` itself.

    `last` is the gateway's latest answer: a refresh can be refused after the first request was not.
    """

    def __init__(self, client: Client, timeout_ms: int) -> None:
        if timeout_ms < REFRESHES_PER_TIMEOUT:
            raise ValueError(f"timeout_ms: wanted at least {REFRESHES_PER_TIMEOUT}, was {timeout_ms}")
        self._client = client
        self._timeout_ms = timeout_ms
        self._timer: asyncio.TimerHandle | None = None
        self.last: DeadManSwitchStatus | None = None

    async def __aenter__(self) -> Self:
        """Raises SwitchRefusedError, ConnectionDownError, SessionStateError: the switch is not set by this."""
        await self._set(self._timeout_ms)
        self._unsubscribe = self._client.subscribe(self._heard)
        self._plan()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        if kind is None and self._client.is_logged_on:
            await self._set(0)

    async def _set(self, timeout_ms: int) -> None:
        request = self._client.cancel_all_after(timeout_ms)
        await self._client.until(lambda: not request.is_pending, timeout_s=self._timeout_ms / 1000)
        answer = request.answer
        if isinstance(answer, DeadManSwitchStatus):
            self.last = answer
        if request.state is not RequestState.ACCEPTED:
            why = answer.status.name if isinstance(answer, DeadManSwitchStatus) else request.state.value
            raise SwitchRefusedError(f"the dead man's switch is not set to {timeout_ms} ms: {why}")

    def _heard(self, event: Event) -> None:
        if isinstance(event, DeadManSwitchStatus):
            self.last = event
        elif isinstance(event, LoggedOn):
            self._refresh()

    def _refresh(self) -> None:
        if self._client.is_logged_on:
            self._client.cancel_all_after(self._timeout_ms)
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        interval_s = self._timeout_ms / 1000 / REFRESHES_PER_TIMEOUT
        self._timer = asyncio.get_running_loop().call_later(interval_s, self._refresh)
