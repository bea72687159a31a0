"""The dead man's switch of the portfolio as a session sets it and is told of it (4020, 4021)."""

from __future__ import annotations

from collections.abc import Callable

from codec.layout import CancelAllAfterStatus
from codec.values import Message
from gateway.client_events import DeadManSwitchStatus, Event
from gateway.client_requests import Requests
from gateway.client_state import RequestState
from gateway.client_values import Fields


class DeadManSwitch:
    """What was last told of the switch, and the series of armSequences of this session's requests.

    `status` is None before the first answer, and again when messages were lost. Other sessions of the portfolio may
    have set the switch since.
    """

    def __init__(self, requests: Requests) -> None:
        self.status: DeadManSwitchStatus | None = None
        self._last_arm_sequence = 0
        self._requests = requests
        self.handlers: dict[str, Callable[[Message, int], list[Event]]] = {"CancelAllAfterResponse": self._answered}

    # -- Commands ------------------------------------------------------------------------------------------------------

    def next_arm_sequence(self, now: int) -> int:
        """Above every one taken here before; from the time, so that it is above those of other sessions as well."""
        self._last_arm_sequence = max(now, self._last_arm_sequence + 1)
        return self._last_arm_sequence

    def doubt(self) -> None:
        """Messages are lost for good: nothing is known."""
        self.status = None

    # -- Events --------------------------------------------------------------------------------------------------------

    def _answered(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        status = CancelAllAfterStatus(fields["status"])
        state = RequestState.ACCEPTED if status is CancelAllAfterStatus.ACCEPTED else RequestState.REJECTED
        self.status = DeadManSwitchStatus(
            received_time_ns=now,
            message=message,
            status=status,
            armed=bool(fields["armed"]),
            current_time_ns=fields["current_time"],
            trigger_time_ns=fields["trigger_time"],
            arm_sequence=fields["arm_sequence"],
            request=self._requests.answered("CancelAllAfterRequest", fields["correlation_id"], state),
        )
        return [self.status]
