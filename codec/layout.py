"""Tables of the wire for Python: enums, sets and the layout of every message.

generated from schemas/order_entry.xml by codec.generate
"""

# fmt: off

from enum import IntEnum, IntFlag
from typing import NamedTuple

SCHEMA_ID = 2101
SCHEMA_VERSION = 17
PROTOCOL_ID = 0xDB
FLAG_RESEND = 1
HEADER_SIZE = 32


class FieldLayout(NamedTuple):
    """A field of a block. `offset` counts from the start of the root block or of the group entry."""

    name: str
    wire_name: str
    kind: str
    """Primitive type, or char (text of fixed width), padding, price9 (int64 in units of 1e-9), decimal72."""
    offset: int
    size: int
    since_version: int
    optional: bool
    domain: str = ""
    """Name of the enum or set in ENUMS or SETS that its values belong to, or empty."""
    low: int | None = None
    """Smallest value allowed, where that is above what the type can hold."""
    type_name: str = ""
    """Name of the schema's own plain type, such as Timestamp, or empty."""


class GroupLayout(NamedTuple):
    name: str
    wire_name: str
    block_length: int
    fields: tuple[FieldLayout, ...]


class DataLayout(NamedTuple):
    """Variable-length data behind a length of `length_size` bytes; text, or bytes as they are."""

    name: str
    wire_name: str
    length_size: int
    is_text: bool


class MessageLayout(NamedTuple):
    template_id: int
    name: str
    from_client: bool
    from_server: bool
    since_version: int
    root_lengths: tuple[tuple[int, int], ...]
    """(first version, bytes of the root block from then on), oldest first."""
    fields: tuple[FieldLayout, ...]
    groups: tuple[GroupLayout, ...]
    data: tuple[DataLayout, ...]


class Bool(IntEnum):
    """No or yes."""

    FALSE = 0
    TRUE = 1


class Side(IntEnum):
    """Side of an order."""

    SELL = -1
    BOTH = 0
    BUY = 1


class TimeInForce(IntEnum):
    """How long an order stays; above 0 a number of days, where 1 ends at the next settlement."""

    IOC = -2
    FOK = -1
    GTC = 0


class SelfTradingMode(IntEnum):
    """Which order gives way when two with one token meet."""

    CANCEL_TAKER = 0
    CANCEL_MAKER = 1


class OrderStatus(IntEnum):
    """State of an order."""

    ACTIVE = 1
    FILLED = 2
    CANCELED = 3
    QUEUED = 4


class QuoteStatus(IntEnum):
    """State of one side of a quote."""

    INACTIVE = 0
    UNMODIFIED = 1
    QTY_REDUCED = 2
    UPDATED = 3
    FILLED = 4
    CANCELED_BY_REQUEST = 5
    CANCELED_BY_MMP = 6
    CANCELED_BY_SELF_MATCH = 7
    SPEED_BUMPED = 8


class CancelReason(IntEnum):
    """Why an order was closed."""

    UNKNOWN = 0
    SELF_MATCH_PREVENTION = 1
    TIME_IN_FORCE = 2
    ADMIN = 3
    MM_PROTECTION = 4
    LIQUIDATION = 5
    MARKET_STATE_TRANSITION = 6
    CLIENT_DISCONNECT = 7
    REDUCE_ONLY = 8
    DELIVERED = 9
    SETTLEMENT = 10
    BOOK_DEACTIVATED = 11
    BY_REQUEST = 12
    RISK_CHECK_TIMED_OUT = 13
    MMP_GROUP_DELETED = 14
    PORTFOLIO_LOCKED = 15
    POST_ONLY = 16
    QTY_TICK_SIZE_RESCALE = 17


class OrderRejectReason(IntEnum):
    """Why an order, an amend or one side of a quote was refused."""

    SYSTEM_ERROR = 0
    INVALID_INSTRUMENT = 1
    INVALID_FIELD = 2
    INSUFFICIENT_MARGIN = 3
    DUPLICATE_CLIENT_ORDER_ID = 4
    INVALID_QUANTITY = 5
    INVALID_PRICE = 6
    NOT_ALLOWED_BY_MARKET_STATE = 7
    POST_ONLY = 8
    TOO_MANY_OPEN_ORDERS = 9
    PERMISSION_ERROR = 10
    PORTFOLIO_NOT_FOUND = 11
    ORDER_NOT_FOUND = 12
    MMP_NOT_CONFIGURED = 13
    MMP_MAX_QUOTE_QTY_EXCEEDED = 14
    MMP_GROUP_FROZEN = 15
    INVALID_MARGIN_MODE = 16
    IN_LIQUIDATION = 17
    RISK_CHECK_TIMED_OUT = 18
    TOO_MANY_PENDING_REPLACES = 19
    ICEBERG_NOT_ALLOWED = 20
    INVALID_ALLOCATIONS = 21
    PRICE_TOO_HIGH = 22
    PRICE_TOO_LOW = 23
    PRICE_BAND_UNAVAILABLE = 24
    RATE_LIMIT = 25
    PORTFOLIO_LOCKED = 26
    POSITION_LIMIT_EXCEEDED = 27
    ORDER_SIZE_LIMIT_EXCEEDED = 28
    MEMBER_SPEED_BUMP_LIMIT_EXCEEDED = 29
    MMP_MIN_FREEZE_TIME_NOT_ELAPSED = 30


