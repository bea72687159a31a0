/* floor: the least a server of this protocol can do for an order, written by hand in C on epoll. The gateway is
 * measured against it.
 *
 *     floor [orders_max]          listens on a free port of 127.0.0.1 and says which on stderr, as the gateway does
 *
 * For a NewOrderRequest: frame it, find or insert its clientOrderId in an open-addressing table, link the order into
 * its session's list, answer with a whole NewOrderResponse. For a CancelOrderRequest: find, unlink, erase, answer.
 * One recv of at most 64 KiB per ready socket and turn, one send for all answers to it. Nothing else is done, and
 * the peer is trusted: no credentials, no checks of values or numbers, no book, no stream to resend from, no
 * heartbeats of its own.
 *
 * When a connection ends (FIN and RST alike) it empties that session's list. If a drop-copy connection exists (a
 * client id that begins with "drop") the cancelled orders are told to it as OrdersCanceled inside DropCopyEvents, so
 * that a loss has a floor too. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define READ_SIZE 65536u
/* The shortest request is a frame of 40 bytes, the longest answer one of 136. */
#define ANSWERS_SIZE ((2 * READ_SIZE / 40 + 1) * 136)
#define CONNECTIONS_MAX 64
#define NONE UINT32_MAX

struct order {
    int64_t client_order_id, order_id;
    struct decimal72 quantity;
    uint32_t previous, next; /* of the session's list; `next` links the free list too */
};

struct slot {
    int64_t client_order_id;
    uint32_t order; /* NONE: the slot is free */
};

struct connection {
    int fd;
    uint32_t first_order;
    int64_t sent, received; /* sequence numbers */
    char client_id[16];
    size_t partial_size;    /* bytes of an incomplete frame at the start of `input` */
    uint8_t *backlog;       /* what the socket did not take: [backlog_start, backlog_end) */
    size_t backlog_start, backlog_end, backlog_capacity;
    uint8_t input[2 * READ_SIZE];
};

static struct order *orders;
static uint32_t first_free_order;
static struct slot *slots;
static uint64_t slot_mask;
static int slot_shift;
static int64_t last_order_id, last_exec_id, now_ns;
static struct connection *connections[CONNECTIONS_MAX];
static int poll_fd, listen_fd;
static uint8_t answers[ANSWERS_SIZE];

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* ---- orders: a slab, an open-addressing table with linear probing and no tombstones, a list per session ---- */

static uint64_t home_slot(int64_t client_order_id) {
    return ((uint64_t)client_order_id * 0x9E3779B97F4A7C15u) >> slot_shift;
}

static uint64_t find_slot(int64_t client_order_id) {
    uint64_t at = home_slot(client_order_id);
    while (slots[at].order != NONE && slots[at].client_order_id != client_order_id)
        at = (at + 1) & slot_mask;
    return at;
}

static void erase_slot(uint64_t hole) {
    for (uint64_t at = (hole + 1) & slot_mask; slots[at].order != NONE; at = (at + 1) & slot_mask) {
        uint64_t distance_from_home = (at - home_slot(slots[at].client_order_id)) & slot_mask;
        if (distance_from_home >= ((at - hole) & slot_mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].order = NONE;
}

static void remove_order(struct connection *session, uint32_t index) {
    struct order *order = &orders[index];
    if (order->previous == NONE)
        session->first_order = order->next;
    else
        orders[order->previous].next = order->next;
    if (order->next != NONE)
        orders[order->next].previous = order->previous;
    order->next = first_free_order;
    first_free_order = index;
}

static void create_orders(uint32_t orders_max) {
    int bits = 4;
    while ((1u << bits) < 2 * orders_max)
        bits++;
    slot_mask = (1u << bits) - 1;
    slot_shift = 64 - bits;
    slots = malloc((slot_mask + 1) * sizeof *slots);
    orders = malloc(orders_max * sizeof *orders);
    if (slots == NULL || orders == NULL)
        die("malloc");
    for (uint64_t at = 0; at <= slot_mask; at++)
        slots[at].order = NONE;
    for (uint32_t index = 0; index < orders_max; index++)
        orders[index].next = index + 1 < orders_max ? index + 1 : NONE;
    first_free_order = 0;
}

/* ---- bytes out ---- */

static void watch(struct connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poll_fd, operation, connection->fd, &event) < 0)
        die("epoll_ctl");
}

