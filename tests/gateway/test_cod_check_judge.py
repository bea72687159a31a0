"""Verdicts as functions of what was seen: each way of being wrong is found, and nothing else is."""

import struct
from typing import Any

import pytest
import xxhash

from codec.layout import CancelOnDisconnectScope, CancelReason, Cause
from codec.values import Decimal72, Message
from codec.wire import decode, encode
from gateway.cod_check_judge import (
    digest_of,
    judge_always,
    judge_cancels,
    judge_last_flags,
    judge_race,
    judge_receipt,
    judge_same_frames,
)
from gateway.cod_check_record import DROP_COPY, LINE, Ledger, Record, Sighting
from gateway.cod_check_verdict import Finding

RESEND = 1


def lots(count: int) -> Decimal72:
    return Decimal72(count * 10**9, -9)


def message(name: str, number: int, fields: dict[str, Any], *, resent: bool = False) -> Message:
    return decode(encode(name, fields, sequence_number=number, flags=RESEND * resent))


def sighting(name: str, number: int, *, where: str = LINE, resent: bool = False, **fields: Any) -> Sighting:
    return Sighting(time_ns=number, part="maker", where=where, message=message(name, number, fields, resent=resent))


def accepted(order_id: int, number: int, **changed: Any) -> Sighting:
    fields = {
        "exec_id": number,
        "client_order_id": 100 + order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "price": 5,
        "quantity": lots(3),
        "total_filled": lots(0),
        "status": 1,
        "side": 1,
    }
    return sighting("NewOrderResponse", number, **(fields | changed))


def filled(order_id: int, number: int, quantity: int, total: int) -> Sighting:
    entry = {"order_id": order_id, "instrument_id": 1, "fill_qty": lots(quantity), "total_filled": lots(total)}
    return sighting("OrderFilled", number, exec_id=number, fills=[{**entry, "side": 1, "price": 5}])


def entry(order_id: int, **changed: Any) -> dict[str, Any]:
    told = {
        "client_order_id": 100 + order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "total_filled": lots(0),
        "cancel_reason": 7,
        "flags": 0,
    }
    return told | changed


def cancelled(number: int, *entries: dict[str, Any], last: int = 1, **changed: Any) -> Sighting:
    fields = {"exec_id": 9, "timestamp": 99, "flags": last, "orders": list(entries)}
    return sighting("OrdersCanceled", number, **(fields | changed))


def cancels(*seen: Sighting, **arguments: Any) -> list[Finding]:
    expected = arguments.pop("expected", {1: "ask", 2: "bid"})
    return judge_cancels(Ledger(seen), expected, CancelReason.CLIENT_DISCONNECT, **arguments)


OPEN = (accepted(1, 1), accepted(2, 2))


# Cancels


def test_orders_that_were_cancelled_once_in_one_event_are_as_promised() -> None:
    assert cancels(*OPEN, cancelled(3, entry(1), last=0), cancelled(4, entry(2))) == []


def test_the_same_event_seen_on_the_line_resent_and_in_drop_copy_is_one() -> None:
    told = {"exec_id": 9, "timestamp": 99, "flags": 1, "orders": [entry(1), entry(2)]}
    again = [
        sighting("OrdersCanceled", 3, **told),
        sighting("OrdersCanceled", 3, where=DROP_COPY, **told),
        sighting("OrdersCanceled", 3, resent=True, **told),
    ]
    assert cancels(*OPEN, *again) == []


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((cancelled(3, entry(1)),), [Finding("OrdersCanceled.orders", "bid (orderId 2)", "no such entry")]),
        (
            (cancelled(3, entry(1), entry(2)), cancelled(4, entry(2), exec_id=10)),
            [Finding("OrdersCanceled.orders", "bid once", "2 entries")],
        ),
        (
            (cancelled(3, entry(1)), cancelled(4, entry(2), exec_id=10)),
            [
                Finding(
                    "OrdersCanceled.execId and timestamp",
                    "the same in each frame of the event",
                    "execId 9 at 99, execId 10 at 99",
                )
            ],
        ),
        (
            (cancelled(3, entry(1), entry(2), entry(3)),),
            [Finding("OrdersCanceled.orders.orderId", "an order of the session", "3")],
        ),
        (
            (cancelled(3, entry(1, client_order_id=1), entry(2, instrument_id=8)),),
            [
                Finding("OrdersCanceled.orders.clientOrderId of ask", "101", "1"),
                Finding("OrdersCanceled.orders.instrumentId of bid", "1", "8"),
            ],
        ),
        (
            (cancelled(3, entry(1, cancel_reason=3), entry(2, flags=1)),),
            [
                Finding("OrdersCanceled.orders.cancelReason of ask", "CLIENT_DISCONNECT", "ADMIN"),
                Finding("OrdersCanceled.orders.flags.isQuote of bid", "False", "True"),
            ],
        ),
        (
            (filled(1, 3, 2, 2), cancelled(4, entry(1), entry(2))),
            [Finding("OrdersCanceled.orders.totalFilled of ask", "2", "0")],
        ),
    ],
    ids=["left out", "twice", "two events", "unknown order", "wrong ids", "wrong reason and flags", "wrong filled"],
)
def test_what_is_wrong_with_cancels(seen: tuple[Sighting, ...], expected: list[Finding]) -> None:
    assert cancels(*OPEN, *seen) == expected


