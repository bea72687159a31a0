# generated from schemas/order_entry.xml by codec.generate
#
# Structs overlay the wire: packed, little-endian, root blocks without the frame header. Messages with an
# empty root block have no struct. A root block of an older schema version is a prefix of the struct.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    SCHEMA_ID = 2101
    SCHEMA_VERSION = 17
    PROTOCOL_ID = 219
    FLAG_RESEND = 1
    HEADER_SIZE = 32
    SENDER_CLIENT = 1
    SENDER_SERVER = 2

cdef enum:
    TEMPLATE_LOGON = 1
    TEMPLATE_LOGON_CONF = 2
    TEMPLATE_LOGOUT = 4
    TEMPLATE_LOGGED_OUT = 5
    TEMPLATE_HEARTBEAT = 10
    TEMPLATE_TEST_REQUEST = 11
    TEMPLATE_RESEND_REQUEST = 20
    TEMPLATE_GAP_FILL = 21
    TEMPLATE_REJECT = 30
    TEMPLATE_NEW_ORDER_REQUEST = 100
    TEMPLATE_AMEND_ORDER_REQUEST = 110
    TEMPLATE_CANCEL_ORDER_REQUEST = 120
    TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST = 125
    TEMPLATE_MASS_QUOTE_REQUEST = 130
    TEMPLATE_MASS_CANCEL_REQUEST = 140
    TEMPLATE_MASS_QUOTE_CANCEL_REQUEST = 145
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST = 155
    TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST = 156
    TEMPLATE_NEW_ORDER_RESPONSE = 200
    TEMPLATE_NEW_ORDER_REJECT = 202
    TEMPLATE_AMEND_ORDER_RESPONSE = 210
    TEMPLATE_AMEND_ORDER_REJECT = 212
    TEMPLATE_CANCEL_ORDER_RESPONSE = 220
    TEMPLATE_CANCEL_ORDER_REJECT = 222
    TEMPLATE_MASS_QUOTE_RESPONSE = 230
    TEMPLATE_MASS_QUOTE_REJECT = 232
    TEMPLATE_MASS_CANCEL_RESPONSE = 240
    TEMPLATE_MASS_CANCEL_REJECT = 242
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE = 280
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT = 281
    TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE = 282
    TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT = 283
    TEMPLATE_ORDER_FILLED = 300
    TEMPLATE_ORDERS_CANCELED = 310
    TEMPLATE_ORDER_PLACED = 312
    TEMPLATE_MASS_QUOTE_ORDERS_PLACED = 314
    TEMPLATE_MASS_QUOTE_MMP_TRIGGERED = 320
    TEMPLATE_ORDERS_MMP_TRIGGERED = 322
    TEMPLATE_MASS_QUOTE_MMP_UNFROZEN = 324
    TEMPLATE_ORDERS_MMP_UNFROZEN = 326
    TEMPLATE_SESSION_OPTIONS_REQUEST = 4000
    TEMPLATE_SESSION_OPTIONS_RESPONSE = 4001
    TEMPLATE_CANCEL_ON_DISCONNECT_REQUEST = 4010
    TEMPLATE_CANCEL_ON_DISCONNECT_RESPONSE = 4011
    TEMPLATE_CANCEL_ALL_AFTER_REQUEST = 4020
    TEMPLATE_CANCEL_ALL_AFTER_RESPONSE = 4021
    TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT = 4030
    TEMPLATE_OPEN_ORDERS_REQUEST = 4040
    TEMPLATE_OPEN_ORDERS_RESPONSE = 4041
    TEMPLATE_DROP_COPY_EVENT = 4050

cdef enum:
    BOOL_FALSE = 0
    BOOL_TRUE = 1

cdef enum:
    SIDE_SELL = -1
    SIDE_BOTH = 0
    SIDE_BUY = 1

cdef enum:
    TIME_IN_FORCE_IOC = -2
    TIME_IN_FORCE_FOK = -1
    TIME_IN_FORCE_GTC = 0

cdef enum:
    SELF_TRADING_MODE_CANCEL_TAKER = 0
    SELF_TRADING_MODE_CANCEL_MAKER = 1

