from enum import IntEnum
from typing import Any, NamedTuple, Self

from typing_extensions import disjoint_base

from gateway.stream import Stream

class LinkState(IntEnum):
    LINK_LOGON = 0
    LINK_WAITING = 1
    LINK_LIVE = 2
    LINK_CLOSING = 3
    LINK_CLOSED = 4

class LinkClosing(IntEnum):
    CLOSING_NOT = 0
    CLOSING_POLITELY = 1
    CLOSING_ABORT = 2

class SessionState(IntEnum):
    SESSION_VACANT = 0
    SESSION_LIVE = 1
    SESSION_ENDING = 2
    SESSION_LOST = 3

class ListingState(IntEnum):
    LISTING_NOT = 0
    LISTING_IS_READY = 1
    LISTING_WAITS = 2

@disjoint_base
class Link:
    state: int
    closing: int
    session: Session | None
    farewell: bytes
    logon: Any
    ending: Any
    connected_judged_ns: int
    deadline: Any
    end_cause: int
    @property
    def dropped_requests(self) -> int: ...
    @property
    def is_held_up(self) -> bool: ...
    @property
    def pending_bytes(self) -> bytes: ...

@disjoint_base
class Session:
    portfolio_cancel: bool
    covers_all: bool
    cover_is_fixed: bool
    portfolio_armed: bool
    is_canary: bool
    watchers: list[Session]
    state: int
    link: Link | None
    newcomer: Link | None
    ending: Any
    fires: list[Any]
    options: int
    reissued_bytes: int
    version: int
    epoch: int
    expected_number: int
    last_processed: int
    heard_ns: int
    heard_judged_ns: int
    probed_judged_ns: int
    spoke_ns: int
    replay_ref_number: int
    replay_told_number: int
    dirty: bool
    listing: int
    @property
    def slot(self) -> int: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_id_wire(self) -> bytes: ...
    @property
    def portfolio_id(self) -> int: ...
    @property
    def drop_copy(self) -> bool: ...
    @property
    def stream(self) -> Stream: ...
    def __new__(
        cls,
        slot: int,
        client_id: str,
        portfolio_id: int,
        drop_copy: bool,
        stream: Stream,
        dirty_sessions: list[Session],
    ) -> Self: ...
    def send_logon_conf(self, heartbeat_interval_s: int, last_processed: int, now: int) -> int: ...
    def send_logged_out(self, text: bytes, now: int) -> int: ...
    def send_heartbeat(self, correlation_id: int, now: int) -> int: ...
    def send_test_request(self, correlation_id: int, now: int) -> int: ...
    def send_reject(self, ref_number: int, reason: int, details: bytes, now: int) -> int: ...
    def reissue(self, frame: bytes, now: int) -> int: ...
    def cancels(self, first_number: int, last_number: int, exec_id: int) -> list[bytes]: ...
    def tell_lost(self, now: int) -> bool: ...

class Census(NamedTuple):
    vacant: int
    live: int
    ending: int
    lost: int
    unsent_bytes: int

def logged_out(text: bytes, now: int) -> bytes: ...
def census(sessions: list[Session]) -> Census: ...
