/* One connection of the load generator: framing, sequence numbers, logon, heartbeats; and the making and checking of
 * orders. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_SIZE (1u << 18)
#define READ_SIZE 65536u
#define PATIENCE_NS (10 * (int64_t)NANOS)

_Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

int64_t monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

/* ---- bytes ---- */

static void connect_to(struct client *client, long port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect to port %ld: %s", port, strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void client_send(struct client *client, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t taken = send(client->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0 && errno != EAGAIN && errno != EINTR)
            fail("%s: send: %s", client->name, strerror(errno));
        if (taken > 0) {
            at += taken;
            size -= (size_t)taken;
        }
    }
    client->last_sent_ns = monotonic_ns();
}

/* Looks at the clock only now and then: an empty read must stay cheap. */
static void lose_patience(struct client *client) {
    client->empty_reads++;
    if (client->empty_reads % 1024 != 0)
        return;
    int64_t now = monotonic_ns();
    if (client->waiting_since_ns == 0)
        client->waiting_since_ns = now;
    if (now - client->waiting_since_ns > PATIENCE_NS)
        fail("%s: nothing came for 10 s; last number received %ld, sent %ld", client->name, (long)client->received,
             (long)client->sent);
}

void client_receive(struct client *client) {
    if (client->start == client->end)
        client->start = client->end = 0;
    if (INPUT_SIZE - client->end < READ_SIZE) {
        memmove(client->input, client->input + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
    }
    ssize_t received = recv(client->fd, client->input + client->end, READ_SIZE, MSG_DONTWAIT);
    client->reads++;
    if (received == 0)
        fail("%s: the server closed the connection", client->name);
    if (received < 0 && errno != EAGAIN && errno != EINTR)
        fail("%s: recv: %s", client->name, strerror(errno));
    if (received > 0) {
        client->end += (size_t)received;
        client->waiting_since_ns = 0;
    } else {
        lose_patience(client);
    }
}

/* ---- frames ---- */

const struct frame_header *client_any_frame(struct client *client) {
    size_t size = client->end - client->start;
    const struct frame_header *frame = (const void *)(client->input + client->start);
    if (size < HEADER_SIZE)
        return NULL;
    if (frame->protocol_id != PROTOCOL_ID || frame->message_length < HEADER_SIZE)
        fail("%s: not a frame: protocol id %#x, length %d", client->name, frame->protocol_id, frame->message_length);
    if (size < frame->message_length)
        return NULL;
    client->start += frame->message_length;
    return frame;
}

void client_stamp(struct client *client, struct frame_header *header) {
    header->sequence_number = ++client->sent;
    header->last_processed_seq_no = client->received;
}

static struct frame_header request_header(size_t size, uint16_t template_id) {
    return (struct frame_header){
        .protocol_id = PROTOCOL_ID,
        .message_length = (uint16_t)PADDED_SIZE(size),
        .message_type_id = template_id,
        .version = SCHEMA_VERSION,
        .send_time_ns = clock_ns(CLOCK_REALTIME),
    };
}

static void send_heartbeat(struct client *client, uint16_t template_id, int64_t correlation_id) {
    struct heartbeat frame = {request_header(sizeof frame, template_id), correlation_id};
    client_stamp(client, &frame.header);
    client_send(client, &frame, sizeof frame);
}

void client_test(struct client *client) {
    send_heartbeat(client, TEMPLATE_TEST_REQUEST, client->sent + 1);
}

void client_keep_alive(struct client *client) {
    if (!client->echo && monotonic_ns() - client->last_sent_ns > client->heartbeat_interval_ns / 2)
        send_heartbeat(client, TEMPLATE_HEARTBEAT, 0);
}

/* Whether the frame was the session layer's own business. */
static bool deal_with(struct client *client, const struct frame_header *frame) {
    const struct heartbeat *probe = (const void *)frame;
    switch (frame->message_type_id) {
    case TEMPLATE_HEARTBEAT:
        return probe->correlation_id == 0;
    case TEMPLATE_TEST_REQUEST:
        send_heartbeat(client, TEMPLATE_HEARTBEAT, probe->correlation_id);
        return true;
    case TEMPLATE_LOGGED_OUT: {
        const struct logged_out *farewell = (const void *)frame;
        fail("%s: logged out: %.*s", client->name, farewell->reason_length, farewell->reason);
    }
    default:
        return false;
    }
}

const struct frame_header *client_next_frame(struct client *client) {
    const struct frame_header *frame;
    while ((frame = client_any_frame(client)) != NULL) {
        if (frame->message_type_id == TEMPLATE_LOGGED_OUT || frame->sequence_number == client->received + 1)
            client->received++;
        else
            fail("%s: frame %d has number %ld, not %ld", client->name, frame->message_type_id,
                 (long)frame->sequence_number, (long)client->received + 1);
        if (client->echo || !deal_with(client, frame))
            return frame;
    }
    return NULL;
}

static const struct frame_header *wait_for_frame(struct client *client) {
    const struct frame_header *frame;
    while ((frame = client_next_frame(client)) == NULL)
        client_receive(client);
    return frame;
}

void client_round_trip(struct client *client, each_frame *each, void *context) {
    const struct frame_header *frame;
    int64_t correlation_id = client->sent + 1;
    send_heartbeat(client, TEMPLATE_TEST_REQUEST, correlation_id);
    for (;;) {
        frame = wait_for_frame(client);
        if (frame->message_type_id == TEMPLATE_HEARTBEAT) {
            if (((const struct heartbeat *)(const void *)frame)->correlation_id != correlation_id)
                fail("%s: a Heartbeat answers no TestRequest of ours", client->name);
            return;
        }
        each(context, frame);
    }
}

/* ---- the connection's life ---- */

void client_open(struct client *client, const struct options *options, const char *client_id, const char *secret) {
    uint8_t *input = client->input != NULL ? client->input : malloc(INPUT_SIZE);
    if (input == NULL)
        fail("no memory");
    *client = (struct client){.name = client_id, .echo = options->echo, .input = input};
    connect_to(client, options->port);
    struct {
        struct logon logon;
        uint8_t padding[PADDED_SIZE(sizeof(struct logon)) - sizeof(struct logon)];
    } frame = {.logon = {.header = request_header(sizeof frame.logon, TEMPLATE_LOGON),
                         .reset_seq_num = 1,
                         .schema_version = SCHEMA_VERSION}};
    memcpy(frame.logon.client_id, client_id, strnlen(client_id, sizeof frame.logon.client_id));
    memcpy(frame.logon.secret, secret, strnlen(secret, sizeof frame.logon.secret));
    client_stamp(client, &frame.logon.header);
    client_send(client, &frame, sizeof frame);
    const struct frame_header *answer = wait_for_frame(client);
    if (answer->message_type_id != (client->echo ? TEMPLATE_LOGON : TEMPLATE_LOGON_CONF))
        fail("%s: the logon was answered with %d", client_id, answer->message_type_id);
    const struct logon_conf *confirmation = (const void *)answer;
    if (!client->echo)
        client->heartbeat_interval_ns = confirmation->heartbeat_interval_s * (int64_t)NANOS;
}

void client_close(struct client *client) {
    close(client->fd);
    client->fd = -1;
}

/* ---- orders ---- */

#define MASK_63 INT64_MAX

int64_t shuffled_id(int64_t seed, int64_t n) {
    uint64_t id = ((uint64_t)seed * 0x9E3779B97F4A7C15u + (uint64_t)n) & MASK_63;
    id = ((id ^ id >> 31) * 0xBF58476D1CE4E5B9u) & MASK_63;
    id = ((id ^ id >> 29) * 0x94D049BB133111EBu) & MASK_63;
    return (int64_t)(id ^ id >> 32);
}

uint64_t random_number(void) {
    static uint64_t state = 88172645463325252u; /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void fill_new_order(struct new_order_request *request, int64_t client_order_id, int64_t correlation_id, long levels) {
    uint64_t random = random_number();
    int8_t side = random & 1 ? SIDE_BUY : SIDE_SELL;
    *request = (struct new_order_request){
        .header = {.protocol_id = PROTOCOL_ID,
                   .message_length = PADDED_SIZE(sizeof *request),
                   .message_type_id = TEMPLATE_NEW_ORDER_REQUEST,
                   .version = SCHEMA_VERSION},
        .client_order_id = client_order_id,
        .correlation_id = correlation_id,
        .instrument_id = INSTRUMENT_ID,
        .price = PRICE_MIDDLE - side * PRICE_TICK * (int64_t)(1 + (random >> 1) % (uint64_t)levels),
        .quantity = {QUANTITY, EXPONENT},
        .show_quantity = {INT64_MIN, 0},
        .self_match_prevention_id = INT64_MIN,
        .side = side,
    };
}

void fill_cancel(struct cancel_order_request *request, int64_t client_order_id, int64_t correlation_id) {
    *request = (struct cancel_order_request){
        .header = {.protocol_id = PROTOCOL_ID,
                   .message_length = sizeof *request,
                   .message_type_id = TEMPLATE_CANCEL_ORDER_REQUEST,
                   .version = SCHEMA_VERSION},
        .client_order_id = client_order_id,
        .correlation_id = correlation_id,
        .instrument_id = INSTRUMENT_ID,
    };
}

int64_t check_accepted(const struct frame_header *frame, int64_t client_order_id, int64_t correlation_id,
                       int64_t price) {
    const struct new_order_response *answer = (const void *)frame;
    if (frame->message_type_id == TEMPLATE_NEW_ORDER_REJECT)
        fail("a new order was rejected, reason %d", ((const struct order_reject *)(const void *)frame)->reason);
    if (frame->message_type_id != TEMPLATE_NEW_ORDER_RESPONSE || frame->message_length != PADDED_SIZE(sizeof *answer))
        fail("a new order was answered with %d, %d bytes", frame->message_type_id, frame->message_length);
    if (answer->client_order_id != client_order_id || answer->correlation_id != correlation_id)
        fail("an acceptance for another order than the oldest in flight");
    if (answer->status != ORDER_STATUS_ACTIVE || answer->price != price || answer->quantity.mantissa != QUANTITY ||
        answer->visible_quantity.mantissa != QUANTITY || answer->total_filled.mantissa != 0 || answer->order_id <= 0 ||
        answer->instrument_id != INSTRUMENT_ID || answer->fills.num_in_group != 0 || answer->legs.num_in_group != 0)
        fail("an acceptance says something else than the order: status %d, price %ld", answer->status,
             (long)answer->price);
    return answer->order_id;
}