cdef enum:
    ORDER_STATUS_ACTIVE = 1
    ORDER_STATUS_FILLED = 2
    ORDER_STATUS_CANCELED = 3
    ORDER_STATUS_QUEUED = 4

cdef enum:
    QUOTE_STATUS_INACTIVE = 0
    QUOTE_STATUS_UNMODIFIED = 1
    QUOTE_STATUS_QTY_REDUCED = 2
    QUOTE_STATUS_UPDATED = 3
    QUOTE_STATUS_FILLED = 4
    QUOTE_STATUS_CANCELED_BY_REQUEST = 5
    QUOTE_STATUS_CANCELED_BY_MMP = 6
    QUOTE_STATUS_CANCELED_BY_SELF_MATCH = 7
    QUOTE_STATUS_SPEED_BUMPED = 8

cdef enum:
    CANCEL_REASON_UNKNOWN = 0
    CANCEL_REASON_SELF_MATCH_PREVENTION = 1
    CANCEL_REASON_TIME_IN_FORCE = 2
    CANCEL_REASON_ADMIN = 3
    CANCEL_REASON_MM_PROTECTION = 4
    CANCEL_REASON_LIQUIDATION = 5
    CANCEL_REASON_MARKET_STATE_TRANSITION = 6
    CANCEL_REASON_CLIENT_DISCONNECT = 7
    CANCEL_REASON_REDUCE_ONLY = 8
    CANCEL_REASON_DELIVERED = 9
    CANCEL_REASON_SETTLEMENT = 10
    CANCEL_REASON_BOOK_DEACTIVATED = 11
    CANCEL_REASON_BY_REQUEST = 12
    CANCEL_REASON_RISK_CHECK_TIMED_OUT = 13
    CANCEL_REASON_MMP_GROUP_DELETED = 14
    CANCEL_REASON_PORTFOLIO_LOCKED = 15
    CANCEL_REASON_POST_ONLY = 16
    CANCEL_REASON_QTY_TICK_SIZE_RESCALE = 17

cdef enum:
    ORDER_REJECT_REASON_SYSTEM_ERROR = 0
    ORDER_REJECT_REASON_INVALID_INSTRUMENT = 1
    ORDER_REJECT_REASON_INVALID_FIELD = 2
    ORDER_REJECT_REASON_INSUFFICIENT_MARGIN = 3
    ORDER_REJECT_REASON_DUPLICATE_CLIENT_ORDER_ID = 4
    ORDER_REJECT_REASON_INVALID_QUANTITY = 5
    ORDER_REJECT_REASON_INVALID_PRICE = 6
    ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE = 7
    ORDER_REJECT_REASON_POST_ONLY = 8
    ORDER_REJECT_REASON_TOO_MANY_OPEN_ORDERS = 9
    ORDER_REJECT_REASON_PERMISSION_ERROR = 10
    ORDER_REJECT_REASON_PORTFOLIO_NOT_FOUND = 11
    ORDER_REJECT_REASON_ORDER_NOT_FOUND = 12
    ORDER_REJECT_REASON_MMP_NOT_CONFIGURED = 13
    ORDER_REJECT_REASON_MMP_MAX_QUOTE_QTY_EXCEEDED = 14
    ORDER_REJECT_REASON_MMP_GROUP_FROZEN = 15
    ORDER_REJECT_REASON_INVALID_MARGIN_MODE = 16
    ORDER_REJECT_REASON_IN_LIQUIDATION = 17
    ORDER_REJECT_REASON_RISK_CHECK_TIMED_OUT = 18
    ORDER_REJECT_REASON_TOO_MANY_PENDING_REPLACES = 19
    ORDER_REJECT_REASON_ICEBERG_NOT_ALLOWED = 20
    ORDER_REJECT_REASON_INVALID_ALLOCATIONS = 21
    ORDER_REJECT_REASON_PRICE_TOO_HIGH = 22
    ORDER_REJECT_REASON_PRICE_TOO_LOW = 23
    ORDER_REJECT_REASON_PRICE_BAND_UNAVAILABLE = 24
    ORDER_REJECT_REASON_RATE_LIMIT = 25
    ORDER_REJECT_REASON_PORTFOLIO_LOCKED = 26
    ORDER_REJECT_REASON_POSITION_LIMIT_EXCEEDED = 27
    ORDER_REJECT_REASON_ORDER_SIZE_LIMIT_EXCEEDED = 28
    ORDER_REJECT_REASON_MEMBER_SPEED_BUMP_LIMIT_EXCEEDED = 29
    ORDER_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED = 30

