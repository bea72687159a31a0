"""Receipts as the independent client reads them."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import xxhash

RECEIPTS = 1
"""The option."""


def digest_of(entries: Sequence[Mapping[str, Any]]) -> int:
    """Of entries of OrdersCanceled, in the order in which the frames list them."""
    packed = [
        struct.pack("<qqb", entry["orderId"], entry["totalFilled"][0], entry["cancelReason"]) for entry in entries
    ]
    return xxhash.xxh64_intdigest(b"".join(packed))


def receipt(
    client_id: str,
    cause: int,
    entries: Sequence[Mapping[str, Any]],
    numbers: tuple[int, int] | None,
    *,
    exempt: int = 0,
    **changed: Any,
) -> tuple[str, dict[str, Any]]:
    """The receipt, but for its times, of a key's first connection; `numbers` are the first and the last cancel's."""
    first, last = numbers or (None, None)
    fields = {
        "clientId": client_id,
        "portfolioId": 1,
        "sessionEpoch": 1,
        "cause": cause,
        "scope": 0,
        "boundCount": len(entries) + exempt,
        "cancelledCount": len(entries),
        "filledCount": 0,
        "exemptCount": exempt,
        "unconfirmedCount": 0,
        "firstSequenceNumber": first,
        "lastSequenceNumber": last,
        "digest": digest_of(entries),
    }
    return "CancelOnDisconnectReceipt", fields | changed


def faults_of(fields: Mapping[str, Any], cancels: Sequence[Any]) -> list[str]:
    """What a receipt says that is not so, by the frames of OrdersCanceled that it speaks of."""
    entries = [entry for frame in cancels for entry in frame.fields["orders"]]
    numbers = (cancels[0].number, cancels[-1].number) if cancels else (None, None)
    parts = sum(fields[name] for name in ("cancelledCount", "filledCount", "exemptCount", "unconfirmedCount"))
    times = [fields[name] for name in ("detectedTime", "fencedTime", "completedTime", "timestamp")]
    right = {
        "conservation": fields["boundCount"] == parts,
        "count": fields["cancelledCount"] == len(entries),
        "numbers": (fields["firstSequenceNumber"], fields["lastSequenceNumber"]) == numbers,
        "digest": fields["digest"] == digest_of(entries),
        "times": times == sorted(times) and fields["lastHeardTime"] <= fields["detectedTime"],
        "fence": all(frame.fields["timestamp"] == fields["fencedTime"] for frame in cancels),
        "end": [frame.fields["flags"] & 1 for frame in cancels] == [0] * (len(cancels) - 1) + [1] * bool(cancels),
    }
    return [name for name, holds in right.items() if not holds]
