"""What is wrong with what was seen: verdicts of `breakwire cod-check` as functions of the record, without any line."""

import struct
from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from codec.layout import CancelOnDisconnectScope, CancelReason, Cause, MultiPartEventFlags
from codec.wire import xxh64
from gateway.client_values import from_mantissa
from gateway.cod_check_record import Ledger, OrderFacts, Record, Sighting, amount, told_twice
from gateway.cod_check_verdict import Finding

_DIGEST_ENTRY: Final = struct.Struct("<qqb")
_RECEIPT_TIMES: Final = {
    "lastHeardTime": "last_heard_time",
    "detectedTime": "detected_time",
    "fencedTime": "fenced_time",
    "completedTime": "completed_time",
}
# A session whose orders die with another's line lives on, and may be heard between the loss and the end of its grace.
_TIMES_IN_ORDER: Final = {
    CancelOnDisconnectScope.SESSION: (tuple(_RECEIPT_TIMES),),
    CancelOnDisconnectScope.PORTFOLIO: (
        ("detectedTime", "fencedTime", "completedTime"),
        ("lastHeardTime", "completedTime"),
    ),
}


def judge_cancels(
    ledger: Ledger,
    expected: Mapping[int, str],
    reason: CancelReason,
    *,
    before: Mapping[int, int] = MappingProxyType({}),
    later: Collection[int] = (),
) -> list[Finding]:
    """Whether each order was cancelled once, rightly, by one event, and no other was.

    Orders that nobody knew of when the line was cut were on the way: if they were accepted, they must go too.

    Args:
        ledger: of the observer.
        expected: orderIds that were open when the line was cut and must go, with their names.
        reason: the cancelReason that each must have.
        before: every orderId that was known when the line was cut, and how often its cancel had been told.
        later: orderIds that were entered after it.
    """
    findings: list[Finding] = []
    accepted = {
        order.order_id: f"order {order.order_id}"
        for order in ledger.open()
        if order.order_id not in before and order.order_id not in later
    }
    for order_id, name in {**accepted, **expected}.items():
        order = ledger.orders.get(order_id)
        if order is None or not order.cancels:
            findings.append(Finding("OrdersCanceled.orders", f"{name} (orderId {order_id})", "no such entry"))
        else:
            findings.extend(_judge_cancel(name, order, reason))
    events = set()
    for order in ledger.orders.values():
        if order.order_id not in expected and len(order.cancels) > before.get(order.order_id, len(order.cancels)):
            findings.append(Finding("OrdersCanceled.orders", f"no entry of orderId {order.order_id}", "one"))
        if order.cancels and order.order_id in expected:
            events.add((order.cancels[0].exec_id, order.cancels[0].timestamp))
        if order.cancels and not order.quantity and order.order_id not in before:
            findings.append(Finding("OrdersCanceled.orders.orderId", "an order of the session", str(order.order_id)))
    if len(events) > 1:
        shown = ", ".join(f"execId {exec_id} at {timestamp}" for exec_id, timestamp in sorted(events))
        findings.append(Finding("OrdersCanceled.execId and timestamp", "the same in each frame of the event", shown))
    return findings


def _judge_cancel(name: str, order: OrderFacts, reason: CancelReason) -> list[Finding]:
    findings = []
    told = order.cancels[0]
    if len(order.cancels) > 1:
        findings.append(Finding("OrdersCanceled.orders", f"{name} once", f"{len(order.cancels)} entries"))
    wanted: dict[str, tuple[object, object]] = {
        "clientOrderId": (order.client_order_id, told.client_order_id),
        "instrumentId": (order.instrument_id, told.instrument_id),
        "totalFilled": (amount_text(order.total_filled), amount_text(told.total_filled)),
        "cancelReason": (enum_name(CancelReason, reason), enum_name(CancelReason, told.cancel_reason)),
        "flags.isQuote": (order.is_quote, told.is_quote),
    }
    for field, (expected, got) in wanted.items():
        if expected != got:
            findings.append(Finding(f"OrdersCanceled.orders.{field} of {name}", str(expected), str(got)))
    return findings


def judge_race(before: Ledger, after: Ledger, taken: int) -> list[Finding]:
    """Whether what a taker got while a session was ending is what that session's orders were told to have filled."""
    told = sum(
        order.total_filled - before.orders[order_id].total_filled
        for order_id, order in after.orders.items()
        if order_id in before.orders
    )
    if told == taken:
        return []
    return [
        Finding("fills told to the session that ended", f"{amount_text(taken)}, as the taker had", amount_text(told))
    ]


def judge_last_flags(sightings: Sequence[Sighting], exec_id: int) -> list[Finding]:
    """Whether the last frame of a cancel event, and no other, has isLastMessage. `sightings` are of one line."""
    frames = [one for one in sightings if one.name == "OrdersCanceled" and one.fields["exec_id"] == exec_id]
    flags = [bool(one.fields["flags"] & MultiPartEventFlags.IS_LAST_MESSAGE) for one in frames]
    expected = [position == len(flags) - 1 for position in range(len(flags))]
    if flags == expected:
        return []
    return [Finding("OrdersCanceled.flags.isLastMessage of each frame", str(expected), str(flags))]