cdef enum:
    CANCEL_ORDER_REJECT_REASON_ERROR = 0
    CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER = 1
    CANCEL_ORDER_REJECT_REASON_CLIENT_PERMISSION_ERROR = 2
    CANCEL_ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE = 3
    CANCEL_ORDER_REJECT_REASON_CANCEL_PENDING = 4
    CANCEL_ORDER_REJECT_REASON_IN_LIQUIDATION = 5
    CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT = 6
    CANCEL_ORDER_REJECT_REASON_TIME_IN_FORCE = 7
    CANCEL_ORDER_REJECT_REASON_SPEED_BUMP_CONVERTED_TO_IOC = 8

cdef enum:
    MASS_QUOTE_REJECT_REASON_SYSTEM_ERROR = 0
    MASS_QUOTE_REJECT_REASON_INVALID_MMP_GROUP = 1
    MASS_QUOTE_REJECT_REASON_MMP_GROUP_DISABLED = 2
    MASS_QUOTE_REJECT_REASON_MMP_GROUP_FROZEN = 3
    MASS_QUOTE_REJECT_REASON_TOO_MANY_QUOTES = 4
    MASS_QUOTE_REJECT_REASON_INVALID_INSTRUMENT = 5
    MASS_QUOTE_REJECT_REASON_RATE_LIMIT = 6
    MASS_QUOTE_REJECT_REASON_PORTFOLIO_LOCKED = 7
    MASS_QUOTE_REJECT_REASON_DUPLICATE_INSTRUMENT = 8
    MASS_QUOTE_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED = 9

cdef enum:
    MASS_CANCEL_REJECT_REASON_ERROR = 0
    MASS_CANCEL_REJECT_REASON_INVALID_MMP_GROUP = 1
    MASS_CANCEL_REJECT_REASON_CLIENT_PERMISSION_ERROR = 2
    MASS_CANCEL_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE = 3

cdef enum:
    MMP_STATUS_REJECT_REASON_SYSTEM_ERROR = 0
    MMP_STATUS_REJECT_REASON_INVALID_MMP_GROUP = 1

cdef enum:
    PRODUCT_TYPE_ALL = 0
    PRODUCT_TYPE_OPTIONS = 1
    PRODUCT_TYPE_FUTURES = 2
    PRODUCT_TYPE_COMBO_FUTURES = 3
    PRODUCT_TYPE_COMBO_OPTIONS = 4
    PRODUCT_TYPE_SPOT = 5

cdef enum:
    REJECT_REASON_INVALID_SCHEMA_ID = 1
    REJECT_REASON_INVALID_TEMPLATE_ID = 2
    REJECT_REASON_INVALID_BLOCK_LENGTH = 3
    REJECT_REASON_INVALID_FIELD_VALUE = 4
    REJECT_REASON_MESSAGE_DISABLED = 5
    REJECT_REASON_GATEWAY_NOT_ACTIVE = 6

cdef enum:
    MMP_TRIGGER_TYPE_QUANTITY = 0
    MMP_TRIGGER_TYPE_DELTA = 1
    MMP_TRIGGER_TYPE_VEGA = 2

cdef enum:
    CANCEL_ON_DISCONNECT_SCOPE_SESSION = 0
    CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO = 1

cdef enum:
    CANCEL_ON_DISCONNECT_STATUS_ACCEPTED = 0
    CANCEL_ON_DISCONNECT_STATUS_ALWAYS_ON = 1
    CANCEL_ON_DISCONNECT_STATUS_INVALID_SCOPE = 2
    CANCEL_ON_DISCONNECT_STATUS_NOT_ENTITLED = 3

