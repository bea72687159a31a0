/* Orders against a book of constant size: round trip at window 1, throughput at wider windows.
 *
 * The book is first filled. Then each request that leaves is a cancel of an order picked at random when the book is
 * full, else a new order; so new orders and cancels alternate. At most `window` requests are unanswered; after at
 * most `burst` answers the same number of requests leaves in one send, so that the server has work while this
 * program checks. Answers must come in the order of their requests. */
#define _GNU_SOURCE
#include "load.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILL_WINDOW 512 /* while the book is filled, whatever the measurement's own window is */

struct request {
    int64_t client_order_id, price; /* price 0: a cancel */
    int64_t order_id;               /* of a cancel */
};

struct open_order {
    int64_t client_order_id, order_id;
};

struct run {
    const struct options *options;
    struct client client;
    struct request *requests; /* those in flight: [answered, issued), modulo ring_size */
    long window, burst;
    int64_t issued, answered, ring_size, sends;
    struct open_order *open;
    long open_count, resting; /* resting counts new orders in flight too */
    int64_t new_orders, accepted, canceled;
    int64_t sent_ns; /* of the last send */
    int64_t *round_trips;
    size_t round_trip_count, round_trip_capacity;
    uint8_t *out;
};

/* What the server's process has used: processor time of all its threads; instructions of its main thread where
 * counters exist. */
struct usage {
    int64_t cpu_ns;
    long long instructions; /* -1: not available */
};

/* ---- one request, one answer ---- */

static size_t issue(struct run *run, uint8_t *out) {
    struct request *request = &run->requests[run->issued % run->ring_size];
    int64_t correlation_id = run->issued++;
    if (run->resting > run->options->book) {
        long at = (long)(random_number() % (uint64_t)run->open_count);
        struct open_order order = run->open[at];
        run->open[at] = run->open[--run->open_count];
        run->resting--;
        *request = (struct request){.client_order_id = order.client_order_id, .order_id = order.order_id};
        fill_cancel((void *)out, order.client_order_id, correlation_id);
    } else {
        request->client_order_id = shuffled_id(run->options->seed, run->new_orders++);
        run->resting++;
        fill_new_order((void *)out, request->client_order_id, correlation_id, run->options->levels);
        request->price = ((const struct new_order_request *)(const void *)out)->price;
    }
    struct frame_header *header = (void *)out;
    client_stamp(&run->client, header);
    return header->message_length;
}

static void check_canceled(const struct frame_header *frame, const struct request *request, int64_t correlation_id) {
    const struct cancel_order_response *answer = (const void *)frame;
    if (frame->message_type_id == TEMPLATE_CANCEL_ORDER_REJECT)
        fail("a cancel was rejected, reason %d", ((const struct order_reject *)(const void *)frame)->reason);
    if (frame->message_type_id != TEMPLATE_CANCEL_ORDER_RESPONSE ||
        frame->message_length != PADDED_SIZE(sizeof *answer))
        fail("a cancel was answered with %d, %d bytes", frame->message_type_id, frame->message_length);
    if (answer->client_order_id != request->client_order_id || answer->correlation_id != correlation_id ||
        answer->order_id != request->order_id)
        fail("a cancel answer for another order than the oldest in flight");
    if (answer->quantity.mantissa != QUANTITY || answer->total_filled.mantissa != 0)
        fail("a cancel answer with another quantity than the order's");
}

static void check_echo(const struct frame_header *frame, const struct request *request) {
    const struct cancel_order_request *back = (const void *)frame; /* ids stand at the same place in both */
    if (back->client_order_id != request->client_order_id)
        fail("the echo is not what was sent");
}

static void take_answer(struct run *run, const struct frame_header *frame) {
    /* Cancels of an earlier connection of this key that it never got are told again after a logon, before anything
     * else. */
    if (frame->message_type_id == TEMPLATE_ORDERS_CANCELED && run->answered == 0)
        return;
    if (run->answered == run->issued)
        fail("frame %d answers nothing", frame->message_type_id);
    int64_t correlation_id = run->answered;
    struct request *request = &run->requests[run->answered++ % run->ring_size];
    bool cancel = request->price == 0;
    int64_t order_id = 0;
    if (run->options->echo)
        check_echo(frame, request);
    else if (cancel)
        check_canceled(frame, request, correlation_id);
    else
        order_id = check_accepted(frame, request->client_order_id, correlation_id, request->price);
    if (cancel) {
        run->canceled++;
    } else {
        run->accepted++;
        run->open[run->open_count++] = (struct open_order){request->client_order_id, order_id};
    }
    if (run->round_trip_count < run->round_trip_capacity)
        run->round_trips[run->round_trip_count++] = monotonic_ns() - run->sent_ns;
}

/* Takes up to `burst` answers that have been received; false if there was none. */
static bool take_answers(struct run *run) {
    const struct frame_header *frame;
    long taken = 0;
    while (taken < run->burst && (frame = client_next_frame(&run->client)) != NULL) {
        take_answer(run, frame);
        taken++;
    }
    return taken > 0;
}

/* ---- phases ---- */

/* Keeps up to `window` requests in flight until `until_ns`, or `requests` more have been issued, whichever comes
 * first; then waits for the rest of the answers. Returns when the last answer came. */