def test_an_order_on_the_way_that_was_accepted_must_be_cancelled_too() -> None:
    late = accepted(3, 3)
    assert cancels(*OPEN, late, cancelled(4, entry(1), entry(2), entry(3))) == []
    assert cancels(*OPEN, late, cancelled(4, entry(1), entry(2))) == [
        Finding("OrdersCanceled.orders", "order 3 (orderId 3)", "no such entry")
    ]
    assert cancels(*OPEN, late, cancelled(4, entry(1), entry(2)), later={3}) == []


def test_an_order_outside_the_scope_must_not_be_cancelled() -> None:
    seen = (*OPEN, cancelled(3, entry(1), entry(2)))
    assert cancels(*seen, expected={1: "ask"}, before={1: 0, 2: 0}) == [
        Finding("OrdersCanceled.orders", "no entry of orderId 2", "one")
    ]
    assert cancels(*seen, expected={1: "ask"}, before={1: 0, 2: 1}) == []


def test_only_the_last_frame_of_an_event_says_that_it_is_the_last() -> None:
    good = [cancelled(3, entry(1), last=0), cancelled(4, entry(2)), cancelled(5, entry(3), exec_id=10)]
    bad = [cancelled(3, entry(1)), cancelled(4, entry(2))]
    assert judge_last_flags(good, 9) == []
    assert judge_last_flags(bad, 9) == [
        Finding("OrdersCanceled.flags.isLastMessage of each frame", "[False, True]", "[True, True]")
    ]


def test_what_a_taker_got_in_a_race_is_what_the_session_was_told() -> None:
    before, after = Ledger(OPEN), Ledger((*OPEN, filled(1, 3, 2, 2), cancelled(4, entry(1, total_filled=lots(2)))))
    assert judge_race(before, after, 2 * 10**9) == []
    assert judge_race(before, after, 3 * 10**9) == [
        Finding("fills told to the session that ended", "3, as the taker had", "2")
    ]


# What must hold in every scenario


def judged(*seen: Sighting) -> list[Finding]:
    record = Record()
    for one in seen:
        record.add(one)
    return judge_always(record)


def test_an_order_that_trades_after_its_cancel_was_told() -> None:
    assert judged(accepted(1, 1), filled(1, 2, 1, 1), cancelled(3, entry(1, total_filled=lots(1)))) == []
    assert judged(accepted(1, 1), cancelled(2, entry(1)), filled(1, 3, 2, 2)) == [
        Finding("OrderFilled.fills", "no fill of orderId 1 after its cancel was told", "2")
    ]


def test_a_cancel_that_one_line_told_twice() -> None:
    assert judged(accepted(1, 1), cancelled(2, entry(1)), cancelled(3, entry(1))) == [
        Finding("OrdersCanceled.orders", "orderId 1 of maker once", "told again")
    ]


# Receipts