cdef enum:
    CANCEL_ALL_AFTER_STATUS_ACCEPTED = 0
    CANCEL_ALL_AFTER_STATUS_TIMEOUT_OUT_OF_RANGE = 1
    CANCEL_ALL_AFTER_STATUS_INVALID_SCOPE = 2
    CANCEL_ALL_AFTER_STATUS_STALE_ARM_SEQUENCE = 3
    CANCEL_ALL_AFTER_STATUS_NOT_ENTITLED = 4

cdef enum:
    CAUSE_TCP_CLOSED = 1
    CAUSE_TCP_RESET = 2
    CAUSE_HEARTBEAT_MISSED = 3
    CAUSE_LOGOUT = 4
    CAUSE_DISPLACED = 5
    CAUSE_PROTOCOL_VIOLATION = 6
    CAUSE_SLOW_CONSUMER = 7
    CAUSE_DEAD_MAN_EXPIRED = 8
    CAUSE_GATEWAY_SHUTDOWN = 9
    CAUSE_GATEWAY_RESTARTED = 10
    CAUSE_GATEWAY_LOST = 11
    CAUSE_ADMIN = 12

cdef enum:
    ORDER_FLAGS_CANCEL_ON_DISCONNECT = 1
    ORDER_FLAGS_POST_ONLY = 2
    ORDER_FLAGS_POST_ONLY_REJECT = 4
    ORDER_FLAGS_MARKET_LIMIT = 8
    ORDER_FLAGS_MMP = 16
    ORDER_FLAGS_RESET_MMP = 32
    ORDER_FLAGS_MASK = 63

cdef enum:
    REPLACE_ORDER_FLAGS_POST_ONLY = 2
    REPLACE_ORDER_FLAGS_POST_ONLY_REJECT = 4
    REPLACE_ORDER_FLAGS_MASK = 6

cdef enum:
    MASS_QUOTE_FLAGS_RESET_MMP = 1
    MASS_QUOTE_FLAGS_MASK = 1

cdef enum:
    FILL_FLAGS_IS_QUOTE = 1
    FILL_FLAGS_IS_FULLY_FILLED = 2
    FILL_FLAGS_MASK = 3

cdef enum:
    CANCEL_FLAGS_IS_QUOTE = 1
    CANCEL_FLAGS_MASK = 1

cdef enum:
    MULTI_PART_EVENT_FLAGS_IS_LAST_MESSAGE = 1
    MULTI_PART_EVENT_FLAGS_MASK = 1

cdef enum:
    SESSION_OPTIONS_RECEIPTS = 1
    SESSION_OPTIONS_MASK = 1

cdef enum:
    OPEN_ORDER_FLAGS_IS_QUOTE = 1
    OPEN_ORDER_FLAGS_IS_COVERED = 2
    OPEN_ORDER_FLAGS_MASK = 3

cdef packed struct FrameHeader:
    uint8_t protocol_id
    uint8_t flags
    uint16_t message_length
    uint16_t message_type_id
    uint16_t version
    int64_t sequence_number
    int64_t last_processed_seq_no
    int64_t send_time_ns

cdef packed struct GroupDimension:
    uint16_t block_length
    uint16_t num_in_group

cdef packed struct Decimal72:
    int64_t mantissa
    int8_t exponent

cdef packed struct Logon:
    char[16] client_id
    char[48] secret
    int8_t reset_seq_num
    uint16_t schema_version
    int8_t cancel_on_disconnect

cdef packed struct LogonConf:
    int32_t heartbeat_interval_seconds
    uint16_t schema_version

cdef packed struct Heartbeat:
    int64_t correlation_id

cdef packed struct TestRequest:
    int64_t correlation_id

cdef packed struct ResendRequest:
    int64_t from_sequence_number
    int64_t to_sequence_number

cdef packed struct GapFill:
    int64_t new_sequence_number

cdef packed struct Reject:
    int64_t ref_sequence_number
    int8_t reason

cdef packed struct NewOrderRequest:
    int64_t client_order_id
    int64_t correlation_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 show_qty
    int64_t self_match_prevention_id
    int8_t side
    int8_t time_in_force
    uint16_t flags
    int8_t self_trading_mode

