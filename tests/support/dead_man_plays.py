"""How a request to the dead man's switch and its answer come onto the wire."""

from typing import Any
from unittest.mock import ANY

from support.play import Play

PORTFOLIO = 1
ACCEPTED, STALE = 0, 3
TIMEOUT_MS = 3_600_000


def switch(play: Play) -> None:
    ask: dict[str, Any] = {"correlationId": 8, "timeoutMs": TIMEOUT_MS, "armSequence": 5, "scope": PORTFOLIO}
    told: dict[str, Any] = {"correlationId": 8, "armSequence": 5, "currentTime": ANY}
    play.send("CancelAllAfterRequest", ask)
    on = play.told(("CancelAllAfterResponse", told | {"status": ACCEPTED, "armed": 1, "triggerTime": ANY}))
    assert on.fields["currentTime"] == on.header["sendTimeNs"]
    assert on.fields["triggerTime"] == on.fields["currentTime"] + TIMEOUT_MS * 1_000_000
    trigger_time = on.fields["triggerTime"]
    play.send("CancelAllAfterRequest", ask)
    play.told(("CancelAllAfterResponse", told | {"status": STALE, "armed": 1, "triggerTime": trigger_time}))
    play.send("CancelAllAfterRequest", ask | {"timeoutMs": 0, "armSequence": None})
    off = {"status": ACCEPTED, "armed": 0, "triggerTime": None, "armSequence": None}
    play.told(("CancelAllAfterResponse", told | off))


PLAYS = {"CancelAllAfterRequest": switch, "CancelAllAfterResponse": switch}
