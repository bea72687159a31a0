"""The requests of a session that wait for their answers.

An answer finds its request by what it echoes: the clientOrderId of a new order, else the correlationId. Where several
wait with the same, the oldest is meant, for the gateway answers in the order in which it is asked.
"""

from __future__ import annotations

from collections import deque

from gateway.client_events import Event
from gateway.client_state import Request, RequestState

# Answered by the same messages as the other.
_ANSWERED_LIKE = {"CancelOrderByIdRequest": "CancelOrderRequest", "MassQuoteCancelRequest": "MassCancelRequest"}

_Key = tuple[str, int]


class Requests:
    """What waits, by the number it was sent under and by what its answer will echo."""

    def __init__(self) -> None:
        self._by_number: dict[int, Request] = {}
        self._by_key: dict[_Key, deque[Request]] = {}
        self._settled: Request | None = None  # by the message that is being taken in

    # -- Queries -------------------------------------------------------------------------------------------------------

    def awaits_entry(self, client_order_id: int) -> bool:
        """Whether the answer to a new order with that id is still to come."""
        return ("NewOrderRequest", client_order_id) in self._by_key

    # -- Events --------------------------------------------------------------------------------------------------------

    def sent(self, request: Request) -> None:
        self._by_number[request.sequence_number] = request
        self._by_key.setdefault(_key_of(request), deque()).append(request)

    def answered(self, name: str, echo: int | None, state: RequestState) -> Request | None:
        """The request that a message answers, which is settled so; None when it answers none of ours."""
        waiting = None if echo is None else self._by_key.get((name, echo))
        if waiting is None:
            return None
        request = self._settled = waiting[0]
        self._settle(request, state)
        return request

    def keep_answer(self, event: Event) -> None:
        """The first event of a message is what it answers a request with, if it answers one."""
        if self._settled is not None:
            self._settled.answer = event
            self._settled = None

    def refused(self, sequence_number: int) -> Request | None:
        """A Reject(30) has named the message with that number."""
        request = self._settled = self._by_number.get(sequence_number)
        if request is not None:
            self._settle(request, RequestState.REJECTED)
        return request

    def not_received(self, from_number: int, before_number: int) -> list[Request]:
        """What waits and was sent under these numbers has never reached the gateway: it is settled so."""
        lost = [request for number, request in self._by_number.items() if from_number <= number < before_number]
        for request in lost:
            self._settle(request, RequestState.NOT_RECEIVED)
        return lost

    def doubt(self, sent_before: int | None) -> None:
        """Answers are lost for good: of requests with lower numbers, or with any."""
        for request in list(self._by_number.values()):
            if sent_before is None or request.sequence_number < sent_before:
                self._settle(request, RequestState.UNKNOWN)

    def abandon(self, name: str) -> None:
        """The answers to requests of this name are lost for good."""
        for request in [request for request in self._by_number.values() if request.name == name]:
            self._settle(request, RequestState.UNKNOWN)

    # -- State ---------------------------------------------------------------------------------------------------------

    def _settle(self, request: Request, state: RequestState) -> None:
        request.state = state
        del self._by_number[request.sequence_number]
        key = _key_of(request)
        waiting = self._by_key[key]
        waiting.remove(request)
        if not waiting:
            del self._by_key[key]


def _key_of(request: Request) -> _Key:
    if request.name == "NewOrderRequest" and request.order is not None:
        return request.name, request.order.client_order_id
    return _ANSWERED_LIKE.get(request.name, request.name), request.correlation_id