cdef packed struct AmendOrderRequest:
    int64_t client_order_id
    int64_t correlation_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 show_qty
    uint16_t flags

cdef packed struct CancelOrderRequest:
    int64_t client_order_id
    int64_t correlation_id
    int64_t instrument_id

cdef packed struct CancelOrderByIdRequest:
    int64_t order_id
    int64_t correlation_id
    int64_t instrument_id

cdef packed struct MassQuoteRequest:
    int64_t quote_id
    int64_t correlation_id
    int64_t mmp_group_id
    int64_t self_match_prevention_id
    uint8_t flags

cdef packed struct MassQuoteRequestQuotes:
    int64_t instrument_id
    int64_t bid_price
    int64_t ask_price
    Decimal72 bid_qty
    Decimal72 ask_qty
    uint16_t bid_flags
    uint16_t ask_flags

cdef packed struct MassCancelRequest:
    int64_t correlation_id
    int64_t currency_pair_id
    int64_t instrument_id
    int8_t product_type
    int8_t side

cdef packed struct MassQuoteCancelRequest:
    int64_t correlation_id
    int64_t mmp_group_id
    int8_t side

cdef packed struct GetMassQuoteMmpStatusRequest:
    int64_t correlation_id
    int64_t mmp_group_id

cdef packed struct GetOrdersMmpStatusRequest:
    int64_t correlation_id
    int64_t currency_pair_id

cdef packed struct NewOrderResponse:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 total_filled
    Decimal72 visible_qty
    int64_t receive_time
    int8_t side
    int8_t status
    int8_t cancel_reason

cdef packed struct NewOrderResponseFills:
    int64_t match_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct NewOrderResponseLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct NewOrderReject:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int8_t reason

cdef packed struct AmendOrderResponse:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 total_filled
    Decimal72 visible_qty
    int64_t receive_time
    int8_t status
    int8_t cancel_reason

cdef packed struct AmendOrderResponseFills:
    int64_t match_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct AmendOrderResponseLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct AmendOrderReject:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int8_t reason

cdef packed struct CancelOrderResponse:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int64_t receive_time
    Decimal72 quantity
    Decimal72 total_filled

cdef packed struct CancelOrderReject:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t correlation_id
    int64_t order_id
    int64_t instrument_id
    int8_t reason

cdef packed struct MassQuoteResponse:
    int64_t timestamp
    int64_t exec_id
    int64_t quote_id
    int64_t correlation_id
    int64_t mmp_group_id
    int64_t receive_time

cdef packed struct MassQuoteResponseQuotes:
    int64_t instrument_id
    int64_t bid_order_id
    int64_t ask_order_id
    int64_t bid_price
    int64_t ask_price
    Decimal72 bid_qty
    Decimal72 ask_qty
    Decimal72 bid_filled_qty
    Decimal72 ask_filled_qty
    int8_t bid_status
    int8_t ask_status
    int8_t bid_reject_reason
    int8_t ask_reject_reason

cdef packed struct MassQuoteResponseBidFills:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct MassQuoteResponseAskFills:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct MassQuoteResponseLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct MassQuoteReject:
    int64_t timestamp
    int64_t exec_id
    int64_t quote_id
    int64_t correlation_id
    int64_t mmp_group_id
    int8_t reason

cdef packed struct MassCancelResponse:
    int64_t timestamp
    int64_t exec_id
    int64_t correlation_id
    int64_t receive_time
    int32_t total_order_count

cdef packed struct MassCancelReject:
    int64_t timestamp
    int64_t exec_id
    int64_t correlation_id
    int8_t reason

cdef packed struct GetMassQuoteMmpStatusResponse:
    int64_t timestamp
    int64_t correlation_id
    int64_t mmp_group_id
    int64_t frozen_until_time

cdef packed struct GetMassQuoteMmpStatusReject:
    int64_t timestamp
    int64_t correlation_id
    int8_t reason

cdef packed struct GetOrdersMmpStatusResponse:
    int64_t timestamp
    int64_t correlation_id
    int64_t currency_pair_id
    int64_t frozen_until_time

