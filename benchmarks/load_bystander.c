/* What others notice of a loss: a session with `orders` open orders is lost, and while the gateway takes them out a
 * bystander of window 1 goes on entering and cancelling orders of its own, and `takers` sessions send one IOC order after
 * the other into the price at which the dead orders stand. Each answer is checked: the bystander's orders rest and are
 * cancelled, and no taker ever gets anything, for there is nothing alive on that side of the book.
 *
 * A round trip counts as one during a drain if any of it lay between the loss and the moment at which drop copy has been
 * told of the last cancel. The takers begin with the first cancel. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PLACING_WINDOW 512
#define TAKERS_MAX 64
#define SAMPLES_MAX (1u << 22)
#define FAR_TICKS 1000
#define QUIET_SECONDS 0.02

struct samples {
    int64_t *ns;
    size_t count;
};

struct requester {
    struct client client;
    bool is_bystander, waits, cancels;
    int64_t number, client_order_id, price, sent_ns;
    struct samples during, quiet;
};

struct play {
    const struct options *options;
    struct client lost, drop_copy;
    struct requester requesters[TAKERS_MAX + 1]; /* the bystander first */
    long count;
    int64_t ids_used, lost_ns, drained_ns;
    long drained; /* cancelled orders of the present loss */
};

/* ---- samples ---- */

static void take_memory(struct samples *samples) {
    samples->ns = malloc(SAMPLES_MAX * sizeof *samples->ns);
    if (samples->ns == NULL)
        fail("no memory");
}

static void add(struct samples *samples, int64_t ns) {
    if (samples->count < SAMPLES_MAX)
        samples->ns[samples->count++] = ns;
}

static void print_samples(const char *name, struct samples *samples) {
    printf(", \"%s\": {\"count\": %zu, \"p50\": %ld, \"p99\": %ld, \"max\": %ld}", name, samples->count,
           (long)quantile(samples->ns, samples->count, 0.5), (long)quantile(samples->ns, samples->count, 0.99),
           (long)quantile(samples->ns, samples->count, 1));
}

/* ---- drop copy ---- */

static void see_copy(struct play *play, const struct frame_header *frame) {
    const struct drop_copy_event *event = (const void *)frame;
    if (frame->message_type_id != TEMPLATE_DROP_COPY_EVENT)
        fail("drop copy was sent %d", frame->message_type_id);
    if (event->frame.message_type_id != TEMPLATE_ORDERS_CANCELED ||
        strncmp(event->origin_client_id, play->options->client_id, sizeof event->origin_client_id) != 0)
        return;
    const struct orders_canceled *cancels = (const void *)&event->frame;
    play->drained += cancels->orders.num_in_group;
    if (cancels->flags & IS_LAST_MESSAGE)
        play->drained_ns = monotonic_ns();
}

static void read_copies(struct play *play) {
    const struct frame_header *frame;
    client_receive(&play->drop_copy);
    while ((frame = client_next_frame(&play->drop_copy)) != NULL)
        see_copy(play, frame);
    play->drop_copy.waiting_since_ns = 0; /* silence is all right here */
    client_keep_alive(&play->drop_copy);
}

/* ---- requests, one at a time of each requester ---- */

static void send_request(struct play *play, struct requester *requester) {
    uint8_t frame[PADDED_SIZE(sizeof(struct new_order_request))] = {0};
    struct new_order_request *order = (void *)frame;
    requester->number++;
    if (requester->cancels) {
        fill_cancel((void *)frame, requester->client_order_id, requester->number);
    } else {
        requester->client_order_id = shuffled_id(play->options->seed, play->ids_used++);
        fill_new_order(order, requester->client_order_id, requester->number, play->options->levels);
        order->side = SIDE_BUY;
        order->price = PRICE_MIDDLE + (requester->is_bystander ? -FAR_TICKS : play->options->levels) * PRICE_TICK;
        order->time_in_force = requester->is_bystander ? 0 : TIME_IN_FORCE_IOC;
        requester->price = order->price;
    }
    client_stamp(&requester->client, (void *)frame);
    requester->sent_ns = monotonic_ns();
    client_send(&requester->client, frame, ((const struct frame_header *)(const void *)frame)->message_length);
    requester->waits = true;
}

static void check_nothing_taken(const struct requester *taker, const struct frame_header *frame) {
    const struct new_order_response *answer = (const void *)frame;
    if (frame->message_type_id != TEMPLATE_NEW_ORDER_RESPONSE || frame->message_length != PADDED_SIZE(sizeof *answer))
        fail("a taker was answered with %d, %d bytes", frame->message_type_id, frame->message_length);
    if (answer->client_order_id != taker->client_order_id || answer->status != ORDER_STATUS_CANCELED ||
        answer->total_filled.mantissa != 0 || answer->fills.num_in_group != 0)
        fail("a taker got %ld of a dead order", (long)answer->total_filled.mantissa);
}

static void take_answer(struct play *play, struct requester *requester, const struct frame_header *frame) {
    int64_t now = monotonic_ns();
    if (!requester->is_bystander) {
        check_nothing_taken(requester, frame);
    } else if (!requester->cancels) {
        check_accepted(frame, requester->client_order_id, requester->number, requester->price);
    } else if (frame->message_type_id != TEMPLATE_CANCEL_ORDER_RESPONSE) {
        fail("a cancel was answered with %d", frame->message_type_id);
    }
    requester->cancels = requester->is_bystander && !requester->cancels;
    requester->waits = false;
    bool is_during = play->lost_ns != 0 && (play->drained_ns == 0 || requester->sent_ns < play->drained_ns);
    add(is_during ? &requester->during : &requester->quiet, now - requester->sent_ns);
}

