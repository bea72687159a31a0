"""Every limit of the gateway by name, with its unit, and what must hold between them.

A limit that the operator may set stands in config.py; here is what bounds the setting, and everything that cannot be
set. `check` asserts the relations, on import and in the tests: who changes one number learns which others hang on it.
Compiled modules that need a number in C repeat it in their .pxd, and their tests compare it with the one here.
"""

from typing import Final

from codec.layout import HEADER_SIZE, MESSAGES
from gateway.errors import LimitError

_LAYOUTS: Final = {message.name: message for message in MESSAGES}
_GROUP_DIMENSION_BYTES: Final = 4


def _fixed_bytes(name: str) -> int:
    """Header, root and group dimensions of a message: all that is there when its groups and texts are empty."""
    layout = _LAYOUTS[name]
    data_lengths = sum(data.length_size for data in layout.data)
    return HEADER_SIZE + layout.root_lengths[-1][1] + len(layout.groups) * _GROUP_DIMENSION_BYTES + data_lengths


def _entry_bytes(name: str) -> int:
    """An entry of a message's first group."""
    return _LAYOUTS[name].groups[0].block_length


# Frames -------------------------------------------------------------------------------------------------------------

FRAME_ALIGNMENT_BYTES: Final = 8
MESSAGE_LENGTH_MAX_BYTES: Final = 65_528
"""The largest multiple of 8 that the header's uint16 can say."""
FRAME_SIZE_MAX_OUT_BYTES: Final = 65_448
"""No frame that can reach drop copy is longer, so that it fits inside a DropCopyEvent (protocol 8.1)."""
FRAME_SIZE_MAX_IN_DEFAULT_BYTES: Final = 16_384
FRAME_SIZE_MAX_IN_LEAST_BYTES: Final = 1_024
FRAME_SIZE_MAX_IN_MOST_BYTES: Final = 32_768
DROP_COPY_ENVELOPE_BYTES: Final = _fixed_bytes("DropCopyEvent")
"""What a DropCopyEvent adds to the frame it carries: header, root, length of the frame."""
QUOTES_PER_MASS_QUOTE_MAX: Final = 15
MASS_QUOTE_REQUEST_MAX_BYTES: Final = _fixed_bytes("MassQuoteRequest") + QUOTES_PER_MASS_QUOTE_MAX * _entry_bytes(
    "MassQuoteRequest"
)
"""The longest frame that a client may send."""
ORDERS_CANCELED_ENTRIES_MAX: Final = 1_868
ORDER_FILLED_ENTRIES_MAX: Final = 1_089
OPEN_ORDERS_ENTRIES_MAX: Final = 628
"""Of a list of open orders in one frame, so that it takes no more than half of what the least buffer holds."""
FILLS_PER_ORDER_MAX: Final = 2_000
"""The publisher's limit (protocol 7), also for a mass quote as a whole; what would fill more is closed instead."""
MASS_QUOTE_RESPONSE_FILLS_MAX: Final = 1_944
"""What fits in a MassQuoteResponse behind its entries; further fills follow in further frames."""
MASS_QUOTE_ORDERS_PLACED_FILLS_MAX: Final = 1_979
"""What fits in a MassQuoteOrdersPlaced behind its one order."""
SELF_MATCH_CANCELS_PER_ORDER_MAX: Final = 2_000
"""Resting orders that one order may cancel by self-match prevention; where it would cancel more it is closed."""
NEW_ORDER_RESPONSE_FILLS_MAX_BYTES: Final = 50_134
"""NewOrderResponse with FILLS_PER_ORDER_MAX fills, before padding (protocol 7)."""
TEXT_MAX_BYTES: Final = 255
"""Reason of a LoggedOut, details of a Reject: a uint8 length."""
CLIENT_ID_MAX_BYTES: Final = 16
SECRET_MAX_BYTES: Final = 48

# Reading ------------------------------------------------------------------------------------------------------------