cdef packed struct GetOrdersMmpStatusReject:
    int64_t timestamp
    int64_t correlation_id
    int8_t reason

cdef packed struct OrderFilled:
    int64_t timestamp
    int64_t exec_id

cdef packed struct OrderFilledFills:
    int64_t client_order_id
    int64_t order_id
    int64_t instrument_id
    int64_t match_id
    int64_t price
    Decimal72 fill_qty
    Decimal72 total_filled
    int8_t side
    uint8_t flags

cdef packed struct OrderFilledLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct OrdersCanceled:
    int64_t timestamp
    int64_t exec_id
    uint8_t flags

cdef packed struct OrdersCanceledOrders:
    int64_t client_order_id
    int64_t order_id
    int64_t instrument_id
    Decimal72 total_filled
    int8_t cancel_reason
    uint8_t flags

cdef packed struct OrderPlaced:
    int64_t timestamp
    int64_t exec_id
    int64_t client_order_id
    int64_t order_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 total_filled
    Decimal72 visible_qty
    int8_t status
    int8_t cancel_reason
    int8_t[3] padding3
    int64_t correlation_id

cdef packed struct OrderPlacedFills:
    int64_t match_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct OrderPlacedLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct MassQuoteOrdersPlaced:
    int64_t timestamp
    int64_t exec_id
    int64_t mmp_group_id

cdef packed struct MassQuoteOrdersPlacedOrders:
    int64_t client_order_id
    int64_t order_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 total_filled
    Decimal72 visible_qty
    int8_t side
    int8_t status
    int8_t cancel_reason

cdef packed struct MassQuoteOrdersPlacedFills:
    int64_t match_id
    int64_t order_id
    int64_t fill_price
    Decimal72 fill_qty

cdef packed struct MassQuoteOrdersPlacedLegs:
    int64_t match_id
    int64_t instrument_id
    int64_t fill_price
    Decimal72 fill_qty
    int8_t leg_side

cdef packed struct MassQuoteMmpTriggered:
    int64_t timestamp
    int64_t exec_id
    int64_t mmp_group_id
    int64_t frozen_until
    double quantity_level
    double vega_level
    double delta_level
    int8_t trigger

cdef packed struct OrdersMmpTriggered:
    int64_t timestamp
    int64_t exec_id
    int64_t currency_pair_id
    int64_t frozen_until
    double quantity_level
    double vega_level
    double delta_level
    int8_t trigger

cdef packed struct MassQuoteMmpUnfrozen:
    int64_t timestamp
    int64_t exec_id
    int64_t mmp_group_id
    int64_t correlation_id

cdef packed struct OrdersMmpUnfrozen:
    int64_t timestamp
    int64_t exec_id
    int64_t currency_pair_id
    int64_t correlation_id

cdef packed struct SessionOptionsRequest:
    int64_t correlation_id
    uint16_t options

cdef packed struct SessionOptionsResponse:
    int64_t correlation_id
    int64_t session_epoch
    uint16_t options

cdef packed struct CancelOnDisconnectRequest:
    int64_t correlation_id
    int8_t scope
    int8_t enabled

cdef packed struct CancelOnDisconnectResponse:
    int64_t correlation_id
    int8_t scope
    int8_t enabled
    int8_t active
    int8_t status
    int32_t covered_orders

cdef packed struct CancelAllAfterRequest:
    int64_t correlation_id
    uint32_t timeout_ms
    int64_t arm_sequence
    int8_t scope

cdef packed struct CancelAllAfterResponse:
    int64_t correlation_id
    int8_t status
    int8_t armed
    int64_t current_time
    int64_t trigger_time
    int64_t arm_sequence

cdef packed struct CancelOnDisconnectReceipt:
    char[16] client_id
    int64_t portfolio_id
    int64_t session_epoch
    int8_t cause
    int8_t scope
    int64_t last_heard_time
    int64_t detected_time
    int64_t fenced_time
    int64_t completed_time
    int32_t bound_count
    int32_t cancelled_count
    int32_t filled_count
    int32_t exempt_count
    int32_t unconfirmed_count
    int64_t first_sequence_number
    int64_t last_sequence_number
    uint64_t digest
    int64_t timestamp