def receipt(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "client_id": "maker-1",
        "cause": int(Cause.TCP_CLOSED),
        "scope": 0,
        "last_heard_time": 10,
        "detected_time": 20,
        "fenced_time": 20,
        "completed_time": 30,
        "bound_count": 3,
        "cancelled_count": 2,
        "filled_count": 0,
        "exempt_count": 1,
        "unconfirmed_count": 0,
        "first_sequence_number": 3,
        "last_sequence_number": 4,
        "digest": digest_of([entry(1), entry(2)]),
    }
    return fields | changed


def judged_receipt(
    told: dict[str, Any], *frames: Sighting, scope: CancelOnDisconnectScope = CancelOnDisconnectScope.SESSION
) -> list[Finding]:
    return judge_receipt(
        told,
        frames or [cancelled(3, entry(1), last=0), cancelled(4, entry(2))],
        client_id="maker-1",
        cause=Cause.TCP_CLOSED,
        scope=scope,
        exempt_count=1,
    )


def test_a_receipt_that_adds_up() -> None:
    assert judged_receipt(receipt()) == []


@pytest.mark.parametrize(
    ("changed", "field", "expected", "got"),
    [
        ({"client_id": "maker-2"}, ".clientId", "maker-1", "maker-2"),
        ({"cause": 2}, ".cause", "TCP_CLOSED", "TCP_RESET"),
        ({"scope": 1}, ".scope", "SESSION", "PORTFOLIO"),
        ({"bound_count": 4}, ".boundCount", "3", "4"),
        ({"first_sequence_number": 1}, ".firstSequenceNumber", "3", "1"),
        ({"last_sequence_number": None}, ".lastSequenceNumber", "4", "None"),
        ({"digest": 1}, ".digest", f"{digest_of([entry(1), entry(2)]):#018x}", "0x0000000000000001"),
        (
            {"detected_time": 5},
            "",
            "lastHeardTime <= detectedTime <= fencedTime <= completedTime",
            "[10, 5, 20, 30]",
        ),
    ],
)
def test_a_receipt_that_is_wrong(changed: dict[str, Any], field: str, expected: str, got: str) -> None:
    assert judged_receipt(receipt(**changed)) == [Finding(f"CancelOnDisconnectReceipt{field}", expected, got)]


def test_who_lives_on_may_be_heard_after_another_s_line_was_lost() -> None:
    told = receipt(scope=1, last_heard_time=22, detected_time=20, fenced_time=25)
    assert judged_receipt(told, scope=CancelOnDisconnectScope.PORTFOLIO) == []


@pytest.mark.parametrize(
    ("changed", "expected", "got"),
    [
        ({"last_heard_time": 31}, "lastHeardTime <= completedTime", "[31, 30]"),
        ({"fenced_time": 19}, "detectedTime <= fencedTime <= completedTime", "[20, 19, 30]"),
    ],
)
def test_times_of_an_account_wide_fire_that_run_backwards(changed: dict[str, Any], expected: str, got: str) -> None:
    told = receipt(scope=1, **changed)
    assert judged_receipt(told, scope=CancelOnDisconnectScope.PORTFOLIO) == [
        Finding("CancelOnDisconnectReceipt", expected, got)
    ]


def test_a_receipt_that_counts_what_was_not_told() -> None:
    assert judged_receipt(receipt(cancelled_count=3, exempt_count=0)) == [
        Finding("CancelOnDisconnectReceipt.cancelledCount", "2", "3"),
        Finding("CancelOnDisconnectReceipt.exemptCount", "1", "0"),
    ]


def test_the_digest_is_that_of_the_page() -> None:
    told = [entry(5, total_filled=lots(2)), entry(6, cancel_reason=3)]
    packed = struct.pack("<qqb", 5, 2 * 10**9, 7) + struct.pack("<qqb", 6, 0, 3)
    assert digest_of(told) == xxhash.xxh64(packed, seed=0).intdigest()


# The same frames again


def test_a_frame_that_is_told_again_with_other_content() -> None:
    live = [cancelled(3, entry(1)), cancelled(4, entry(2))]
    assert judge_same_frames(live, live) == []
    assert judge_same_frames(live, live[:1]) == [Finding("message 4", "OrdersCanceled, as drop copy had it", "none")]
    (finding,) = judge_same_frames(live[:1], [cancelled(3, entry(2))])
    assert (finding.where, finding.expected == finding.got) == ("message 3", False)
