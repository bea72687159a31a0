/* What the parts of the load generator share: the options, one connection that speaks the protocol (load_client.c),
 * and the measurements, a file for each. Every failure ends the program with a message and status 1: a figure is printed
 * only if each answer was the right one. */
#ifndef BREAKWIRE_BENCHMARKS_LOAD_H
#define BREAKWIRE_BENCHMARKS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire.h"

struct options {
    const char *mode, *client_id, *secret, *drop_copy_id, *drop_copy_secret, *loss;
    long port, server_pid, window, burst, book, levels, orders, repeats, requests, seed, takers, sessions;
    double seconds, warm_up_seconds;
    bool echo, acknowledgements_copied;
};

/* ---- one connection ---- */

struct client {
    int fd;
    const char *name;
    bool echo; /* the other side sends our own frames back */
    int64_t sent, received; /* sequence numbers */
    int64_t heartbeat_interval_ns, last_sent_ns;
    int64_t waiting_since_ns; /* 0: something came since the clock was last looked at */
    uint64_t reads, empty_reads;
    size_t start, end; /* of the bytes in `input` that are not consumed yet */
    uint8_t *input;
};

/* Says what went wrong and ends the program with status 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

int64_t monotonic_ns(void);

/* Connects to 127.0.0.1 and logs on with ResetSeqNum=1. What follows LogonConf stays in the buffer. */
void client_open(struct client *client, const struct options *options, const char *client_id, const char *secret);
void client_close(struct client *client);

/* Takes what the socket has, without waiting. Fails at the end of the stream and when nothing has come for 10 s. */
void client_receive(struct client *client);

/* The next complete frame whose number is right, or NULL. It is valid until the next client_receive. Heartbeats and
 * TestRequests are dealt with inside; a Reject or LoggedOut fails. */
const struct frame_header *client_next_frame(struct client *client);

/* The same whatever it says, and without an answer: for a client that is to seem dead. */
const struct frame_header *client_any_frame(struct client *client);

/* Gives the header its number and time; the rest of it is the caller's template. */
void client_stamp(struct client *client, struct frame_header *header);
void client_send(struct client *client, const void *bytes, size_t size);

/* Sends a Heartbeat when our own silence has lasted half an interval. */
void client_keep_alive(struct client *client);

/* Sends a TestRequest. */
void client_test(struct client *client);

/* Sends a TestRequest and reads until it is answered, so that all that the server had sent before has been read.
 * Each other frame is passed to `each`. */
typedef void each_frame(void *context, const struct frame_header *frame);
void client_round_trip(struct client *client, each_frame *each, void *context);

/* ---- orders ---- */

/* The n-th client order id of a run: a permutation of the 63-bit numbers, so that ids are unique and in no order. */
int64_t shuffled_id(int64_t seed, int64_t n);
uint64_t random_number(void);

/* A NewOrderRequest for instrument 1 that rests and never crosses: bids below `PRICE_MIDDLE`, offers above, over
 * `levels` ticks. */
#define NANOS 1000000000
#define PRICE_MIDDLE (50000 * (int64_t)NANOS)
#define PRICE_TICK (NANOS / 2)
#define INSTRUMENT_ID 1
#define QUANTITY NANOS
void fill_new_order(struct new_order_request *request, int64_t client_order_id, int64_t correlation_id, long levels);
void fill_cancel(struct cancel_order_request *request, int64_t client_order_id, int64_t correlation_id);

/* Fails unless the frame is the acceptance of an order: whole, resting, nothing filled. Returns its order id. */
int64_t check_accepted(const struct frame_header *frame, int64_t client_order_id, int64_t correlation_id,
                       int64_t price);

/* ---- figures ---- */

/* Sorts `values` and returns its smallest element that is not below the share `quantile` of all. */
int64_t quantile(int64_t *values, size_t count, double quantile);

void measure_throughput(const struct options *options);
void measure_disconnect(const struct options *options);
void measure_bystander(const struct options *options);
void measure_storm(const struct options *options);
void measure_idle(const struct options *options);

#endif