class CancelOrderRejectReason(IntEnum):
    """Why a cancel was refused."""

    ERROR = 0
    UNKNOWN_ORDER = 1
    CLIENT_PERMISSION_ERROR = 2
    NOT_ALLOWED_BY_MARKET_STATE = 3
    CANCEL_PENDING = 4
    IN_LIQUIDATION = 5
    INVALID_INSTRUMENT = 6
    TIME_IN_FORCE = 7
    SPEED_BUMP_CONVERTED_TO_IOC = 8


class MassQuoteRejectReason(IntEnum):
    """Why a mass quote was refused as a whole."""

    SYSTEM_ERROR = 0
    INVALID_MMP_GROUP = 1
    MMP_GROUP_DISABLED = 2
    MMP_GROUP_FROZEN = 3
    TOO_MANY_QUOTES = 4
    INVALID_INSTRUMENT = 5
    RATE_LIMIT = 6
    PORTFOLIO_LOCKED = 7
    DUPLICATE_INSTRUMENT = 8
    MMP_MIN_FREEZE_TIME_NOT_ELAPSED = 9


class MassCancelRejectReason(IntEnum):
    """Why a mass cancel was refused."""

    ERROR = 0
    INVALID_MMP_GROUP = 1
    CLIENT_PERMISSION_ERROR = 2
    NOT_ALLOWED_BY_MARKET_STATE = 3


class MmpStatusRejectReason(IntEnum):
    """Why a question for an MMP group was refused."""

    SYSTEM_ERROR = 0
    INVALID_MMP_GROUP = 1


class ProductType(IntEnum):
    """Kind of instrument."""

    ALL = 0
    OPTIONS = 1
    FUTURES = 2
    COMBO_FUTURES = 3
    COMBO_OPTIONS = 4
    SPOT = 5


class RejectReason(IntEnum):
    """What was wrong with a message."""

    INVALID_SCHEMA_ID = 1
    INVALID_TEMPLATE_ID = 2
    INVALID_BLOCK_LENGTH = 3
    INVALID_FIELD_VALUE = 4
    MESSAGE_DISABLED = 5
    GATEWAY_NOT_ACTIVE = 6


class MmpTriggerType(IntEnum):
    """Which limit of an MMP group was reached."""

    QUANTITY = 0
    DELTA = 1
    VEGA = 2


class CancelOnDisconnectScope(IntEnum):
    """Whose orders a loss or a question is about."""

    SESSION = 0
    PORTFOLIO = 1


class CancelOnDisconnectStatus(IntEnum):
    """Answer to a CancelOnDisconnectRequest."""

    ACCEPTED = 0
    ALWAYS_ON = 1
    INVALID_SCOPE = 2
    NOT_ENTITLED = 3


class CancelAllAfterStatus(IntEnum):
    """Answer to a CancelAllAfterRequest."""

    ACCEPTED = 0
    TIMEOUT_OUT_OF_RANGE = 1
    INVALID_SCOPE = 2
    STALE_ARM_SEQUENCE = 3
    NOT_ENTITLED = 4


class Cause(IntEnum):
    """How a session was lost."""

    TCP_CLOSED = 1
    TCP_RESET = 2
    HEARTBEAT_MISSED = 3
    LOGOUT = 4
    DISPLACED = 5
    PROTOCOL_VIOLATION = 6
    SLOW_CONSUMER = 7
    DEAD_MAN_EXPIRED = 8
    GATEWAY_SHUTDOWN = 9
    GATEWAY_RESTARTED = 10
    GATEWAY_LOST = 11
    ADMIN = 12


class OrderFlags(IntFlag):
    """Options of an order or of one side of a quote."""

    CANCEL_ON_DISCONNECT = 1
    POST_ONLY = 2
    POST_ONLY_REJECT = 4
    MARKET_LIMIT = 8
    MMP = 16
    RESET_MMP = 32


class ReplaceOrderFlags(IntFlag):
    """Options of an amend."""

    POST_ONLY = 2
    POST_ONLY_REJECT = 4


