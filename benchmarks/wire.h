/* The few frames of the order-entry protocol that the floor and the load generator speak, as packed structs that
 * overlay the buffer. Layouts: the protocol page, sections 1 to 3; extension messages for 4050. Offsets follow from
 * the order of the fields; the assertions below compare each frame's size with the published one. */
#ifndef BREAKWIRE_BENCHMARKS_WIRE_H
#define BREAKWIRE_BENCHMARKS_WIRE_H

#include <stdint.h>
#include <time.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, and so must this machine be");

#define PACKED __attribute__((packed))
#define PADDED_SIZE(size) (((size) + 7u) & ~7u)

enum {
    PROTOCOL_ID = 0xDB,
    HEADER_SIZE = 32,
    SCHEMA_VERSION = 17,
    FRAME_SIZE_MAX_OUT = 65448, /* largest frame that still fits inside a DropCopyEvent */
    ORDERS_PER_CANCEL_FRAME = 1868,
};

enum template_id {
    TEMPLATE_LOGON = 1,
    TEMPLATE_LOGON_CONF = 2,
    TEMPLATE_LOGGED_OUT = 5,
    TEMPLATE_HEARTBEAT = 10,
    TEMPLATE_TEST_REQUEST = 11,
    TEMPLATE_NEW_ORDER_REQUEST = 100,
    TEMPLATE_CANCEL_ORDER_REQUEST = 120,
    TEMPLATE_NEW_ORDER_RESPONSE = 200,
    TEMPLATE_NEW_ORDER_REJECT = 202,
    TEMPLATE_CANCEL_ORDER_RESPONSE = 220,
    TEMPLATE_CANCEL_ORDER_REJECT = 222,
    TEMPLATE_ORDERS_CANCELED = 310,
    TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT = 4030,
    TEMPLATE_DROP_COPY_EVENT = 4050,
};

enum {
    SIDE_BUY = 1,
    SIDE_SELL = -1,
    ORDER_STATUS_ACTIVE = 1,
    ORDER_STATUS_CANCELED = 3,
    TIME_IN_FORCE_IOC = -2,
    CANCEL_REASON_CLIENT_DISCONNECT = 7,
    ORDER_REJECT_DUPLICATE_CLIENT_ORDER_ID = 4,
    CANCEL_REJECT_UNKNOWN_ORDER = 1,
    IS_LAST_MESSAGE = 1,
    EXPONENT = -9,
};

struct PACKED frame_header {
    uint8_t protocol_id, flags;
    uint16_t message_length, message_type_id, version;
    int64_t sequence_number, last_processed_seq_no, send_time_ns;
};

struct PACKED decimal72 {
    int64_t mantissa;
    int8_t exponent;
};

struct PACKED group_dimension {
    uint16_t block_length, num_in_group;
};

struct PACKED logon {
    struct frame_header header;
    char client_id[16], secret[48];
    int8_t reset_seq_num;
    uint16_t schema_version;
    int8_t cancel_on_disconnect;
};

struct PACKED logon_conf {
    struct frame_header header;
    int32_t heartbeat_interval_s;
    uint16_t schema_version;
};

struct PACKED logged_out {
    struct frame_header header;
    uint8_t reason_length;
    char reason[];
};

struct PACKED heartbeat { /* and TestRequest */
    struct frame_header header;
    int64_t correlation_id;
};

struct PACKED new_order_request {
    struct frame_header header;
    int64_t client_order_id, correlation_id, instrument_id, price;
    struct decimal72 quantity, show_quantity;
    int64_t self_match_prevention_id;
    int8_t side, time_in_force;
    uint16_t flags;
    int8_t self_trading_mode;
};

struct PACKED cancel_order_request {
    struct frame_header header;
    int64_t client_order_id, correlation_id, instrument_id;
};

struct PACKED new_order_response {
    struct frame_header header;
    int64_t timestamp, exec_id, client_order_id, correlation_id, order_id, instrument_id, price;
    struct decimal72 quantity, total_filled, visible_quantity;
    int64_t receive_time;
    int8_t side, status, cancel_reason;
    struct group_dimension fills, legs;
};

struct PACKED cancel_order_response {
    struct frame_header header;
    int64_t timestamp, exec_id, client_order_id, correlation_id, order_id, instrument_id, receive_time;
    struct decimal72 quantity, total_filled;
};

struct PACKED order_reject { /* NewOrderReject and CancelOrderReject */
    struct frame_header header;
    int64_t timestamp, exec_id, client_order_id, correlation_id, order_id, instrument_id;
    int8_t reason;
    uint8_t details_length;
};

struct PACKED canceled_order {
    int64_t client_order_id, order_id, instrument_id;
    struct decimal72 total_filled;
    int8_t cancel_reason;
    uint8_t flags;
};

struct PACKED orders_canceled {
    struct frame_header header;
    int64_t timestamp, exec_id;
    uint8_t flags;
    struct group_dimension orders;
    struct canceled_order order[];
};

struct PACKED receipt {
    struct frame_header header;
    char client_id[16];
    int64_t portfolio_id, session_epoch;
    int8_t cause, scope;
    int64_t last_heard_time, detected_time, fenced_time, completed_time;
    int32_t bound_count, canceled_count, filled_count, exempt_count, unconfirmed_count;
    int64_t first_sequence_number, last_sequence_number;
    uint64_t digest;
    int64_t timestamp;
};

struct PACKED drop_copy_event {
    struct frame_header header;
    char origin_client_id[16];
    int64_t portfolio_id, session_epoch, origin_sequence_number;
    uint16_t frame_length;
    struct frame_header frame; /* only the start of it: the rest follows */
};

_Static_assert(sizeof(struct frame_header) == HEADER_SIZE, "header");
_Static_assert(PADDED_SIZE(sizeof(struct logon)) == 104, "Logon");
_Static_assert(PADDED_SIZE(sizeof(struct logon_conf)) == 40, "LogonConf");
_Static_assert(sizeof(struct heartbeat) == 40, "Heartbeat");
_Static_assert(sizeof(struct new_order_request) == 95, "NewOrderRequest");
_Static_assert(sizeof(struct cancel_order_request) == 56, "CancelOrderRequest");
_Static_assert(sizeof(struct new_order_response) == 134, "NewOrderResponse");
_Static_assert(sizeof(struct cancel_order_response) == 106, "CancelOrderResponse");
_Static_assert(sizeof(struct order_reject) == 82, "NewOrderReject, CancelOrderReject");
_Static_assert(sizeof(struct canceled_order) == 35, "entry of OrdersCanceled");
_Static_assert(sizeof(struct orders_canceled) == 53, "OrdersCanceled");
_Static_assert(PADDED_SIZE(sizeof(struct orders_canceled) + ORDERS_PER_CANCEL_FRAME * sizeof(struct canceled_order)) <=
                   FRAME_SIZE_MAX_OUT, "OrdersCanceled fits inside a DropCopyEvent");
_Static_assert(sizeof(struct receipt) == 32 + 118, "CancelOnDisconnectReceipt");
_Static_assert(sizeof(struct drop_copy_event) == 32 + 40 + 2 + 32, "DropCopyEvent");

static inline int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
