/* How long orders outlive their session: a session with `orders` open orders is lost, by FIN or RST, and the clock
 * runs from just before that call until a drop-copy connection of the same portfolio has read the last
 * OrdersCanceled. What arrived is checked afterwards, outside the measured time: each order cancelled exactly once,
 * with reason 7 and nothing filled.
 *
 * FIN is a shutdown of the sending side: the lost session's socket stays open and unread meanwhile. RST is a close
 * with a linger of zero. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PLACING_WINDOW 512

struct open_order {
    int64_t client_order_id, order_id, price;
    bool canceled;
};

struct watch {
    const struct options *options;
    struct client trader, drop_copy;
    struct open_order *orders; /* in order of entry; sorted by client order id once all are accepted */
    long accepted, copied;     /* acceptances told to the trader, to drop copy */
    int64_t ids_used;
    uint8_t *events; /* the frames inside the DropCopyEvents of one loss, as they came */
    size_t events_size, events_capacity;
    int64_t *first_ns, *last_ns; /* of each loss: from its start to the first and the last OrdersCanceled */
    long frames;                 /* OrdersCanceled frames of the last loss */
};

/* ---- drop copy ---- */

static const struct frame_header *inner_frame(const struct watch *watch, const struct frame_header *frame) {
    const struct drop_copy_event *event = (const void *)frame;
    if (frame->message_type_id != TEMPLATE_DROP_COPY_EVENT)
        fail("drop copy was sent %d", frame->message_type_id);
    if (event->frame_length != event->frame.message_length ||
        frame->message_length != PADDED_SIZE(sizeof *event - HEADER_SIZE + event->frame_length))
        fail("a DropCopyEvent of %d bytes holds a frame of %d", frame->message_length, event->frame.message_length);
    if (strncmp(event->origin_client_id, watch->options->client_id, sizeof event->origin_client_id) != 0)
        fail("a DropCopyEvent of another session: %.16s", event->origin_client_id);
    return &event->frame;
}

static void keep_event(struct watch *watch, const struct frame_header *inner) {
    if (watch->events_size + inner->message_length > watch->events_capacity)
        fail("more was told to drop copy than %ld orders can need", watch->options->orders);
    memcpy(watch->events + watch->events_size, inner, inner->message_length);
    watch->events_size += inner->message_length;
}

static void no_more_cancels(void *context, const struct frame_header *frame) {
    const struct frame_header *inner = inner_frame(context, frame);
    if (inner->message_type_id != TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT)
        fail("drop copy was sent %d after the last OrdersCanceled", inner->message_type_id);
}

static void count_copy(void *context, const struct frame_header *frame) {
    struct watch *watch = context;
    const struct frame_header *inner = inner_frame(watch, frame);
    if (inner->message_type_id != TEMPLATE_NEW_ORDER_RESPONSE)
        fail("drop copy was told of %d while orders were placed", inner->message_type_id);
    watch->copied++;
}

static void read_copies(struct watch *watch) {
    const struct frame_header *frame;
    client_receive(&watch->drop_copy);
    while ((frame = client_next_frame(&watch->drop_copy)) != NULL)
        count_copy(watch, frame);
    watch->drop_copy.waiting_since_ns = 0; /* silence is all right here: the trader's side waits */
    client_keep_alive(&watch->drop_copy);
}

/* ---- placing ---- */

static void take_acceptance(struct watch *watch, const struct frame_header *frame) {
    /* The cancels of the session lost before are told again after this logon. */
    if (frame->message_type_id == TEMPLATE_ORDERS_CANCELED && watch->accepted == 0)
        return;
    struct open_order *order = &watch->orders[watch->accepted];
    order->order_id = check_accepted(frame, order->client_order_id, watch->accepted, order->price);
    watch->accepted++;
}

static void place_orders(struct watch *watch) {
    static uint8_t out[PLACING_WINDOW * PADDED_SIZE(sizeof(struct new_order_request))];
    long issued = 0;
    watch->accepted = watch->copied = 0;
    while (watch->accepted < watch->options->orders) {
        size_t size = 0;
        for (; issued < watch->options->orders && issued - watch->accepted < PLACING_WINDOW; issued++) {
            struct new_order_request *request = (void *)(out + size);
            int64_t id = shuffled_id(watch->options->seed, watch->ids_used++);
            fill_new_order(request, id, issued, watch->options->levels);
            client_stamp(&watch->trader, &request->header);
            watch->orders[issued] = (struct open_order){.client_order_id = id, .price = request->price};
            size += request->header.message_length;
        }
        if (size > 0)
            client_send(&watch->trader, out, size);
        const struct frame_header *frame;
        client_receive(&watch->trader);
        while ((frame = client_next_frame(&watch->trader)) != NULL)
            take_acceptance(watch, frame);
        read_copies(watch);
    }
    client_round_trip(&watch->drop_copy, count_copy, watch);
    if (watch->copied != (watch->options->acknowledgements_copied ? watch->options->orders : 0))
        fail("drop copy was told of %ld acceptances", watch->copied);
}

/* ---- the loss ---- */

static void lose_session(struct watch *watch) {
    if (strcmp(watch->options->loss, "fin") == 0) {
        if (shutdown(watch->trader.fd, SHUT_WR) < 0)
            fail("shutdown");
        return;
    }
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(watch->trader.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0)
        fail("SO_LINGER");
    client_close(&watch->trader);
}