cdef packed struct OpenOrdersRequest:
    int64_t correlation_id
    int8_t scope
    int8_t covered_only

cdef packed struct OpenOrdersResponse:
    int64_t correlation_id
    int64_t timestamp
    uint8_t flags

cdef packed struct OpenOrdersResponseOrders:
    int64_t client_order_id
    int64_t order_id
    int64_t instrument_id
    int64_t price
    Decimal72 quantity
    Decimal72 total_filled
    int8_t side
    uint8_t flags

cdef packed struct DropCopyEvent:
    char[16] origin_client_id
    int64_t portfolio_id
    int64_t session_epoch
    int64_t origin_sequence_number

cdef inline int senders(int template_id) noexcept nogil:
    """SENDER_CLIENT, SENDER_SERVER or both; 0 for an id that nobody sends."""
    if template_id == TEMPLATE_LOGON:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_LOGON_CONF:
        return SENDER_SERVER
    elif template_id == TEMPLATE_LOGOUT:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_LOGGED_OUT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_HEARTBEAT:
        return SENDER_CLIENT | SENDER_SERVER
    elif template_id == TEMPLATE_TEST_REQUEST:
        return SENDER_CLIENT | SENDER_SERVER
    elif template_id == TEMPLATE_RESEND_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_GAP_FILL:
        return SENDER_SERVER
    elif template_id == TEMPLATE_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_NEW_ORDER_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_AMEND_ORDER_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_CANCEL_ORDER_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_MASS_QUOTE_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_MASS_CANCEL_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_MASS_QUOTE_CANCEL_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_NEW_ORDER_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_NEW_ORDER_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_AMEND_ORDER_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_AMEND_ORDER_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_CANCEL_ORDER_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_CANCEL_ORDER_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_QUOTE_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_QUOTE_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_CANCEL_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_CANCEL_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_ORDER_FILLED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_ORDERS_CANCELED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_ORDER_PLACED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_QUOTE_ORDERS_PLACED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_QUOTE_MMP_TRIGGERED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_ORDERS_MMP_TRIGGERED:
        return SENDER_SERVER
    elif template_id == TEMPLATE_MASS_QUOTE_MMP_UNFROZEN:
        return SENDER_SERVER
    elif template_id == TEMPLATE_ORDERS_MMP_UNFROZEN:
        return SENDER_SERVER
    elif template_id == TEMPLATE_SESSION_OPTIONS_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_SESSION_OPTIONS_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_CANCEL_ALL_AFTER_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_CANCEL_ALL_AFTER_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT:
        return SENDER_SERVER
    elif template_id == TEMPLATE_OPEN_ORDERS_REQUEST:
        return SENDER_CLIENT
    elif template_id == TEMPLATE_OPEN_ORDERS_RESPONSE:
        return SENDER_SERVER
    elif template_id == TEMPLATE_DROP_COPY_EVENT:
        return SENDER_SERVER
    return 0

cdef inline int since_version(int template_id) noexcept nogil:
    """Schema version that added a message, 0 for those of the beginning, the extensions and unknown ids."""
    if template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST:
        return 3
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST:
        return 10
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST:
        return 10
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE:
        return 10
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT:
        return 10
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE:
        return 10
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT:
        return 10
    return 0

cdef inline uint16_t version_stamp(int template_id, int version) noexcept nogil:
    """What the server writes into a frame's version field for a session of `version`."""
    if template_id == TEMPLATE_LOGON:
        return 13 if version >= 13 else 12 if version >= 12 else 0
    elif template_id == TEMPLATE_LOGON_CONF:
        return 12 if version >= 12 else 0
    elif template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST:
        return 3 if version >= 3 else 0
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_CANCEL_ORDER_RESPONSE:
        return 16 if version >= 16 else 0
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT:
        return 10 if version >= 10 else 0
    elif template_id == TEMPLATE_ORDER_PLACED:
        return 8 if version >= 8 else 0
    return 0

