/* Many sessions that have nothing to say: `sessions` sessions keep themselves alive, each by a Heartbeat when half an
 * interval was silent. After they have done so for `seconds`, in which the server's processor time is taken, `repeats`
 * of them fall silent one after the other, spread over an interval, and each is told so by LoggedOut.
 *
 * How late that is, is told by the server's own clock: the sendTimeNs of the LoggedOut, less that of the answer to the
 * session's last frame, less one and a half intervals. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define EVENTS_MAX 256
#define NAME_SIZE 32
#define LAPSES_HALF_INTERVALS 3

struct member {
    struct client client;
    char name[NAME_SIZE];
    bool is_silent;
    int64_t heard_ns, late_ns; /* server's clock */
};

struct crowd {
    const struct options *options;
    struct member *members;
    int epoll_fd;
    long silent, gone, next_to_speak;
    int64_t heartbeats, *late_ns;
};

static int64_t server_cpu_ns(const struct options *options) {
    clockid_t clock;
    if (options->server_pid <= 0 || clock_getcpuclockid((pid_t)options->server_pid, &clock) != 0)
        return 0;
    return clock_ns(clock);
}

static void open_all(struct crowd *crowd) {
    for (long i = 0; i < crowd->options->sessions; i++) {
        struct member *member = &crowd->members[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
        snprintf(member->name, sizeof member->name, "idle-%ld", i);
        client_open(&member->client, crowd->options, member->name, crowd->options->secret);
        if (epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, member->client.fd, &event) < 0)
            fail("epoll_ctl");
    }
}

static void see_silent(struct crowd *crowd, struct member *member) {
    const struct frame_header *frame;
    int64_t lapse_ns = member->client.heartbeat_interval_ns * LAPSES_HALF_INTERVALS / 2;
    while ((frame = client_any_frame(&member->client)) != NULL) {
        if (frame->message_type_id == TEMPLATE_HEARTBEAT && member->heard_ns == 0)
            member->heard_ns = frame->send_time_ns;
        if (frame->message_type_id != TEMPLATE_LOGGED_OUT)
            continue;
        member->late_ns = frame->send_time_ns - member->heard_ns - lapse_ns;
        if (member->heard_ns == 0 || member->late_ns < 0)
            fail("%s: gone %ld ns too early", member->name, (long)-member->late_ns);
        crowd->late_ns[crowd->gone++] = member->late_ns;
        epoll_ctl(crowd->epoll_fd, EPOLL_CTL_DEL, member->client.fd, NULL);
        client_close(&member->client);
        return;
    }
}

static void read_ready(struct crowd *crowd, int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    const struct frame_header *frame;
    int count = epoll_wait(crowd->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct member *member = events[i].data.ptr;
        client_receive(&member->client);
        if (member->is_silent)
            see_silent(crowd, member);
        else
            while ((frame = client_next_frame(&member->client)) != NULL)
                fail("%s was sent %d", member->name, frame->message_type_id);
    }
}

/* A share of the sessions has its turn to say something, if it has to, so that all have had it in a tenth of a second. */
static void keep_alive(struct crowd *crowd) {
    for (long n = 0; n < crowd->options->sessions / 100 + 1; n++) {
        struct member *member = &crowd->members[crowd->next_to_speak++ % crowd->options->sessions];
        int64_t sent_ns = member->client.last_sent_ns;
        if (!member->is_silent) {
            client_keep_alive(&member->client);
            crowd->heartbeats += member->client.last_sent_ns != sent_ns;
        }
    }
}

static void idle_for(struct crowd *crowd, double seconds) {
    int64_t until = monotonic_ns() + (int64_t)(seconds * NANOS);
    while (monotonic_ns() < until) {
        read_ready(crowd, 1);
        keep_alive(crowd);
    }
}

static void silence(struct crowd *crowd) {
    double interval_s = (double)crowd->members[0].client.heartbeat_interval_ns / NANOS;
    double patience_s = interval_s * LAPSES_HALF_INTERVALS;
    while (crowd->silent < crowd->options->repeats) {
        struct member *member = &crowd->members[crowd->silent++];
        client_test(&member->client);
        member->is_silent = true;
        idle_for(crowd, interval_s / (double)crowd->options->repeats);
    }
    for (double waited_s = 0; crowd->gone < crowd->silent; waited_s += 0.01) {
        if (waited_s > patience_s)
            fail("%ld of %ld silent sessions were let go", crowd->gone, crowd->silent);
        idle_for(crowd, 0.01);
    }
}

void measure_idle(const struct options *options) {
    struct crowd crowd = {.options = options, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    crowd.members = calloc((size_t)options->sessions, sizeof *crowd.members);
    crowd.late_ns = calloc((size_t)options->repeats, sizeof *crowd.late_ns);
    if (crowd.members == NULL || crowd.late_ns == NULL || crowd.epoll_fd < 0)
        fail("no memory");
    if (options->repeats > options->sessions)
        fail("more sessions are to fall silent than there are");
    int64_t start = monotonic_ns();
    open_all(&crowd);
    int64_t opened = monotonic_ns(), before_ns = server_cpu_ns(options);
    crowd.heartbeats = 0;
    idle_for(&crowd, options->seconds);
    double elapsed = (double)(monotonic_ns() - opened);
    double cpu_ns = (double)(server_cpu_ns(options) - before_ns);
    long heartbeats = (long)crowd.heartbeats;
    silence(&crowd);
    size_t gone = (size_t)crowd.gone;
    printf("{\"mode\": \"idle\", \"sessions\": %ld, \"open_seconds\": %.3f, \"heartbeats_per_s\": %.0f",
           options->sessions, (double)(opened - start) / NANOS, (double)heartbeats / elapsed * NANOS);
    if (options->server_pid > 0)
        printf(", \"server_cpu_share\": %.4f", cpu_ns / elapsed);
    printf(", \"silent\": %ld, \"late_ns\": {\"p50\": %ld, \"p99\": %ld, \"max\": %ld}}\n", crowd.gone,
           (long)quantile(crowd.late_ns, gone, 0.5), (long)quantile(crowd.late_ns, gone, 0.99),
           (long)quantile(crowd.late_ns, gone, 1));
}
