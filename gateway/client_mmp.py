"""Market-maker protection as a session is told of it: what is frozen, and until when."""

from __future__ import annotations

from collections.abc import Callable

from codec.layout import MmpTriggerType
from codec.values import Message
from gateway.client_events import (
    Event,
    MassQuoteMmpStatus,
    MassQuoteMmpTriggered,
    MassQuoteMmpUnfrozen,
    MmpStatusRejected,
    OrdersMmpStatus,
    OrdersMmpTriggered,
    OrdersMmpUnfrozen,
)
from gateway.client_requests import Requests
from gateway.client_state import RequestState
from gateway.client_values import Fields


class Freezes:
    """What is known to be frozen: time of the end in ns, of `quotes` by MMP group, of `orders` by currency pair.

    What is not in them is not frozen, or messages that said so were lost (MessagesLost, a logon with reset); then the
    status requests tell.
    """

    def __init__(self, requests: Requests) -> None:
        self.quotes: dict[int, int] = {}
        self.orders: dict[int, int] = {}
        self._requests = requests
        self.handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            "MassQuoteMmpTriggered": self._quotes_triggered,
            "OrdersMmpTriggered": self._orders_triggered,
            "MassQuoteMmpUnfrozen": self._quotes_unfrozen,
            "OrdersMmpUnfrozen": self._orders_unfrozen,
            "GetMassQuoteMmpStatusResponse": self._quotes_status,
            "GetMassQuoteMmpStatusReject": self._status_reject,
            "GetOrdersMmpStatusResponse": self._orders_status,
            "GetOrdersMmpStatusReject": self._status_reject,
        }

    # -- Commands ------------------------------------------------------------------------------------------------------

    def doubt(self) -> None:
        """Messages are lost for good: nothing is known."""
        self.quotes.clear()
        self.orders.clear()

    # -- Events --------------------------------------------------------------------------------------------------------

    def _quotes_triggered(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        self.quotes[fields["mmp_group_id"]] = fields["frozen_until"]
        return [
            MassQuoteMmpTriggered(
                received_time_ns=now, message=message, mmp_group_id=fields["mmp_group_id"], **_levels(fields)
            )
        ]

    def _orders_triggered(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        self.orders[fields["currency_pair_id"]] = fields["frozen_until"]
        return [
            OrdersMmpTriggered(
                received_time_ns=now, message=message, currency_pair_id=fields["currency_pair_id"], **_levels(fields)
            )
        ]

    def _quotes_unfrozen(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        group, correlation_id = fields["mmp_group_id"], fields["correlation_id"]
        self.quotes.pop(group, None)
        return [
            MassQuoteMmpUnfrozen(
                received_time_ns=now, message=message, mmp_group_id=group, correlation_id=correlation_id
            )
        ]

    def _orders_unfrozen(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        pair, correlation_id = fields["currency_pair_id"], fields["correlation_id"]
        self.orders.pop(pair, None)
        return [
            OrdersMmpUnfrozen(
                received_time_ns=now, message=message, currency_pair_id=pair, correlation_id=correlation_id
            )
        ]

    def _quotes_status(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered(
            "GetMassQuoteMmpStatusRequest", fields["correlation_id"], RequestState.ACCEPTED
        )
        status = MassQuoteMmpStatus(
            received_time_ns=now,
            message=message,
            mmp_group_id=fields["mmp_group_id"],
            frozen_until_ns=fields["frozen_until_time"],
            request=request,
        )
        _note(self.quotes, status.mmp_group_id, status.frozen_until_ns)
        return [status]

    def _orders_status(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("GetOrdersMmpStatusRequest", fields["correlation_id"], RequestState.ACCEPTED)
        status = OrdersMmpStatus(
            received_time_ns=now,
            message=message,
            currency_pair_id=fields["currency_pair_id"],
            frozen_until_ns=fields["frozen_until_time"],
            request=request,
        )
        _note(self.orders, status.currency_pair_id, status.frozen_until_ns)
        return [status]

    def _status_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        name = message.name.replace("Reject", "Request")
        request = self._requests.answered(name, fields["correlation_id"], RequestState.REJECTED)
        rejected = MmpStatusRejected(received_time_ns=now, message=message, reason=fields["reason"], request=request)
        return [rejected]


def _levels(fields: Fields) -> Fields:
    return {
        "frozen_until_ns": fields["frozen_until"],
        "quantity_level": fields["quantity_level"],
        "delta_level": fields["delta_level"],
        "vega_level": fields["vega_level"],
        "trigger": MmpTriggerType(fields["trigger"]),
    }


def _note(frozen: dict[int, int], key: int, until_ns: int | None) -> None:
    if until_ns is None:
        frozen.pop(key, None)
    else:
        frozen[key] = until_ns
