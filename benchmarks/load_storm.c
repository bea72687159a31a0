/* Many sessions lost at once: each of `sessions` sessions has `orders` open orders, then all of their connections are
 * reset, one right after the other, and the clock runs from the first of it until drop copy has been told of the last
 * cancel, and of the last receipt. Each session's cancels are counted, and each receipt must say the same. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME_SIZE 32

struct member {
    struct client client;
    char name[NAME_SIZE];
    long accepted, canceled, receipts;
};

struct storm {
    const struct options *options;
    struct client drop_copy;
    struct member *members;
    long canceled, receipts;
    int64_t last_cancel_ns, last_receipt_ns;
};

static struct member *member_of(struct storm *storm, const char *client_id) {
    long number = 0;
    if (sscanf(client_id, "storm-%ld", &number) != 1 || number < 0 || number >= storm->options->sessions)
        fail("a DropCopyEvent of a session that is not of the storm: %.16s", client_id);
    return &storm->members[number];
}

static void see_receipt(struct storm *storm, struct member *member, const struct frame_header *frame) {
    const struct receipt *receipt = (const void *)frame;
    if (member->canceled != storm->options->orders || receipt->bound_count != member->canceled ||
        receipt->canceled_count != member->canceled)
        fail("%s: a receipt of %d bound and %d cancelled orders after %ld cancels", member->name, receipt->bound_count,
             receipt->canceled_count, member->canceled);
    if (member->receipts++ > 0)
        fail("%s: a second receipt", member->name);
    storm->receipts++;
    storm->last_receipt_ns = monotonic_ns();
}

static void see_copy(struct storm *storm, const struct frame_header *frame) {
    const struct drop_copy_event *event = (const void *)frame;
    if (frame->message_type_id != TEMPLATE_DROP_COPY_EVENT)
        fail("drop copy was sent %d", frame->message_type_id);
    struct member *member = member_of(storm, event->origin_client_id);
    const struct orders_canceled *cancels = (const void *)&event->frame;
    switch (event->frame.message_type_id) {
    case TEMPLATE_NEW_ORDER_RESPONSE:
        break;
    case TEMPLATE_ORDERS_CANCELED:
        member->canceled += cancels->orders.num_in_group;
        storm->canceled += cancels->orders.num_in_group;
        storm->last_cancel_ns = monotonic_ns();
        break;
    case TEMPLATE_CANCEL_ON_DISCONNECT_RECEIPT:
        see_receipt(storm, member, &event->frame);
        break;
    default:
        fail("drop copy was told of %d", event->frame.message_type_id);
    }
}

static void read_copies(struct storm *storm) {
    const struct frame_header *frame;
    client_receive(&storm->drop_copy);
    while ((frame = client_next_frame(&storm->drop_copy)) != NULL)
        see_copy(storm, frame);
}

static void place_orders(struct storm *storm, struct member *member, long first) {
    struct new_order_request request;
    for (long n = 0; n < storm->options->orders; n++) {
        uint8_t out[PADDED_SIZE(sizeof request)] = {0};
        fill_new_order((void *)out, shuffled_id(storm->options->seed, first + n), n, storm->options->levels);
        client_stamp(&member->client, (void *)out);
        client_send(&member->client, out, sizeof out);
    }
    while (member->accepted < storm->options->orders) {
        const struct frame_header *frame;
        client_receive(&member->client);
        read_copies(storm);
        while ((frame = client_next_frame(&member->client)) != NULL) {
            if (frame->message_type_id != TEMPLATE_NEW_ORDER_RESPONSE)
                fail("an order was answered with %d", frame->message_type_id);
            member->accepted++;
        }
    }
}

static void lose_all(struct storm *storm) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    for (long i = 0; i < storm->options->sessions; i++) {
        if (setsockopt(storm->members[i].client.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0)
            fail("SO_LINGER");
        client_close(&storm->members[i].client);
    }
}

void measure_storm(const struct options *options) {
    struct storm storm = {.options = options};
    long sessions = options->sessions;
    storm.members = calloc((size_t)sessions, sizeof *storm.members);
    if (storm.members == NULL)
        fail("no memory");
    client_open(&storm.drop_copy, options, options->drop_copy_id, options->drop_copy_secret);
    for (long i = 0; i < sessions; i++) {
        struct member *member = &storm.members[i];
        snprintf(member->name, sizeof member->name, "storm-%ld", i);
        client_open(&member->client, options, member->name, options->secret);
        place_orders(&storm, member, i * options->orders);
    }
    int64_t start = monotonic_ns();
    lose_all(&storm);
    int64_t lost = monotonic_ns();
    while (storm.receipts < sessions)
        read_copies(&storm);
    if (storm.canceled != sessions * options->orders)
        fail("%ld of %ld orders were cancelled", storm.canceled, sessions * options->orders);
    printf("{\"mode\": \"storm\", \"sessions\": %ld, \"orders\": %ld, \"receipts\": %ld, \"losing_ns\": %ld", sessions,
           options->orders, storm.receipts, (long)(lost - start));
    printf(", \"last_cancel_ns\": %ld, \"last_receipt_ns\": %ld}\n", (long)(storm.last_cancel_ns - start),
           (long)(storm.last_receipt_ns - start));
}