class MassQuoteFlags(IntFlag):
    """Options of a mass quote."""

    RESET_MMP = 1


class FillFlags(IntFlag):
    """Facts about a filled order."""

    IS_QUOTE = 1
    IS_FULLY_FILLED = 2


class CancelFlags(IntFlag):
    """Facts about a cancelled order."""

    IS_QUOTE = 1


class MultiPartEventFlags(IntFlag):
    """Place of a message in an event told in parts."""

    IS_LAST_MESSAGE = 1


class SessionOptions(IntFlag):
    """Options of a connection."""

    RECEIPTS = 1


class OpenOrderFlags(IntFlag):
    """Facts about an open order."""

    IS_QUOTE = 1
    IS_COVERED = 2


ENUMS: dict[str, type[IntEnum]] = {
    "Bool": Bool,
    "Side": Side,
    "TimeInForce": TimeInForce,
    "SelfTradingMode": SelfTradingMode,
    "OrderStatus": OrderStatus,
    "QuoteStatus": QuoteStatus,
    "CancelReason": CancelReason,
    "OrderRejectReason": OrderRejectReason,
    "CancelOrderRejectReason": CancelOrderRejectReason,
    "MassQuoteRejectReason": MassQuoteRejectReason,
    "MassCancelRejectReason": MassCancelRejectReason,
    "MmpStatusRejectReason": MmpStatusRejectReason,
    "ProductType": ProductType,
    "RejectReason": RejectReason,
    "MmpTriggerType": MmpTriggerType,
    "CancelOnDisconnectScope": CancelOnDisconnectScope,
    "CancelOnDisconnectStatus": CancelOnDisconnectStatus,
    "CancelAllAfterStatus": CancelAllAfterStatus,
    "Cause": Cause,
}

SETS: dict[str, type[IntFlag]] = {
    "OrderFlags": OrderFlags,
    "ReplaceOrderFlags": ReplaceOrderFlags,
    "MassQuoteFlags": MassQuoteFlags,
    "FillFlags": FillFlags,
    "CancelFlags": CancelFlags,
    "MultiPartEventFlags": MultiPartEventFlags,
    "SessionOptions": SessionOptions,
    "OpenOrderFlags": OpenOrderFlags,
}