READ_BUFFER_BYTES: Final = 65_536
"""One buffer for all connections; what a read leaves unfinished is kept by its session."""
READ_BUDGET_PER_TURN_BYTES: Final = 65_536
"""What one connection may have read in one turn of the loop before the others had theirs."""
NEWCOMER_BUFFER_BYTES: Final = 65_536
"""Frames behind the Logon of a newcomer that waits for the last cancel of the session it displaces."""
HELD_UP_BUFFER_BYTES: Final = 131_072
"""Frames of a session whose next request has to wait because too many dead orders are in its way."""
HELD_UP_UNREAD_BYTES: Final = 32_768
"""A connection that is held up is read until it has so much pending, and then no further."""
RESUMED_PER_STEP_BYTES: Final = 65_536
"""Frames of sessions that were held up which are processed before something else has its turn."""

# Writing ------------------------------------------------------------------------------------------------------------

BUFFER_LEAST_BYTES: Final = 65_536
"""The least that may be set for any depth or buffer."""
BUFFER_MOST_BYTES: Final = 2**40
CHUNK_BYTES: Final = 65_536
"""Streams are stored and written in pieces of this size."""
SPARE_CHUNKS_MAX: Final = 256
"""Chunks without content that keep their memory."""
WRITE_MAX_BYTES: Final = 262_144
"""What the socket is offered in one write."""
BACKLOG_MARKS_PER_LIMIT: Final = 4
"""How finely the age of unsent bytes is known: in parts of slow_consumer_ms."""
SOCKET_BACKLOG_CONNECTIONS: Final = 4_096

# Counts -------------------------------------------------------------------------------------------------------------

CONNECTIONS_MAX: Final = 20_000
PENDING_LOGONS_MAX: Final = 2_048
"""Connections that have not logged on: one more, and the one that has waited longest is closed. Fewer where
the system lets the process have fewer descriptors: every API key keeps one."""
PENDING_LOGONS_LEAST: Final = 64
DESCRIPTORS_RESERVED: Final = 64
"""For the loop, the listening socket, logs and lines that are being closed."""
ORDERS_MAX: Final = 16_777_216
API_KEYS_MAX: Final = 16_384
PORTFOLIOS_MAX: Final = 16_384
INSTRUMENTS_MAX: Final = 65_536
MMP_GROUPS_MAX: Final = 65_536
MMP_SPANS_PER_INTERVAL: Final = 1_024
"""As finely as the age of an MMP group's fills is known, and one more than that many are remembered one by one."""
MMP_FREEZE_LEAST_MS: Final = 1_000
"""The publisher's shortest freeze (protocol 7); no reset unfreezes a group before it."""
DRAIN_STEP_ORDERS_MOST: Final = 65_536
FLAP_LOSSES_MOST: Final = 1_000
"""So many losses of a key are remembered at most."""
DAYS_PER_ORDER_MAX: Final = 127
"""What timeInForce, an int8, can say."""
SETTLEMENTS_AT_ONCE_MAX: Final = 128
"""Of settlements that have come since the last look no more are counted: no order has days left then."""

# Administration -----------------------------------------------------------------------------------------------------

ADMIN_REQUEST_MAX_BYTES: Final = 4_096
"""One line from an administrator."""
ADMIN_CONNECTIONS_MAX: Final = 8
ADMIN_IDLE_MOST_S: Final = 10.0
"""How long an administrator's connection may say nothing, or not read what it is told."""
ADMIN_ANSWER_MOST_S: Final = 60.0
"""How long `breakwire admin` waits for an answer: as long as it may take to read a large configuration."""
ADMIN_SOCKET_MAX_BYTES: Final = 107
"""What Linux takes for the path of a Unix socket."""
RELOAD_SWITCH_INTERVAL_S: Final = 0.0002
"""How long the thread that reads a configuration may hold up the loop at a time."""
STATUS_ROWS_MAX: Final = 500
"""Rows of the status in one answer, so that none takes long to make."""

# Canary -------------------------------------------------------------------------------------------------------------