def judge_always(record: Record) -> list[Finding]:
    """What must hold in every scenario: no cancel told twice, no order that trades after it was told cancelled."""
    findings = []
    for part in ("maker", "second"):
        for order_id in told_twice(record.of(part)):
            findings.append(Finding("OrdersCanceled.orders", f"orderId {order_id} of {part} once", "told again"))
        for order in record.ledger(part).orders.values():
            if order.filled_after_cancel:
                what = f"no fill of orderId {order.order_id} after its cancel was told"
                findings.append(Finding("OrderFilled.fills", what, amount_text(order.filled_after_cancel)))
    return findings


def judge_receipt(
    receipt: Mapping[str, Any],
    frames: Sequence[Sighting],
    *,
    client_id: str,
    cause: Cause,
    scope: CancelOnDisconnectScope,
    exempt_count: int,
) -> list[Finding]:
    """Whether a receipt says what happened; `frames` are the 310 frames of its fire, as their own stream has them."""
    entries = [entry for frame in frames for entry in frame.fields["orders"]]
    wanted: dict[str, tuple[object, object]] = {
        "clientId": (client_id, receipt["client_id"]),
        "cause": (cause.name, enum_name(Cause, receipt["cause"])),
        "scope": (scope.name, enum_name(CancelOnDisconnectScope, receipt["scope"])),
        "cancelledCount": (len(entries), receipt["cancelled_count"]),
        "exemptCount": (exempt_count, receipt["exempt_count"]),
        "unconfirmedCount": (0, receipt["unconfirmed_count"]),
        "boundCount": (_accounted(receipt), receipt["bound_count"]),
        "firstSequenceNumber": (frames[0].number if frames else None, receipt["first_sequence_number"]),
        "lastSequenceNumber": (frames[-1].number if frames else None, receipt["last_sequence_number"]),
        "digest": (f"{digest_of(entries):#018x}", f"{receipt['digest']:#018x}"),
    }
    findings = [
        Finding(f"CancelOnDisconnectReceipt.{field}", str(expected), str(got))
        for field, (expected, got) in wanted.items()
        if expected != got
    ]
    for names in _TIMES_IN_ORDER[scope]:
        times = [receipt[_RECEIPT_TIMES[name]] for name in names]
        if times != sorted(times):
            findings.append(Finding("CancelOnDisconnectReceipt", " <= ".join(names), str(times)))
    return findings


def digest_of(entries: Sequence[Mapping[str, Any]]) -> int:
    """XXH64 over the entries of the 310 frames, 17 bytes each, as a receipt has it."""
    return xxh64(
        b"".join(
            _DIGEST_ENTRY.pack(entry["order_id"], amount(entry["total_filled"]), entry["cancel_reason"])
            for entry in entries
        )
    )


def judge_barrier(number: int, told: Sequence[Sighting]) -> list[Finding]:
    """Whether a LogonConf with this number came after the cancels of the session before it. `told`: to its connection.

    Not for a Logon with reset: what it finds untold is issued again behind its LogonConf.
    """
    names = ("OrdersCanceled", "CancelOnDisconnectReceipt")
    late = [one for one in told if one.name in names and one.number > number]
    if not late:
        return []
    wanted = f"above {late[-1].number}, that of the last {late[-1].name}"
    return [Finding("LogonConf.sequenceNumber", wanted, str(number))]


def judge_same_frames(live: Sequence[Sighting], told: Sequence[Sighting]) -> list[Finding]:
    """Whether a session's own line brought each frame that drop copy had shown, under its number, with its content."""
    by_number = {one.number: one for one in told}
    findings = []
    for one in live:
        other = by_number.get(one.number)
        if one.name == "CancelOnDisconnectReceipt" and one.number == 0:
            continue  # not in the stream of a session that did not ask for it
        if other is None:
            findings.append(Finding(f"message {one.number}", f"{one.name}, as drop copy had it", "none"))
        elif other.event != one.event:
            got = f"{other.name} {other.fields}"
            findings.append(Finding(f"message {one.number}", f"{one.name} {one.fields}", got))
    return findings


def amount_text(mantissa: int) -> str:
    """A count of 1e-9 as people write it."""
    return format(from_mantissa(mantissa).normalize(), "f")


def _accounted(receipt: Mapping[str, Any]) -> int:
    parts = ("cancelled_count", "filled_count", "exempt_count", "unconfirmed_count")
    return sum(int(receipt[part]) for part in parts)


def enum_name(kind: type[IntEnum], value: int) -> str:
    """The name of a value; the number where it has none."""
    try:
        return kind(value).name
    except ValueError:
        return str(value)