MESSAGES: tuple[MessageLayout, ...] = (
    MessageLayout(
        1, "Logon", True, False, 0, ((0, 65), (12, 67), (13, 68)),
        (
            FieldLayout("client_id", "clientId", "char", 0, 16, 0, False, type_name="ClientId"),
            FieldLayout("secret", "secret", "char", 16, 48, 0, False, type_name="Secret"),
            FieldLayout("reset_seq_num", "resetSeqNum", "int8", 64, 1, 0, False, "Bool"),
            FieldLayout("schema_version", "schemaVersion", "uint16", 65, 2, 12, False),
            FieldLayout("cancel_on_disconnect", "cancelOnDisconnect", "int8", 67, 1, 13, False, "Bool"),
        ),
        (),
        (),
    ),
    MessageLayout(
        2, "LogonConf", False, True, 0, ((0, 4), (12, 6)),
        (
            FieldLayout("heartbeat_interval_seconds", "heartbeatIntervalSeconds", "int32", 0, 4, 0, False),
            FieldLayout("schema_version", "schemaVersion", "uint16", 4, 2, 12, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        4, "Logout", True, False, 0, ((0, 0),),
        (),
        (),
        (DataLayout("reason", "reason", 1, True),),
    ),
    MessageLayout(
        5, "LoggedOut", False, True, 0, ((0, 0),),
        (),
        (),
        (DataLayout("reason", "reason", 1, True),),
    ),
    MessageLayout(
        10, "Heartbeat", True, True, 0, ((0, 8),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        11, "TestRequest", True, True, 0, ((0, 8),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        20, "ResendRequest", True, False, 0, ((0, 16),),
        (
            FieldLayout("from_sequence_number", "fromSequenceNumber", "int64", 0, 8, 0, False),
            FieldLayout("to_sequence_number", "toSequenceNumber", "int64", 8, 8, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        21, "GapFill", False, True, 0, ((0, 8),),
        (
            FieldLayout("new_sequence_number", "newSequenceNumber", "int64", 0, 8, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        30, "Reject", False, True, 0, ((0, 9),),
        (
            FieldLayout("ref_sequence_number", "refSequenceNumber", "int64", 0, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 8, 1, 0, False, "RejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        100, "NewOrderRequest", True, False, 0, ((0, 63),),
        (
            FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
            FieldLayout("price", "price", "price9", 24, 8, 0, True),
            FieldLayout("quantity", "quantity", "decimal72", 32, 9, 0, False),
            FieldLayout("show_qty", "showQty", "decimal72", 41, 9, 0, True),
            FieldLayout("self_match_prevention_id", "selfMatchPreventionId", "int64", 50, 8, 0, True),
            FieldLayout("side", "side", "int8", 58, 1, 0, False, "Side"),
            FieldLayout("time_in_force", "timeInForce", "int8", 59, 1, 0, False, low=-2, type_name="TimeInForceOrDays"),
            FieldLayout("flags", "flags", "uint16", 60, 2, 0, False, "OrderFlags"),
            FieldLayout("self_trading_mode", "selfTradingMode", "int8", 62, 1, 0, False, "SelfTradingMode"),
        ),
        (),
        (),
    ),
    MessageLayout(
        110, "AmendOrderRequest", True, False, 0, ((0, 52),),
        (
            FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
            FieldLayout("price", "price", "price9", 24, 8, 0, False),
            FieldLayout("quantity", "quantity", "decimal72", 32, 9, 0, False),
            FieldLayout("show_qty", "showQty", "decimal72", 41, 9, 0, True),
            FieldLayout("flags", "flags", "uint16", 50, 2, 0, False, "ReplaceOrderFlags"),
        ),
        (),
        (),
    ),
    MessageLayout(
        120, "CancelOrderRequest", True, False, 0, ((0, 24),),
        (
            FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        125, "CancelOrderByIdRequest", True, False, 3, ((3, 24),),
        (
            FieldLayout("order_id", "orderId", "int64", 0, 8, 3, False),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 3, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 3, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        130, "MassQuoteRequest", True, False, 0, ((0, 33),),
        (
            FieldLayout("quote_id", "quoteId", "int64", 0, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 16, 8, 0, False),
            FieldLayout("self_match_prevention_id", "selfMatchPreventionId", "int64", 24, 8, 0, True),
            FieldLayout("flags", "flags", "uint8", 32, 1, 0, False, "MassQuoteFlags"),
        ),
        (
            GroupLayout(
                "quotes", "quotes", 46,
                (
                    FieldLayout("instrument_id", "instrumentId", "int64", 0, 8, 0, False),
                    FieldLayout("bid_price", "bidPrice", "price9", 8, 8, 0, True),
                    FieldLayout("ask_price", "askPrice", "price9", 16, 8, 0, True),
                    FieldLayout("bid_qty", "bidQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("ask_qty", "askQty", "decimal72", 33, 9, 0, False),
                    FieldLayout("bid_flags", "bidFlags", "uint16", 42, 2, 0, False, "OrderFlags"),
                    FieldLayout("ask_flags", "askFlags", "uint16", 44, 2, 0, False, "OrderFlags"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        140, "MassCancelRequest", True, False, 0, ((0, 26),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("currency_pair_id", "currencyPairId", "int64", 8, 8, 0, True),
            FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, True),
            FieldLayout("product_type", "productType", "int8", 24, 1, 0, False, "ProductType"),
            FieldLayout("side", "side", "int8", 25, 1, 0, False, "Side"),
        ),
        (),
        (),
    ),
    MessageLayout(
        145, "MassQuoteCancelRequest", True, False, 0, ((0, 17),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 8, 8, 0, False),
            FieldLayout("side", "side", "int8", 16, 1, 0, False, "Side"),
        ),
        (),
        (),
    ),
    MessageLayout(
        155, "GetMassQuoteMmpStatusRequest", True, False, 10, ((10, 16),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 10, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 8, 8, 10, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        156, "GetOrdersMmpStatusRequest", True, False, 10, ((10, 16),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 10, False),
            FieldLayout("currency_pair_id", "currencyPairId", "int64", 8, 8, 10, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        200, "NewOrderResponse", False, True, 0, ((0, 94),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("price", "price", "price9", 48, 8, 0, True),
            FieldLayout("quantity", "quantity", "decimal72", 56, 9, 0, False),
            FieldLayout("total_filled", "totalFilled", "decimal72", 65, 9, 0, False),
            FieldLayout("visible_qty", "visibleQty", "decimal72", 74, 9, 0, False),
            FieldLayout("receive_time", "receiveTime", "int64", 83, 8, 0, False, type_name="Timestamp"),
            FieldLayout("side", "side", "int8", 91, 1, 0, False, "Side"),
            FieldLayout("status", "status", "int8", 92, 1, 0, False, "OrderStatus"),
            FieldLayout("cancel_reason", "cancelReason", "int8", 93, 1, 0, False, "CancelReason"),
        ),
        (
            GroupLayout(
                "fills", "fills", 25,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 8, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 16, 9, 0, False),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        202, "NewOrderReject", False, True, 0, ((0, 49),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, True),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 48, 1, 0, False, "OrderRejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        210, "AmendOrderResponse", False, True, 0, ((0, 93),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, True),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("price", "price", "price9", 48, 8, 0, False),
            FieldLayout("quantity", "quantity", "decimal72", 56, 9, 0, False),
            FieldLayout("total_filled", "totalFilled", "decimal72", 65, 9, 0, False),
            FieldLayout("visible_qty", "visibleQty", "decimal72", 74, 9, 0, False),
            FieldLayout("receive_time", "receiveTime", "int64", 83, 8, 0, False, type_name="Timestamp"),
            FieldLayout("status", "status", "int8", 91, 1, 0, False, "OrderStatus"),
            FieldLayout("cancel_reason", "cancelReason", "int8", 92, 1, 0, False, "CancelReason"),
        ),
        (
            GroupLayout(
                "fills", "fills", 25,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 8, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 16, 9, 0, False),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        212, "AmendOrderReject", False, True, 0, ((0, 49),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, True),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 48, 1, 0, False, "OrderRejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        220, "CancelOrderResponse", False, True, 0, ((0, 56), (16, 74)),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, True),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("receive_time", "receiveTime", "int64", 48, 8, 0, False, type_name="Timestamp"),
            FieldLayout("quantity", "quantity", "decimal72", 56, 9, 16, False),
            FieldLayout("total_filled", "totalFilled", "decimal72", 65, 9, 16, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        222, "CancelOrderReject", False, True, 0, ((0, 49),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("order_id", "orderId", "int64", 32, 8, 0, True),
            FieldLayout("instrument_id", "instrumentId", "int64", 40, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 48, 1, 0, False, "CancelOrderRejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        230, "MassQuoteResponse", False, True, 0, ((0, 48),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("quote_id", "quoteId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 32, 8, 0, False),
            FieldLayout("receive_time", "receiveTime", "int64", 40, 8, 0, False, type_name="Timestamp"),
        ),
        (
            GroupLayout(
                "quotes", "quotes", 80,
                (
                    FieldLayout("instrument_id", "instrumentId", "int64", 0, 8, 0, False),
                    FieldLayout("bid_order_id", "bidOrderId", "int64", 8, 8, 0, True),
                    FieldLayout("ask_order_id", "askOrderId", "int64", 16, 8, 0, True),
                    FieldLayout("bid_price", "bidPrice", "price9", 24, 8, 0, True),
                    FieldLayout("ask_price", "askPrice", "price9", 32, 8, 0, True),
                    FieldLayout("bid_qty", "bidQty", "decimal72", 40, 9, 0, True),
                    FieldLayout("ask_qty", "askQty", "decimal72", 49, 9, 0, True),
                    FieldLayout("bid_filled_qty", "bidFilledQty", "decimal72", 58, 9, 0, True),
                    FieldLayout("ask_filled_qty", "askFilledQty", "decimal72", 67, 9, 0, True),
                    FieldLayout("bid_status", "bidStatus", "int8", 76, 1, 0, False, "QuoteStatus"),
                    FieldLayout("ask_status", "askStatus", "int8", 77, 1, 0, False, "QuoteStatus"),
                    FieldLayout("bid_reject_reason", "bidRejectReason", "int8", 78, 1, 0, True, "OrderRejectReason"),
                    FieldLayout("ask_reject_reason", "askRejectReason", "int8", 79, 1, 0, True, "OrderRejectReason"),
                ),
            ),
            GroupLayout(
                "bid_fills", "bidFills", 33,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                ),
            ),
            GroupLayout(
                "ask_fills", "askFills", 33,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        232, "MassQuoteReject", False, True, 0, ((0, 41),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("quote_id", "quoteId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 32, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 40, 1, 0, False, "MassQuoteRejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        240, "MassCancelResponse", False, True, 0, ((0, 36),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 16, 8, 0, False),
            FieldLayout("receive_time", "receiveTime", "int64", 24, 8, 0, False, type_name="Timestamp"),
            FieldLayout("total_order_count", "totalOrderCount", "int32", 32, 4, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        242, "MassCancelReject", False, True, 0, ((0, 25),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 16, 8, 0, False),
            FieldLayout("reason", "reason", "int8", 24, 1, 0, False, "MassCancelRejectReason"),
        ),
        (),
        (DataLayout("details", "details", 1, True),),
    ),
    MessageLayout(
        280, "GetMassQuoteMmpStatusResponse", False, True, 10, ((10, 32),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 10, False, type_name="Timestamp"),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 10, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 16, 8, 10, False),
            FieldLayout("frozen_until_time", "frozenUntilTime", "int64", 24, 8, 10, True, type_name="Timestamp"),
        ),
        (),
        (),
    ),
    MessageLayout(
        281, "GetMassQuoteMmpStatusReject", False, True, 10, ((10, 17),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 10, False, type_name="Timestamp"),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 10, False),
            FieldLayout("reason", "reason", "int8", 16, 1, 10, False, "MmpStatusRejectReason"),
        ),
        (),
        (),
    ),
    MessageLayout(
        282, "GetOrdersMmpStatusResponse", False, True, 10, ((10, 32),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 10, False, type_name="Timestamp"),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 10, False),
            FieldLayout("currency_pair_id", "currencyPairId", "int64", 16, 8, 10, False),
            FieldLayout("frozen_until_time", "frozenUntilTime", "int64", 24, 8, 10, True, type_name="Timestamp"),
        ),
        (),
        (),
    ),
    MessageLayout(
        283, "GetOrdersMmpStatusReject", False, True, 10, ((10, 17),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 10, False, type_name="Timestamp"),
            FieldLayout("correlation_id", "correlationId", "int64", 8, 8, 10, False),
            FieldLayout("reason", "reason", "int8", 16, 1, 10, False, "MmpStatusRejectReason"),
        ),
        (),
        (),
    ),
    MessageLayout(
        300, "OrderFilled", False, True, 0, ((0, 16),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
        ),
        (
            GroupLayout(
                "fills", "fills", 60,
                (
                    FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
                    FieldLayout("order_id", "orderId", "int64", 8, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
                    FieldLayout("match_id", "matchId", "int64", 24, 8, 0, False),
                    FieldLayout("price", "price", "price9", 32, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 40, 9, 0, False),
                    FieldLayout("total_filled", "totalFilled", "decimal72", 49, 9, 0, False),
                    FieldLayout("side", "side", "int8", 58, 1, 0, False, "Side"),
                    FieldLayout("flags", "flags", "uint8", 59, 1, 0, False, "FillFlags"),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("price", "price", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        310, "OrdersCanceled", False, True, 0, ((0, 17),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("flags", "flags", "uint8", 16, 1, 0, False, "MultiPartEventFlags"),
        ),
        (
            GroupLayout(
                "orders", "orders", 35,
                (
                    FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
                    FieldLayout("order_id", "orderId", "int64", 8, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
                    FieldLayout("total_filled", "totalFilled", "decimal72", 24, 9, 0, False),
                    FieldLayout("cancel_reason", "cancelReason", "int8", 33, 1, 0, False, "CancelReason"),
                    FieldLayout("flags", "flags", "uint8", 34, 1, 0, False, "CancelFlags"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        312, "OrderPlaced", False, True, 0, ((0, 77), (8, 88)),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("client_order_id", "clientOrderId", "int64", 16, 8, 0, False),
            FieldLayout("order_id", "orderId", "int64", 24, 8, 0, False),
            FieldLayout("instrument_id", "instrumentId", "int64", 32, 8, 0, False),
            FieldLayout("price", "price", "price9", 40, 8, 0, True),
            FieldLayout("quantity", "quantity", "decimal72", 48, 9, 0, False),
            FieldLayout("total_filled", "totalFilled", "decimal72", 57, 9, 0, False),
            FieldLayout("visible_qty", "visibleQty", "decimal72", 66, 9, 0, False),
            FieldLayout("status", "status", "int8", 75, 1, 0, False, "OrderStatus"),
            FieldLayout("cancel_reason", "cancelReason", "int8", 76, 1, 0, False, "CancelReason"),
            FieldLayout("padding3", "padding3", "padding", 77, 3, 8, False, type_name="Padding3"),
            FieldLayout("correlation_id", "correlationId", "int64", 80, 8, 8, False),
        ),
        (
            GroupLayout(
                "fills", "fills", 25,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 8, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 16, 9, 0, False),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        314, "MassQuoteOrdersPlaced", False, True, 0, ((0, 24),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 16, 8, 0, False),
        ),
        (
            GroupLayout(
                "orders", "orders", 62,
                (
                    FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
                    FieldLayout("order_id", "orderId", "int64", 8, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
                    FieldLayout("price", "price", "price9", 24, 8, 0, True),
                    FieldLayout("quantity", "quantity", "decimal72", 32, 9, 0, False),
                    FieldLayout("total_filled", "totalFilled", "decimal72", 41, 9, 0, False),
                    FieldLayout("visible_qty", "visibleQty", "decimal72", 50, 9, 0, False),
                    FieldLayout("side", "side", "int8", 59, 1, 0, False, "Side"),
                    FieldLayout("status", "status", "int8", 60, 1, 0, False, "OrderStatus"),
                    FieldLayout("cancel_reason", "cancelReason", "int8", 61, 1, 0, False, "CancelReason"),
                ),
            ),
            GroupLayout(
                "fills", "fills", 33,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("order_id", "orderId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                ),
            ),
            GroupLayout(
                "legs", "legs", 34,
                (
                    FieldLayout("match_id", "matchId", "int64", 0, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 8, 8, 0, False),
                    FieldLayout("fill_price", "fillPrice", "price9", 16, 8, 0, False),
                    FieldLayout("fill_qty", "fillQty", "decimal72", 24, 9, 0, False),
                    FieldLayout("leg_side", "legSide", "int8", 33, 1, 0, False, "Side"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        320, "MassQuoteMmpTriggered", False, True, 0, ((0, 57),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 16, 8, 0, False),
            FieldLayout("frozen_until", "frozenUntil", "int64", 24, 8, 0, False, type_name="Timestamp"),
            FieldLayout("quantity_level", "quantityLevel", "double", 32, 8, 0, False),
            FieldLayout("vega_level", "vegaLevel", "double", 40, 8, 0, False),
            FieldLayout("delta_level", "deltaLevel", "double", 48, 8, 0, False),
            FieldLayout("trigger", "trigger", "int8", 56, 1, 0, False, "MmpTriggerType"),
        ),
        (),
        (),
    ),
    MessageLayout(
        322, "OrdersMmpTriggered", False, True, 0, ((0, 57),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("currency_pair_id", "currencyPairId", "int64", 16, 8, 0, False),
            FieldLayout("frozen_until", "frozenUntil", "int64", 24, 8, 0, False, type_name="Timestamp"),
            FieldLayout("quantity_level", "quantityLevel", "double", 32, 8, 0, False),
            FieldLayout("vega_level", "vegaLevel", "double", 40, 8, 0, False),
            FieldLayout("delta_level", "deltaLevel", "double", 48, 8, 0, False),
            FieldLayout("trigger", "trigger", "int8", 56, 1, 0, False, "MmpTriggerType"),
        ),
        (),
        (),
    ),
    MessageLayout(
        324, "MassQuoteMmpUnfrozen", False, True, 0, ((0, 32),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("mmp_group_id", "mmpGroupId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, True),
        ),
        (),
        (),
    ),
    MessageLayout(
        326, "OrdersMmpUnfrozen", False, True, 0, ((0, 32),),
        (
            FieldLayout("timestamp", "timestamp", "int64", 0, 8, 0, False, type_name="Timestamp"),
            FieldLayout("exec_id", "execId", "int64", 8, 8, 0, False),
            FieldLayout("currency_pair_id", "currencyPairId", "int64", 16, 8, 0, False),
            FieldLayout("correlation_id", "correlationId", "int64", 24, 8, 0, True),
        ),
        (),
        (),
    ),
    MessageLayout(
        4000, "SessionOptionsRequest", True, False, 0, ((0, 10),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("options", "options", "uint16", 8, 2, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        4001, "SessionOptionsResponse", False, True, 0, ((0, 18),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("session_epoch", "sessionEpoch", "int64", 8, 8, 0, False),
            FieldLayout("options", "options", "uint16", 16, 2, 0, False, "SessionOptions"),
        ),
        (),
        (),
    ),
    MessageLayout(
        4010, "CancelOnDisconnectRequest", True, False, 0, ((0, 10),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("scope", "scope", "int8", 8, 1, 0, False),
            FieldLayout("enabled", "enabled", "int8", 9, 1, 0, False, "Bool"),
        ),
        (),
        (),
    ),
    MessageLayout(
        4011, "CancelOnDisconnectResponse", False, True, 0, ((0, 16),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("scope", "scope", "int8", 8, 1, 0, False),
            FieldLayout("enabled", "enabled", "int8", 9, 1, 0, False, "Bool"),
            FieldLayout("active", "active", "int8", 10, 1, 0, False, "Bool"),
            FieldLayout("status", "status", "int8", 11, 1, 0, False, "CancelOnDisconnectStatus"),
            FieldLayout("covered_orders", "coveredOrders", "int32", 12, 4, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        4020, "CancelAllAfterRequest", True, False, 0, ((0, 21),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("timeout_ms", "timeoutMs", "uint32", 8, 4, 0, False),
            FieldLayout("arm_sequence", "armSequence", "int64", 12, 8, 0, True),
            FieldLayout("scope", "scope", "int8", 20, 1, 0, False),
        ),
        (),
        (),
    ),
    MessageLayout(
        4021, "CancelAllAfterResponse", False, True, 0, ((0, 34),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("status", "status", "int8", 8, 1, 0, False, "CancelAllAfterStatus"),
            FieldLayout("armed", "armed", "int8", 9, 1, 0, False, "Bool"),
            FieldLayout("current_time", "currentTime", "int64", 10, 8, 0, False, type_name="Timestamp"),
            FieldLayout("trigger_time", "triggerTime", "int64", 18, 8, 0, True, type_name="Timestamp"),
            FieldLayout("arm_sequence", "armSequence", "int64", 26, 8, 0, True),
        ),
        (),
        (),
    ),
    MessageLayout(
        4030, "CancelOnDisconnectReceipt", False, True, 0, ((0, 118),),
        (
            FieldLayout("client_id", "clientId", "char", 0, 16, 0, False, type_name="ClientId"),
            FieldLayout("portfolio_id", "portfolioId", "int64", 16, 8, 0, False),
            FieldLayout("session_epoch", "sessionEpoch", "int64", 24, 8, 0, False),
            FieldLayout("cause", "cause", "int8", 32, 1, 0, False, "Cause"),
            FieldLayout("scope", "scope", "int8", 33, 1, 0, False, "CancelOnDisconnectScope"),
            FieldLayout("last_heard_time", "lastHeardTime", "int64", 34, 8, 0, False, type_name="Timestamp"),
            FieldLayout("detected_time", "detectedTime", "int64", 42, 8, 0, False, type_name="Timestamp"),
            FieldLayout("fenced_time", "fencedTime", "int64", 50, 8, 0, False, type_name="Timestamp"),
            FieldLayout("completed_time", "completedTime", "int64", 58, 8, 0, False, type_name="Timestamp"),
            FieldLayout("bound_count", "boundCount", "int32", 66, 4, 0, False),
            FieldLayout("cancelled_count", "cancelledCount", "int32", 70, 4, 0, False),
            FieldLayout("filled_count", "filledCount", "int32", 74, 4, 0, False),
            FieldLayout("exempt_count", "exemptCount", "int32", 78, 4, 0, False),
            FieldLayout("unconfirmed_count", "unconfirmedCount", "int32", 82, 4, 0, False),
            FieldLayout("first_sequence_number", "firstSequenceNumber", "int64", 86, 8, 0, True),
            FieldLayout("last_sequence_number", "lastSequenceNumber", "int64", 94, 8, 0, True),
            FieldLayout("digest", "digest", "uint64", 102, 8, 0, False),
            FieldLayout("timestamp", "timestamp", "int64", 110, 8, 0, False, type_name="Timestamp"),
        ),
        (),
        (),
    ),
    MessageLayout(
        4040, "OpenOrdersRequest", True, False, 0, ((0, 10),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("scope", "scope", "int8", 8, 1, 0, False, "CancelOnDisconnectScope"),
            FieldLayout("covered_only", "coveredOnly", "int8", 9, 1, 0, False, "Bool"),
        ),
        (),
        (),
    ),
    MessageLayout(
        4041, "OpenOrdersResponse", False, True, 0, ((0, 17),),
        (
            FieldLayout("correlation_id", "correlationId", "int64", 0, 8, 0, False),
            FieldLayout("timestamp", "timestamp", "int64", 8, 8, 0, False, type_name="Timestamp"),
            FieldLayout("flags", "flags", "uint8", 16, 1, 0, False, "MultiPartEventFlags"),
        ),
        (
            GroupLayout(
                "orders", "orders", 52,
                (
                    FieldLayout("client_order_id", "clientOrderId", "int64", 0, 8, 0, False),
                    FieldLayout("order_id", "orderId", "int64", 8, 8, 0, False),
                    FieldLayout("instrument_id", "instrumentId", "int64", 16, 8, 0, False),
                    FieldLayout("price", "price", "price9", 24, 8, 0, True),
                    FieldLayout("quantity", "quantity", "decimal72", 32, 9, 0, False),
                    FieldLayout("total_filled", "totalFilled", "decimal72", 41, 9, 0, False),
                    FieldLayout("side", "side", "int8", 50, 1, 0, False, "Side"),
                    FieldLayout("flags", "flags", "uint8", 51, 1, 0, False, "OpenOrderFlags"),
                ),
            ),
        ),
        (),
    ),
    MessageLayout(
        4050, "DropCopyEvent", False, True, 0, ((0, 40),),
        (
            FieldLayout("origin_client_id", "originClientId", "char", 0, 16, 0, False, type_name="ClientId"),
            FieldLayout("portfolio_id", "portfolioId", "int64", 16, 8, 0, False),
            FieldLayout("session_epoch", "sessionEpoch", "int64", 24, 8, 0, False),
            FieldLayout("origin_sequence_number", "originSequenceNumber", "int64", 32, 8, 0, True),
        ),
        (),
        (DataLayout("frame", "frame", 2, False),),
    ),
)
"""Every message that one of the sides sends, by template id."""