RESERVED_ID: Final = 0
"""The id of the canary's portfolio and of its instrument; those of a configuration begin with 1."""
CANARY_INTERVAL_LEAST_S: Final = 0.5
CANARY_LATE_MOST_MS: Final = 250
"""From the break of the canary's line to its order being out of the book; what takes longer is late. Grace is added."""

# Metrics ------------------------------------------------------------------------------------------------------------

METRICS_AGE_MOST_S: Final = 1.0
"""Who asks for metrics again within this time gets the last answer again."""
METRICS_CONNECTIONS_MAX: Final = 8
"""Connections to the metrics at once; one more is closed at once."""
METRICS_EXCHANGE_MOST_S: Final = 5.0
"""How long a connection to the metrics may last, from its first byte to its last."""
METRICS_REQUEST_MAX_BYTES: Final = 8_192

# Names, times, processors -------------------------------------------------------------------------------------------

NAME_MAX_CHARACTERS: Final = 64
ID_MAX: Final = 2**63 - 1
MANTISSA_MAX: Final = 2**63 - 1
HEARTBEAT_INTERVAL_MOST_S: Final = 86_400
HEARTBEAT_FACTOR_MOST: Final = 10.0
TIMEOUT_MOST_S: Final = 86_400.0
TIMEOUT_MOST_MS: Final = 86_400_000
PROCESSOR_MOST: Final = 1_023
TCP_KEEPIDLE_MOST_S: Final = 32_767
"""What Linux takes; likewise the number of probes."""
TCP_KEEPCNT_MOST_PROBES: Final = 127

# The dead man's switch -----------------------------------------------------------------------------------------------

CANCEL_ALL_AFTER_MOST_MS: Final = 86_399_999
"""The longest timeoutMs of a CancelAllAfterRequest."""
DEAD_MAN_EXPIRIES_PER_TICK_MAX: Final = 1_024
"""Switches that fire before something else has its turn."""
DEAD_MAN_READ_MOST_MS: Final = 1_000
"""For how long after its time a switch waits for lines of its portfolio that are held up, or not read to the end: time
enough for all that their sockets can hold."""

# Speed bumps --------------------------------------------------------------------------------------------------------

WAITING_PER_PORTFOLIO_MAX: Final = 1_000
"""Orders and quotes of a portfolio that wait, or have amends waiting, at a time; the next one is rejected."""
PENDING_AMENDS_PER_ORDER_MAX: Final = 4
"""The publisher's limit (protocol 7)."""
RELEASES_PER_STEP_MAX: Final = 256
"""Requests that are released before something else has its turn."""

# The loop -----------------------------------------------------------------------------------------------------------

CLOCK_LOOK_INTERVAL_MS: Final = 100
"""While anything has a deadline the clock is looked at so often: no more than this of a stall goes unnoticed."""
STALL_LEAST_MS: Final = 20
"""Nobody looked for so long although a timer was due: the gateway stood still, and that time is nobody's silence."""
ENDINGS_PER_STEP_MAX: Final = 64
"""Sessions whose end is moved on in one step: each also costs a LoggedOut and a line in the log."""
FIRES_REMEMBERED_MAX: Final = 16
"""Fires of a connection that a logon with reset is told again if they were not delivered; older ones are forgotten."""

# Client -------------------------------------------------------------------------------------------------------------

CLIENT_HELD_FRAMES_MAX: Final = 100_000
"""Frames from beyond a gap that a client holds while the gap is told again."""
CLIENT_CANCELS_KEPT_MAX: Final = 64
"""Events of cancels that a client keeps for receipts that may follow."""
CLIENT_EVENTS_MAX: Final = 1_000_000
"""Events that wait for one reader of a client."""

# Captures -----------------------------------------------------------------------------------------------------------