/* Lets each requester have its next answer, if it has come, and its next request under way, unless it is to end. */
static bool move_on(struct play *play, bool is_ending) {
    bool waits = false;
    for (long i = 0; i < play->count; i++) {
        struct requester *requester = &play->requesters[i];
        const struct frame_header *frame;
        if (!requester->waits && !is_ending)
            send_request(play, requester);
        client_receive(&requester->client);
        if ((frame = client_next_frame(&requester->client)) != NULL) {
            if (!requester->waits)
                fail("frame %d answers nothing", frame->message_type_id);
            take_answer(play, requester, frame);
        }
        waits |= requester->waits;
    }
    return waits;
}

static void run_for(struct play *play, double seconds) {
    int64_t until = monotonic_ns() + (int64_t)(seconds * NANOS);
    while (monotonic_ns() < until) {
        move_on(play, false);
        read_copies(play);
    }
}

/* ---- a loss ---- */

static void place_orders(struct play *play) {
    static uint8_t out[PLACING_WINDOW * PADDED_SIZE(sizeof(struct new_order_request))];
    long issued = 0, accepted = 0, orders = play->options->orders;
    while (accepted < orders) {
        size_t size = 0;
        for (; issued < orders && issued - accepted < PLACING_WINDOW; issued++) {
            struct new_order_request *request = (void *)(out + size);
            fill_new_order(request, shuffled_id(play->options->seed, play->ids_used++), issued, play->options->levels);
            request->side = SIDE_SELL;
            request->price = PRICE_MIDDLE + PRICE_TICK * (1 + issued % play->options->levels);
            client_stamp(&play->lost, &request->header);
            size += request->header.message_length;
        }
        if (size > 0)
            client_send(&play->lost, out, size);
        const struct frame_header *frame;
        client_receive(&play->lost);
        while ((frame = client_next_frame(&play->lost)) != NULL)
            if (frame->message_type_id == TEMPLATE_NEW_ORDER_RESPONSE)
                accepted++;
            else if (frame->message_type_id != TEMPLATE_ORDERS_CANCELED || accepted > 0)
                fail("an order was answered with %d", frame->message_type_id);
        read_copies(play);
    }
}

static void lose(struct play *play) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    play->drained = 0;
    play->drained_ns = 0;
    if (setsockopt(play->lost.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0)
        fail("SO_LINGER");
    play->lost_ns = monotonic_ns();
    client_close(&play->lost);
}

/* ---- the measurement ---- */

static void open_requesters(struct play *play) {
    static char names[TAKERS_MAX + 1][16];
    if (play->options->takers > TAKERS_MAX)
        fail("at most %d takers", TAKERS_MAX);
    play->count = 1 + play->options->takers;
    for (long i = 0; i < play->count; i++) {
        struct requester *requester = &play->requesters[i];
        snprintf(names[i], sizeof names[i], "other-%ld", i);
        requester->is_bystander = i == 0;
        take_memory(&requester->during);
        take_memory(&requester->quiet);
        client_open(&requester->client, play->options, names[i], play->options->secret);
    }
}

static void gather_takers(struct play *play) {
    struct requester *first = &play->requesters[1];
    for (long i = 2; i < play->count; i++) {
        for (size_t n = 0; n < play->requesters[i].during.count; n++)
            add(&first->during, play->requesters[i].during.ns[n]);
        for (size_t n = 0; n < play->requesters[i].quiet.count; n++)
            add(&first->quiet, play->requesters[i].quiet.ns[n]);
    }
}

void measure_bystander(const struct options *options) {
    static struct play play;
    play.options = options;
    struct samples drains = {0};
    int64_t under_way_ns = 0, watched_ns = 0;
    take_memory(&drains);
    client_open(&play.drop_copy, options, options->drop_copy_id, options->drop_copy_secret);
    open_requesters(&play);
    for (long repeat = 0; repeat < options->repeats; repeat++) {
        client_open(&play.lost, options, options->client_id, options->secret);
        place_orders(&play);
        int64_t began = monotonic_ns();
        /* Takers would trade with orders that live: they begin when the first cancel tells that none does. */
        play.count = 1;
        run_for(&play, QUIET_SECONDS);
        lose(&play);
        while (play.drained_ns == 0) {
            move_on(&play, false);
            read_copies(&play);
            if (play.drained > 0)
                play.count = 1 + options->takers;
        }
        while (move_on(&play, true))
            read_copies(&play);
        if (play.drained != options->orders)
            fail("%ld of %ld orders were cancelled", play.drained, options->orders);
        add(&drains, play.drained_ns - play.lost_ns);
        under_way_ns += play.drained_ns - play.lost_ns;
        watched_ns += monotonic_ns() - began;
        play.lost_ns = 0;
    }
    printf("{\"mode\": \"bystander\", \"orders\": %ld, \"takers\": %ld, \"drains\": %ld, \"under_way_share\": %.4f",
           options->orders, options->takers, options->repeats, (double)under_way_ns / (double)watched_ns);
    print_samples("drain_ns", &drains);
    print_samples("during_ns", &play.requesters[0].during);
    print_samples("quiet_ns", &play.requesters[0].quiet);
    if (options->takers > 0) {
        gather_takers(&play);
        print_samples("taker_during_ns", &play.requesters[1].during);
    }
    puts("}");
}
