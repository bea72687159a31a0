/* The order-entry wire protocol as this independent client knows it: a frame builder and a frame printer over the tables
 * in messages.h. Nothing here is shared with, or derived from, the gateway's own codec. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEADER_SIZE = 32,
    PROTOCOL_ID = 0xDB,
    FRAME_SIZE_MAX = 65535,
    LOGON = 1,
    LOGON_CONF = 2,
    HEARTBEAT = 10,
    TEST_REQUEST = 11,
    REJECT = 30,
};

/* Text that grows; the client's whole output passes through one of these. */
struct text {
    char *bytes;
    size_t length;
    size_t capacity;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct text *text, const uint8_t *bytes, size_t length);

struct header {
    uint8_t protocol_id;
    uint8_t flags;
    uint16_t message_length;
    uint16_t message_type_id;
    uint16_t version;
    int64_t sequence_number;
    int64_t last_processed_seq_no;
    int64_t send_time_ns;
};

struct header header_read(const uint8_t *frame);
void header_write(uint8_t *frame, const struct header *header);
int64_t int64_read(const uint8_t *bytes);

/* Builds the body of the named client message behind a header-sized gap in `frame` (FRAME_SIZE_MAX bytes).
 * `assignments` are `field=value` words; values are integers, `null`, `mantissa:exponent` for decimals, plain text, or
 * `hex:...`. The word `+GROUP` begins a new entry of the message's group, to which the fields after it belong. Fields not
 * named are zero. Returns the unpadded frame length, 0 when a word makes no sense (said in
 * `error`); `*message_type_id` is set. */
size_t frame_build(uint8_t *frame, const char *name, char **assignments, int count, uint16_t *message_type_id,
                   const char **error);

/* Appends `"name":…,"header":…,"fields":…,"problems":…,"raw":…` of one server frame. Everything in which the frame
 * departs from the published rules is listed in `problems`; their number is returned. */
int frame_print(struct text *out, const uint8_t *frame, size_t length);

#endif