CAPTURE_READ_BYTES: Final = 65_536
"""What is read of a stream of bytes at a time."""
CAPTURE_PACKET_MAX_BYTES: Final = 262_144
"""The longest packet of a capture; one that was put together by the sending machine may be longer than 65,535 bytes."""
CAPTURE_CONNECTIONS_MAX: Final = 20_000
"""Connections that are followed at once; the one that was silent longest gives way."""
CAPTURE_HELD_MAX_BYTES: Final = 1_048_576
"""What one direction of a connection holds behind a hole before it no longer waits for it."""
CAPTURE_HELD_TOTAL_MAX_BYTES: Final = 67_108_864
CAPTURE_FRAGMENTED_PACKETS_MAX: Final = 1_024
"""IP packets of which some fragments are held."""
CAPTURE_UNTOLD_MAX: Final = 64
"""Runs of bad bytes that are held until the first frame tells that a connection speaks the protocol at all."""

# Logs ---------------------------------------------------------------------------------------------------------------

REFUSED_LOGON_LOG_INTERVAL_MS: Final = 1_000
"""Of each kind of refused logon there is one line in the log in so long."""
LOG_LINE_MAX_BYTES: Final = 4_096
"""PIPE_BUF of Linux: a line up to this long is written whole or not at all, and never waits for a slow reader."""