static void time_loss(struct watch *watch, int64_t *first_ns, int64_t *last_ns) {
    bool last = false;
    watch->events_size = 0;
    watch->frames = 0;
    int64_t start = monotonic_ns();
    lose_session(watch);
    while (!last) {
        const struct frame_header *frame;
        client_receive(&watch->drop_copy);
        while (!last && (frame = client_next_frame(&watch->drop_copy)) != NULL) {
            const struct frame_header *inner = inner_frame(watch, frame);
            if (inner->message_type_id != TEMPLATE_ORDERS_CANCELED)
                fail("drop copy was told of %d after the loss", inner->message_type_id);
            if (watch->frames++ == 0)
                *first_ns = monotonic_ns() - start;
            keep_event(watch, inner);
            last = ((const struct orders_canceled *)(const void *)inner)->flags & IS_LAST_MESSAGE;
        }
    }
    *last_ns = monotonic_ns() - start;
}

/* ---- the check ---- */

static int compare_orders(const void *left, const void *right) {
    int64_t a = ((const struct open_order *)left)->client_order_id;
    int64_t b = ((const struct open_order *)right)->client_order_id;
    return (a > b) - (a < b);
}

static void check_entry(struct watch *watch, const struct canceled_order *entry) {
    struct open_order key = {.client_order_id = entry->client_order_id};
    struct open_order *order = bsearch(&key, watch->orders, (size_t)watch->options->orders, sizeof key, compare_orders);
    if (order == NULL || order->order_id != entry->order_id)
        fail("an order was cancelled that this session never entered");
    if (order->canceled)
        fail("an order was cancelled twice");
    if (entry->cancel_reason != CANCEL_REASON_CLIENT_DISCONNECT || entry->total_filled.mantissa != 0 ||
        entry->instrument_id != INSTRUMENT_ID || entry->flags != 0)
        fail("a cancel with reason %d and %ld filled", entry->cancel_reason, (long)entry->total_filled.mantissa);
    order->canceled = true;
}

static void check_cancels(struct watch *watch) {
    long canceled = 0;
    qsort(watch->orders, (size_t)watch->options->orders, sizeof *watch->orders, compare_orders);
    for (size_t at = 0; at < watch->events_size;) {
        const struct orders_canceled *frame = (const void *)(watch->events + at);
        size_t size = sizeof *frame + frame->orders.num_in_group * sizeof(struct canceled_order);
        if (frame->orders.block_length != sizeof(struct canceled_order) || frame->orders.num_in_group == 0 ||
            frame->header.message_length != PADDED_SIZE(size))
            fail("an OrdersCanceled of %d bytes says that it lists %d orders", frame->header.message_length,
                 frame->orders.num_in_group);
        for (uint16_t i = 0; i < frame->orders.num_in_group; i++)
            check_entry(watch, &frame->order[i]);
        canceled += frame->orders.num_in_group;
        at += frame->header.message_length;
    }
    if (canceled != watch->options->orders)
        fail("%ld of %ld orders were cancelled", canceled, watch->options->orders);
}

/* ---- the measurement ---- */

static void print_times(const char *name, int64_t *times_ns, long count) {
    size_t size = (size_t)count;
    printf(", \"%s\": {\"p50\": %ld, \"p99\": %ld, \"min\": %ld, \"max\": %ld}", name,
           (long)quantile(times_ns, size, 0.5), (long)quantile(times_ns, size, 0.99), (long)quantile(times_ns, size, 0),
           (long)quantile(times_ns, size, 1));
}

void measure_disconnect(const struct options *options) {
    struct watch watch = {.options = options};
    size_t orders = (size_t)options->orders, repeats = (size_t)options->repeats;
    /* Even frames of one order each would fit. */
    watch.events_capacity = orders * PADDED_SIZE(sizeof(struct orders_canceled) + sizeof(struct canceled_order));
    watch.orders = calloc(orders, sizeof *watch.orders);
    watch.events = calloc(1, watch.events_capacity);
    watch.first_ns = calloc(repeats, sizeof *watch.first_ns);
    watch.last_ns = calloc(repeats, sizeof *watch.last_ns);
    if (watch.orders == NULL || watch.events == NULL || watch.first_ns == NULL || watch.last_ns == NULL)
        fail("no memory");
    memset(watch.events, 1, watch.events_capacity); /* page faults belong to no loss */
    client_open(&watch.drop_copy, options, options->drop_copy_id, options->drop_copy_secret);
    for (long loss = 0; loss < options->repeats; loss++) {
        client_open(&watch.trader, options, options->client_id, options->secret);
        place_orders(&watch);
        time_loss(&watch, &watch.first_ns[loss], &watch.last_ns[loss]);
        check_cancels(&watch);
        client_round_trip(&watch.drop_copy, no_more_cancels, &watch);
        if (watch.trader.fd >= 0)
            client_close(&watch.trader);
    }
    printf("{\"mode\": \"disconnect\", \"loss\": \"%s\", \"orders\": %ld, \"repeats\": %ld, \"frames\": %ld",
           options->loss, options->orders, options->repeats, watch.frames);
    print_times("first_ns", watch.first_ns, options->repeats);
    print_times("last_ns", watch.last_ns, options->repeats);
    puts("}");
}