cdef inline int root_length(int template_id, int version) noexcept nogil:
    """Bytes of a message's root block at a schema version; -1 for an id that nobody sends."""
    if template_id == TEMPLATE_LOGON:
        return 68 if version >= 13 else 67 if version >= 12 else 65
    elif template_id == TEMPLATE_LOGON_CONF:
        return 6 if version >= 12 else 4
    elif template_id == TEMPLATE_LOGOUT:
        return 0
    elif template_id == TEMPLATE_LOGGED_OUT:
        return 0
    elif template_id == TEMPLATE_HEARTBEAT:
        return 8
    elif template_id == TEMPLATE_TEST_REQUEST:
        return 8
    elif template_id == TEMPLATE_RESEND_REQUEST:
        return 16
    elif template_id == TEMPLATE_GAP_FILL:
        return 8
    elif template_id == TEMPLATE_REJECT:
        return 9
    elif template_id == TEMPLATE_NEW_ORDER_REQUEST:
        return 63
    elif template_id == TEMPLATE_AMEND_ORDER_REQUEST:
        return 52
    elif template_id == TEMPLATE_CANCEL_ORDER_REQUEST:
        return 24
    elif template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST:
        return 24
    elif template_id == TEMPLATE_MASS_QUOTE_REQUEST:
        return 33
    elif template_id == TEMPLATE_MASS_CANCEL_REQUEST:
        return 26
    elif template_id == TEMPLATE_MASS_QUOTE_CANCEL_REQUEST:
        return 17
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST:
        return 16
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST:
        return 16
    elif template_id == TEMPLATE_NEW_ORDER_RESPONSE:
        return 94
    elif template_id == TEMPLATE_NEW_ORDER_REJECT:
        return 49
    elif template_id == TEMPLATE_AMEND_ORDER_RESPONSE:
        return 93
    elif template_id == TEMPLATE_AMEND_ORDER_REJECT:
        return 49
    elif template_id == TEMPLATE_CANCEL_ORDER_RESPONSE:
        return 74 if version >= 16 else 56
    elif template_id == TEMPLATE_CANCEL_ORDER_REJECT:
        return 49
    elif template_id == TEMPLATE_MASS_QUOTE_RESPONSE:
        return 48
    elif template_id == TEMPLATE_MASS_QUOTE_REJECT:
        return 41
    elif template_id == TEMPLATE_MASS_CANCEL_RESPONSE:
        return 36
    elif template_id == TEMPLATE_MASS_CANCEL_REJECT:
        return 25
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE:
        return 32
    elif template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT:
        return 17
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE:
        return 32
    elif template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT:
        return 17
    elif template_id == TEMPLATE_ORDER_FILLED:
        return 16
    elif template_id == TEMPLATE_ORDERS_CANCELED:
        return 17
    elif template_id == TEMPLATE_ORDER_PLACED:
        return 88 if version >= 8 else 77
    elif template_id == TEMPLATE_MASS_QUOTE_ORDERS_PLACED:
        return 24
    elif template_id == TEMPLATE_MASS_QUOTE_MMP_TRIGGERED:
        return 57
    elif template_id == TEMPLATE_ORDERS_MMP_TRIGGERED:
        return 57
    elif template_id == TEMPLATE_MASS_QUOTE_MMP_UNFROZEN:
        return 32
    elif template_id == TEMPLATE_ORDERS_MMP_UNFROZEN:
        return 32
    elif template_id == TEMPLATE_SESSION_OPTIONS_REQUEST:
        return 10
    elif template_id == TEMPLATE_SESSION_OPTIONS_RESPONSE:
        return 18
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_REQUEST:
        return 10
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_RESPONSE:
        return 16
    elif template_id == TEMPLATE_CANCEL_ALL_AFTER_REQUEST:
        return 21
    elif template_id == TEMPLATE_CANCEL_ALL_AFTER_RESPONSE:
        return 34
    elif template_id == TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT:
        return 118
    elif template_id == TEMPLATE_OPEN_ORDERS_REQUEST:
        return 10
    elif template_id == TEMPLATE_OPEN_ORDERS_RESPONSE:
        return 17
    elif template_id == TEMPLATE_DROP_COPY_EVENT:
        return 40
    return -1