def padded(length: int) -> int:
    """The length of a frame that we send: a multiple of 8 bytes."""
    return -(-length // FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES


def orders_canceled_bytes(entries: int) -> int:
    """The length of an OrdersCanceled of so many orders."""
    return padded(_fixed_bytes("OrdersCanceled") + entries * _entry_bytes("OrdersCanceled"))


def receipt_bytes() -> int:
    """The length of a CancelOnDisconnectReceipt."""
    return padded(_fixed_bytes("CancelOnDisconnectReceipt"))


def relations() -> dict[str, bool]:
    """What must hold between the limits, in words, and whether it does."""
    order_filled = _fixed_bytes("OrderFilled") + ORDER_FILLED_ENTRIES_MAX * _entry_bytes("OrderFilled")
    orders_canceled = _fixed_bytes("OrdersCanceled") + ORDERS_CANCELED_ENTRIES_MAX * _entry_bytes("OrdersCanceled")
    return {
        "the longest frame out fits inside a DropCopyEvent": padded(FRAME_SIZE_MAX_OUT_BYTES + DROP_COPY_ENVELOPE_BYTES)
        <= MESSAGE_LENGTH_MAX_BYTES,
        "a full OrdersCanceled fits in a frame out": padded(orders_canceled) <= FRAME_SIZE_MAX_OUT_BYTES,
        "a full OrderFilled fits in a frame out": padded(order_filled) <= FRAME_SIZE_MAX_OUT_BYTES,
        "one fill more would not": padded(order_filled + _entry_bytes("OrderFilled")) > FRAME_SIZE_MAX_OUT_BYTES,
        "a full OpenOrdersResponse is half the least buffer": padded(
            _fixed_bytes("OpenOrdersResponse") + OPEN_ORDERS_ENTRIES_MAX * _entry_bytes("OpenOrdersResponse")
        )
        <= BUFFER_LEAST_BYTES // 2,
        "one entry more would not": padded(orders_canceled + _entry_bytes("OrdersCanceled")) > FRAME_SIZE_MAX_OUT_BYTES,
        "the fills of one order fit in a frame out": padded(NEW_ORDER_RESPONSE_FILLS_MAX_BYTES)
        <= FRAME_SIZE_MAX_OUT_BYTES,
        "a MassQuoteResponse full of entries and fills fits in a frame out": padded(
            _fixed_bytes("MassQuoteResponse")
            + QUOTES_PER_MASS_QUOTE_MAX * _entry_bytes("MassQuoteResponse")
            + MASS_QUOTE_RESPONSE_FILLS_MAX * _LAYOUTS["MassQuoteResponse"].groups[1].block_length
        )
        <= FRAME_SIZE_MAX_OUT_BYTES,
        "what is left of a mass quote's fills fits in a second frame": FILLS_PER_ORDER_MAX
        <= 2 * MASS_QUOTE_RESPONSE_FILLS_MAX,
        "a MassQuoteOrdersPlaced of an order and fills fits in a frame out": padded(
            _fixed_bytes("MassQuoteOrdersPlaced")
            + _entry_bytes("MassQuoteOrdersPlaced")
            + MASS_QUOTE_ORDERS_PLACED_FILLS_MAX * _LAYOUTS["MassQuoteOrdersPlaced"].groups[1].block_length
        )
        <= FRAME_SIZE_MAX_OUT_BYTES,
        "what is left of a quote's fills fits in a second one": FILLS_PER_ORDER_MAX
        <= 2 * MASS_QUOTE_ORDERS_PLACED_FILLS_MAX,
        "every request fits in the least frame_size_max_in": padded(MASS_QUOTE_REQUEST_MAX_BYTES)
        <= FRAME_SIZE_MAX_IN_LEAST_BYTES,
        "the default frame_size_max_in can be set": FRAME_SIZE_MAX_IN_LEAST_BYTES
        <= FRAME_SIZE_MAX_IN_DEFAULT_BYTES
        <= FRAME_SIZE_MAX_IN_MOST_BYTES,
        "a partial frame leaves room to read the rest": 2 * FRAME_SIZE_MAX_IN_MOST_BYTES <= READ_BUFFER_BYTES,
        "a newcomer's buffer holds a read": READ_BUFFER_BYTES <= NEWCOMER_BUFFER_BYTES,
        "whoever is held up has room for one read more": max(NEWCOMER_BUFFER_BYTES, HELD_UP_UNREAD_BYTES)
        + READ_BUFFER_BYTES
        <= HELD_UP_BUFFER_BYTES,
        "a read fits in the budget of a turn": READ_BUFFER_BYTES <= READ_BUDGET_PER_TURN_BYTES,
        "any frame out fits in a chunk": MESSAGE_LENGTH_MAX_BYTES <= CHUNK_BYTES,
        "any frame out fits in the least buffer": MESSAGE_LENGTH_MAX_BYTES <= BUFFER_LEAST_BYTES,
        "a canary's cancel is late or not before its next round": CANARY_LATE_MOST_MS < CANARY_INTERVAL_LEAST_S * 1_000,
        "administrators and readers of metrics leave descriptors for the rest": 2
        * (ADMIN_CONNECTIONS_MAX + METRICS_CONNECTIONS_MAX)
        <= DESCRIPTORS_RESERVED,
        "the least of pending logons is within the most": PENDING_LOGONS_LEAST <= PENDING_LOGONS_MAX,
        "pending logons leave connections for sessions": 2 * PENDING_LOGONS_MAX <= CONNECTIONS_MAX,
        "every API key can be connected while pending logons are full": API_KEYS_MAX + PENDING_LOGONS_MAX
        <= CONNECTIONS_MAX,
        "a hole may be as long as the longest frame": MESSAGE_LENGTH_MAX_BYTES <= CAPTURE_HELD_MAX_BYTES,
        "one direction may hold all that it may": CAPTURE_HELD_MAX_BYTES <= CAPTURE_HELD_TOTAL_MAX_BYTES,
        "settlements counted at once end every day order": SETTLEMENTS_AT_ONCE_MAX > DAYS_PER_ORDER_MAX,
        "the spans of all MMP groups can be counted": MMP_GROUPS_MAX * MMP_SPANS_PER_INTERVAL < 2**32 - 1,
        "an interval in seconds fits in the int32 of LogonConf": HEARTBEAT_INTERVAL_MOST_S < 2**31,
        "a lapse in milliseconds fits in the int of TCP_USER_TIMEOUT": HEARTBEAT_INTERVAL_MOST_S
        * HEARTBEAT_FACTOR_MOST
        * 1_000
        < 2**31,
    }


def check() -> None:
    """Raises LimitError naming every relation that does not hold."""
    broken = [relation for relation, holds in relations().items() if not holds]
    if broken:
        raise LimitError("limits contradict each other: not true that " + "; nor that ".join(broken))


check()
