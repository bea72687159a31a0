"""How the messages of the session come onto the wire."""

from collections.abc import Iterator
from unittest.mock import ANY

from support.frames import (
    response,
)
from support.message_index import check_frame
from support.play import Play

HEARTBEAT_INTERVAL_S = 60


def logon(play: Play) -> None:
    play.seen.append("Logon")
    fields: dict[str, int] = {"heartbeatIntervalSeconds": HEARTBEAT_INTERVAL_S}
    if play.version >= 12:
        fields["schemaVersion"] = play.version
    # Of the streams that a Logon with resetSeqNum begins nothing was processed before.
    frame = play.maker.frames[0]
    check_frame(frame, fields, play.version, number=1, processed=0)
    play.seen.append(frame.name)


def logout(play: Play) -> None:
    play.send("Logout", {"reason": "done-for-today"})
    play.told(("LoggedOut", {"reason": "logout"}))
    assert play.maker.to_the_end() == []


def liveness(play: Play) -> None:
    play.send("Heartbeat", {"correlationId": 0})
    play.send("TestRequest", {"correlationId": 4711})
    play.told(("Heartbeat", {"correlationId": 4711}))


def resend(play: Play) -> None:
    request, order_id = play.rest(1)
    play.send("ResendRequest", {"fromSequenceNumber": 1, "toSequenceNumber": 0})
    fill_in = play.maker.frame("GapFill")
    assert (fill_in.number, fill_in.resent, fill_in.fields) == (1, True, {"newSequenceNumber": 2})
    assert (fill_in.header["version"], len(fill_in.raw)) == (0, 40)
    play.seen.append("GapFill")
    first = play.maker.frames[1]
    again = play.maker.frame("NewOrderResponse")
    assert again.plain == response(request, order_id)
    assert again.raw == first.raw[:1] + b"\x01" + first.raw[2:]


def reject(play: Play) -> None:
    rejected = play.rejected("messageTypeId at offset 4: wanted the id of a message, was 999")
    play.maker.send("Heartbeat", {"messageTypeId": 999, "version": play.version}, correlationId=0)
    play.told(rejected)


def silence(play: Play) -> Iterator[None]:
    """A client that says nothing, on a gateway with a heartbeat interval of a second."""
    play.maker.shows_heartbeats = True
    play.maker.do("answer", "tests=0 heartbeats=0")
    yield
    play.told(("Heartbeat", {"correlationId": 0}))
    play.told(("TestRequest", {"correlationId": ANY}))
    play.told(("LoggedOut", {"reason": "heartbeat missed"}))


PLAYS = {
    "Logon": logon,
    "LogonConf": logon,
    "Logout": logout,
    "LoggedOut": logout,
    "Heartbeat": liveness,
    "ResendRequest": resend,
    "GapFill": resend,
    "Reject": reject,
}
SLOW_PLAYS = {"TestRequest": silence}