static int64_t drive(struct run *run, int64_t requests, int64_t until_ns) {
    int64_t last = requests > 0 ? run->issued + requests : INT64_MAX, now = monotonic_ns();
    while ((now < until_ns && run->issued < last) || run->answered < run->issued) {
        size_t size = 0;
        if (now < until_ns)
            for (long n = 0; n < run->burst && run->issued < last && run->issued - run->answered < run->window; n++)
                size += issue(run, run->out + size);
        if (size > 0) {
            run->sent_ns = monotonic_ns();
            run->sends++;
            client_send(&run->client, run->out, size);
        }
        if (!take_answers(run))
            client_receive(&run->client);
        now = monotonic_ns();
    }
    return now;
}

static struct usage server_usage(const struct options *options, int counter_fd) {
    struct usage usage = {.instructions = -1};
    clockid_t clock;
    if (options->server_pid > 0 && clock_getcpuclockid((pid_t)options->server_pid, &clock) == 0)
        usage.cpu_ns = clock_ns(clock);
    const ssize_t size = sizeof usage.instructions;
    if (counter_fd >= 0 && read(counter_fd, &usage.instructions, sizeof usage.instructions) != size)
        usage.instructions = -1;
    return usage;
}

static int open_instruction_counter(const struct options *options) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_HARDWARE, .size = sizeof attributes, .config = PERF_COUNT_HW_INSTRUCTIONS};
    if (options->server_pid <= 0)
        return -1;
    return (int)syscall(SYS_perf_event_open, &attributes, (pid_t)options->server_pid, -1, -1, 0ul);
}

static void print_figures(struct run *run, int64_t requests, double seconds, struct usage before, struct usage after) {
    const struct options *options = run->options;
    double cpu_ns = (double)(after.cpu_ns - before.cpu_ns);
    printf("{\"mode\": \"throughput\", \"window\": %ld, \"burst\": %ld, \"book\": %ld, \"requests\": %ld",
           options->window, run->burst, options->book, (long)requests);
    printf(", \"accepted\": %ld, \"canceled\": %ld, \"rejected\": 0, \"seconds\": %.6f, \"requests_per_s\": %.1f",
           (long)run->accepted, (long)run->canceled, seconds, (double)requests / seconds);
    printf(", \"empty_read_share\": %.4f, \"requests_per_send\": %.1f",
           (double)run->client.empty_reads / (double)run->client.reads, (double)requests / (double)run->sends);
    if (options->server_pid > 0)
        printf(", \"server_cpu_ns_per_request\": %.1f, \"server_cpu_share\": %.4f", cpu_ns / (double)requests,
               cpu_ns / seconds / NANOS);
    if (before.instructions >= 0 && after.instructions >= 0)
        printf(", \"server_instructions_per_request\": %.1f",
               (double)(after.instructions - before.instructions) / (double)requests);
    if (options->window == 1)
        printf(", \"round_trip_ns\": {\"p50\": %ld, \"p99\": %ld, \"max\": %ld}",
               (long)quantile(run->round_trips, run->round_trip_count, 0.5),
               (long)quantile(run->round_trips, run->round_trip_count, 0.99),
               (long)quantile(run->round_trips, run->round_trip_count, 1.0));
    puts("}");
}

void measure_throughput(const struct options *options) {
    struct run run = {.options = options, .window = FILL_WINDOW, .burst = FILL_WINDOW};
    size_t samples_max = options->window == 1 ? 1u << 24 : 0;
    run.ring_size = options->window > FILL_WINDOW ? options->window : FILL_WINDOW;
    run.requests = calloc((size_t)run.ring_size, sizeof *run.requests);
    run.open = calloc((size_t)options->book + 1, sizeof *run.open);
    run.out = calloc((size_t)run.ring_size, PADDED_SIZE(sizeof(struct new_order_request)));
    run.round_trips = malloc((samples_max + 1) * sizeof *run.round_trips);
    if (run.requests == NULL || run.open == NULL || run.out == NULL || run.round_trips == NULL)
        fail("no memory");
    client_open(&run.client, options, options->client_id, options->secret);
    drive(&run, options->book, INT64_MAX);
    run.window = options->window;
    run.burst = options->burst < options->window ? options->burst : options->window;
    drive(&run, 0, monotonic_ns() + (int64_t)(options->warm_up_seconds * NANOS));

    run.round_trip_capacity = samples_max;
    run.client.reads = run.client.empty_reads = run.sends = 0;
    int counter_fd = open_instruction_counter(options);
    struct usage before = server_usage(options, counter_fd);
    int64_t answered = run.answered, start = monotonic_ns();
    int64_t until = options->requests > 0 ? INT64_MAX : start + (int64_t)(options->seconds * NANOS);
    int64_t end = drive(&run, options->requests, until);
    struct usage after = server_usage(options, counter_fd);
    if (run.open_count != run.accepted - run.canceled || run.open_count < options->book ||
        run.open_count > options->book + 1)
        fail("the book holds %ld orders, not %ld", run.open_count, options->book);
    print_figures(&run, run.answered - answered, (double)(end - start) / NANOS, before, after);
}