static void keep_unsent(struct connection *connection, const uint8_t *bytes, size_t size) {
    if (connection->backlog_end + size > connection->backlog_capacity) {
        connection->backlog_capacity = 2 * (connection->backlog_end + size);
        connection->backlog = realloc(connection->backlog, connection->backlog_capacity);
        if (connection->backlog == NULL)
            die("realloc");
    }
    if (connection->backlog_end == 0)
        watch(connection, EPOLL_CTL_MOD, EPOLLOUT); /* no reading before the peer has taken its answers */
    memcpy(connection->backlog + connection->backlog_end, bytes, size);
    connection->backlog_end += size;
}

/* Errors of a send are left to the read side, which meets the same loss. */
static void transmit(struct connection *connection, const uint8_t *bytes, size_t size) {
    ssize_t taken = 0;
    if (connection->backlog_end == 0)
        taken = send(connection->fd, bytes, size, MSG_NOSIGNAL);
    if (taken < 0)
        taken = errno == EAGAIN ? 0 : (ssize_t)size;
    if ((size_t)taken < size)
        keep_unsent(connection, bytes + taken, size - (size_t)taken);
}

static void transmit_backlog(struct connection *connection) {
    ssize_t taken = send(connection->fd, connection->backlog + connection->backlog_start,
                         connection->backlog_end - connection->backlog_start, MSG_NOSIGNAL);
    if (taken < 0)
        taken = errno == EAGAIN ? 0 : (ssize_t)(connection->backlog_end - connection->backlog_start);
    connection->backlog_start += (size_t)taken;
    if (connection->backlog_start == connection->backlog_end) {
        connection->backlog_start = connection->backlog_end = 0;
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static void put_header(struct connection *connection, void *frame, size_t size, uint16_t template_id,
                       uint16_t version) {
    struct frame_header *header = frame;
    size_t padded = PADDED_SIZE(size);
    memset((uint8_t *)frame + size, 0, padded - size);
    *header = (struct frame_header){
        .protocol_id = PROTOCOL_ID,
        .message_length = (uint16_t)padded,
        .message_type_id = template_id,
        .version = version,
        .sequence_number = ++connection->sent,
        .last_processed_seq_no = connection->received,
        .send_time_ns = now_ns,
    };
}

/* ---- requests: each writes its answer at `out` and returns the answer's size ---- */

static size_t reject(struct connection *session, const struct frame_header *request, uint16_t template_id,
                     int8_t reason, uint8_t *out) {
    const struct cancel_order_request *ids = (const void *)request; /* both requests begin with the same three ids */
    struct order_reject *answer = (void *)out;
    *answer = (struct order_reject){
        .timestamp = now_ns,
        .exec_id = ++last_exec_id,
        .client_order_id = ids->client_order_id,
        .correlation_id = ids->correlation_id,
        .order_id = INT64_MIN,
        .instrument_id = ids->instrument_id,
        .reason = reason,
    };
    put_header(session, out, sizeof *answer, template_id, 0);
    return PADDED_SIZE(sizeof *answer);
}

static size_t new_order(struct connection *session, const struct new_order_request *request, uint8_t *out) {
    uint64_t at = find_slot(request->client_order_id);
    if (slots[at].order != NONE)
        return reject(session, &request->header, TEMPLATE_NEW_ORDER_REJECT, ORDER_REJECT_DUPLICATE_CLIENT_ORDER_ID,
                      out);
    if (first_free_order == NONE)
        return reject(session, &request->header, TEMPLATE_NEW_ORDER_REJECT, 0, out);
    uint32_t index = first_free_order;
    struct order *order = &orders[index];
    first_free_order = order->next;
    *order = (struct order){request->client_order_id, ++last_order_id, request->quantity, NONE, session->first_order};
    if (session->first_order != NONE)
        orders[session->first_order].previous = index;
    session->first_order = index;
    slots[at] = (struct slot){request->client_order_id, index};

    struct new_order_response *answer = (void *)out;
    answer->timestamp = now_ns;
    answer->exec_id = ++last_exec_id;
    answer->client_order_id = request->client_order_id;
    answer->correlation_id = request->correlation_id;
    answer->order_id = order->order_id;
    answer->instrument_id = request->instrument_id;
    answer->price = request->price;
    answer->quantity = answer->visible_quantity = request->quantity;
    answer->total_filled = (struct decimal72){0, EXPONENT};
    answer->receive_time = now_ns;
    answer->side = request->side;
    answer->status = ORDER_STATUS_ACTIVE;
    answer->cancel_reason = 0;
    answer->fills = (struct group_dimension){25, 0};
    answer->legs = (struct group_dimension){34, 0};
    put_header(session, out, sizeof *answer, TEMPLATE_NEW_ORDER_RESPONSE, 0);
    return PADDED_SIZE(sizeof *answer);
}

static size_t cancel_order(struct connection *session, const struct cancel_order_request *request, uint8_t *out) {
    uint64_t at = find_slot(request->client_order_id);
    uint32_t index = slots[at].order;
    if (index == NONE)
        return reject(session, &request->header, TEMPLATE_CANCEL_ORDER_REJECT, CANCEL_REJECT_UNKNOWN_ORDER, out);
    struct cancel_order_response *answer = (void *)out;
    answer->timestamp = now_ns;
    answer->exec_id = ++last_exec_id;
    answer->client_order_id = request->client_order_id;
    answer->correlation_id = request->correlation_id;
    answer->order_id = orders[index].order_id;
    answer->instrument_id = request->instrument_id;
    answer->receive_time = now_ns;
    answer->quantity = orders[index].quantity;
    answer->total_filled = (struct decimal72){0, EXPONENT};
    put_header(session, out, sizeof *answer, TEMPLATE_CANCEL_ORDER_RESPONSE, 16);
    erase_slot(at);
    remove_order(session, index);
    return PADDED_SIZE(sizeof *answer);
}

static size_t session_message(struct connection *session, const struct frame_header *request, uint8_t *out) {
    if (request->message_type_id == TEMPLATE_LOGON) {
        memcpy(session->client_id, ((const struct logon *)(const void *)request)->client_id, sizeof session->client_id);
        struct logon_conf *answer = (void *)out;
        answer->heartbeat_interval_s = 5;
        answer->schema_version = SCHEMA_VERSION;
        put_header(session, out, sizeof *answer, TEMPLATE_LOGON_CONF, 12);
        return PADDED_SIZE(sizeof *answer);
    }
    if (request->message_type_id == TEMPLATE_TEST_REQUEST) {
        struct heartbeat *answer = (void *)out;
        answer->correlation_id = ((const struct heartbeat *)(const void *)request)->correlation_id;
        put_header(session, out, sizeof *answer, TEMPLATE_HEARTBEAT, 0);
        return sizeof *answer;
    }
    return 0;
}

static size_t answer_request(struct connection *session, const struct frame_header *request, uint8_t *out) {
    session->received = request->sequence_number;
    if (request->message_type_id == TEMPLATE_NEW_ORDER_REQUEST)
        return new_order(session, (const void *)request, out);
    if (request->message_type_id == TEMPLATE_CANCEL_ORDER_REQUEST)
        return cancel_order(session, (const void *)request, out);
    return session_message(session, request, out);
}

/* ---- the end of a session ---- */

static struct connection *drop_copy(void) {
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (connections[i] != NULL && memcmp(connections[i]->client_id, "drop", 4) == 0)
            return connections[i];
    return NULL;
}

/* Takes up to one frame's worth of orders off the session's list and writes the frame. */
static size_t cancel_some(struct connection *session, int64_t exec_id, uint8_t *out) {
    struct orders_canceled *frame = (void *)out;
    uint16_t count = 0;
    while (session->first_order != NONE && count < ORDERS_PER_CANCEL_FRAME) {
        uint32_t index = session->first_order;
        struct order *order = &orders[index];
        frame->order[count++] = (struct canceled_order){
            order->client_order_id, order->order_id, 1, {0, EXPONENT}, CANCEL_REASON_CLIENT_DISCONNECT, 0};
        erase_slot(find_slot(order->client_order_id));
        remove_order(session, index);
    }
    frame->timestamp = now_ns;
    frame->exec_id = exec_id;
    frame->flags = session->first_order == NONE ? IS_LAST_MESSAGE : 0;
    frame->orders = (struct group_dimension){sizeof(struct canceled_order), count};
    size_t size = sizeof *frame + count * sizeof(struct canceled_order);
    put_header(session, out, size, TEMPLATE_ORDERS_CANCELED, 0);
    return PADDED_SIZE(size);
}

static void cancel_all(struct connection *session) {
    struct connection *listener = drop_copy();
    int64_t exec_id = ++last_exec_id;
    while (session->first_order != NONE) {
        struct drop_copy_event *event = (void *)answers;
        size_t frame_size = cancel_some(session, exec_id, (uint8_t *)&event->frame);
        if (listener == NULL)
            continue;
        memcpy(event->origin_client_id, session->client_id, sizeof event->origin_client_id);
        event->portfolio_id = 1;
        event->session_epoch = 1;
        event->origin_sequence_number = session->sent;
        event->frame_length = (uint16_t)frame_size;
        size_t size = sizeof *event - HEADER_SIZE + frame_size;
        put_header(listener, answers, size, TEMPLATE_DROP_COPY_EVENT, 0);
        transmit(listener, answers, PADDED_SIZE(size));
    }
}

static void close_connection(struct connection *connection) {
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (connections[i] == connection)
            connections[i] = NULL;
    cancel_all(connection);
    close(connection->fd);
    free(connection->backlog);
    free(connection);
}

/* ---- the loop ---- */

static void read_requests(struct connection *connection) {
    ssize_t received = recv(connection->fd, connection->input + connection->partial_size, READ_SIZE, 0);
    if (received <= 0) {
        if (received == 0 || errno != EAGAIN)
            close_connection(connection);
        return;
    }
    now_ns = clock_ns(CLOCK_REALTIME);
    size_t end = connection->partial_size + (size_t)received, start = 0, answers_size = 0;
    while (end - start >= HEADER_SIZE) {
        const struct frame_header *request = (const void *)(connection->input + start);
        size_t size = request->message_length;
        if (request->protocol_id != PROTOCOL_ID || size < 40) {
            close_connection(connection);
            return;
        }
        if (end - start < size)
            break;
        answers_size += answer_request(connection, request, answers + answers_size);
        start += size;
    }
    connection->partial_size = end - start;
    memmove(connection->input, connection->input + start, connection->partial_size);
    if (answers_size > 0)
        transmit(connection, answers, answers_size);
}

static void accept_connection(void) {
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int place = 0;
    while (place < CONNECTIONS_MAX && connections[place] != NULL)
        place++;
    struct connection *connection = place < CONNECTIONS_MAX ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->fd = fd;
    connection->first_order = NONE;
    connections[place] = connection;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

static void listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (poll_fd < 0 || listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, size) < 0 ||
        listen(listen_fd, 64) < 0)
        die("listen");
    getsockname(listen_fd, (struct sockaddr *)&address, &size);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &event) < 0)
        die("epoll_ctl");
    fprintf(stderr, "{\"event\":\"listening\",\"host\":\"127.0.0.1\",\"port\":%d}\n", ntohs(address.sin_port));
}

int main(int argc, char **argv) {
    long orders_max = argc > 1 ? strtol(argv[1], NULL, 10) : 131072;
    if (orders_max < 1 || orders_max > 1 << 24) {
        fprintf(stderr, "usage: floor [orders_max, 1 to %d]\n", 1 << 24);
        return 2;
    }
    create_orders((uint32_t)orders_max);
    listen_anywhere();
    for (;;) {
        struct epoll_event events[CONNECTIONS_MAX];
        int count = epoll_wait(poll_fd, events, CONNECTIONS_MAX, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL)
                accept_connection();
            else if (connection->backlog_end > 0)
                transmit_backlog(connection);
            else
                read_requests(connection);
        }
    }
}
