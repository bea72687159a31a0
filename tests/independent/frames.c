#define _POSIX_C_SOURCE 200809L
#include "frames.h"
#include "messages.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------------------------- */

static void text_reserve(struct text *text, size_t more) {
    if (text->length + more <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity : 4096;
    while (capacity < text->length + more)
        capacity *= 2;
    text->bytes = realloc(text->bytes, capacity);
    if (text->bytes == NULL)
        abort();
    text->capacity = capacity;
}

void text_add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text_reserve(text, (size_t)length + 1);
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    va_end(again);
    text->length += (size_t)length;
}

void text_add_hex(struct text *text, const uint8_t *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    text_reserve(text, 2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        text->bytes[text->length++] = digits[bytes[i] >> 4];
        text->bytes[text->length++] = digits[bytes[i] & 15];
    }
}

static void text_add_quoted(struct text *text, const uint8_t *bytes, size_t length) {
    text_add(text, "\"");
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            text_add(text, "\\%c", bytes[i]);
        else if (bytes[i] >= 32 && bytes[i] < 127)
            text_add(text, "%c", bytes[i]);
        else
            text_add(text, "\\u%04x", bytes[i]);
    }
    text_add(text, "\"");
}

/* ---- little-endian numbers ---------------------------------------------------------------------------------------- */

static uint64_t number_read(const uint8_t *bytes, int size) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void number_write(uint8_t *bytes, int size, uint64_t value) {
    for (int i = 0; i < size; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
}

int64_t int64_read(const uint8_t *bytes) {
    return (int64_t)number_read(bytes, 8);
}

struct header header_read(const uint8_t *frame) {
    return (struct header){
        .protocol_id = frame[0],
        .flags = frame[1],
        .message_length = (uint16_t)number_read(frame + 2, 2),
        .message_type_id = (uint16_t)number_read(frame + 4, 2),
        .version = (uint16_t)number_read(frame + 6, 2),
        .sequence_number = int64_read(frame + 8),
        .last_processed_seq_no = int64_read(frame + 16),
        .send_time_ns = int64_read(frame + 24),
    };
}

void header_write(uint8_t *frame, const struct header *header) {
    frame[0] = header->protocol_id;
    frame[1] = header->flags;
    number_write(frame + 2, 2, header->message_length);
    number_write(frame + 4, 2, header->message_type_id);
    number_write(frame + 6, 2, header->version);
    number_write(frame + 8, 8, (uint64_t)header->sequence_number);
    number_write(frame + 16, 8, (uint64_t)header->last_processed_seq_no);
    number_write(frame + 24, 8, (uint64_t)header->send_time_ns);
}

/* ---- building ------------------------------------------------------------------------------------------------------ */

static size_t bytes_from_value(uint8_t *bytes, size_t room, const char *value) {
    size_t length = 0;
    if (strncmp(value, "hex:", 4) == 0) {
        for (const char *at = value + 4; at[0] && at[1] && length < room; at += 2) {
            char pair[3] = {at[0], at[1], 0};
            bytes[length++] = (uint8_t)strtoul(pair, NULL, 16);
        }
        return length;
    }
    length = strlen(value) < room ? strlen(value) : room;
    memcpy(bytes, value, length);
    return length;
}

static bool value_write(uint8_t *bytes, enum type type, const char *value) {
    if (type == CHAR16 || type == CHAR48) {
        bytes_from_value(bytes, (size_t)type_size(type), value);
        return true;
    }
    char *end;
    int64_t number = INT64_MIN;
    if (strncmp(value, "null", 4) == 0)
        end = (char *)value + 4;
    else if (*value == '\0')
        return false;
    else
        number = (int64_t)strtoll(value, &end, 0);
    if (type == DECIMAL72) {
        number_write(bytes, 8, (uint64_t)number);
        bytes[8] = 0;
        if (*end == ':')
            bytes[8] = (uint8_t)strtol(end + 1, &end, 10);
    } else {
        number_write(bytes, type_size(type), (uint64_t)number);
    }
    return *end == '\0';
}

static const struct field *field_by_name(const struct field *fields, const char *name, size_t length) {
    for (const struct field *field = fields; field && field->name; field++)
        if (strncmp(field->name, name, length) == 0 && field->name[length] == '\0')
            return field;
    return NULL;
}

size_t frame_build(uint8_t *frame, const char *name, char **assignments, int count, uint16_t *message_type_id,
                   const char **error) {
    const struct message *message = message_by_name(name);
    if (message == NULL) {
        *error = "no such message";
        return 0;
    }
    *message_type_id = (uint16_t)message->id;
    uint8_t *root = frame + HEADER_SIZE;
    uint8_t *end = root + message->root_length;
    memset(root, 0, (size_t)message->root_length + 256);
    if (message->tail == TEXT_TAIL)
        end++;
    /* Where fields go: the root, or the newest entry of the message's group. */
    const struct field *fields = message->fields;
    uint8_t *block = root;
    uint8_t *dimension = end;
    int entries = 0;
    if (message->groups) {
        number_write(dimension, 2, (uint64_t)message->groups->block_length);
        number_write(dimension + 2, 2, 0);
        end += 4;
    }
    for (int i = 0; i < count; i++) {
        if (*assignments[i] == '+' && message->groups && strcmp(assignments[i] + 1, message->groups->name) == 0) {
            fields = message->groups->fields;
            block = end;
            end += message->groups->block_length;
            memset(block, 0, (size_t)message->groups->block_length);
            number_write(dimension + 2, 2, (uint64_t)++entries);
            continue;
        }
        char *value = strchr(assignments[i], '=');
        if (value == NULL) {
            *error = "not an assignment";
            return 0;
        }
        size_t name_length = (size_t)(value++ - assignments[i]);
        const struct field *field = field_by_name(fields, assignments[i], name_length);
        if (field) {
            if (!value_write(block + field->offset, field->type, value)) {
                *error = "not a value";
                return 0;
            }
        } else if (message->tail == TEXT_TAIL && strncmp(message->tail_name, assignments[i], name_length) == 0) {
            size_t length = bytes_from_value(root + message->root_length + 1, 255, value);
            root[message->root_length] = (uint8_t)length;
            end = root + message->root_length + 1 + length;
        } else {
            *error = "no such field";
            return 0;
        }
    }
    return (size_t)(end - frame);
}

/* ---- printing ------------------------------------------------------------------------------------------------------ */

struct problems {
    struct text text;
    int count;
};

static void problem(struct problems *problems, const char *format, long wanted, long was) {
    text_add(&problems->text, problems->count++ ? ",\"" : "\"");
    text_add(&problems->text, format, wanted, was);
    text_add(&problems->text, "\"");
}

static void print_int64(struct text *out, int64_t value) {
    if (value == INT64_MIN)
        text_add(out, "null");
    else
        text_add(out, "%" PRId64, value);
}

static void print_value(struct text *out, const uint8_t *bytes, enum type type) {
    size_t length = 0;
    uint64_t bits;
    double real;
    switch (type) {
    case INT8:
        text_add(out, "%d", (int8_t)bytes[0]);
        return;
    case UINT8:
    case UINT16:
    case UINT32:
    case UINT64:
        text_add(out, "%" PRIu64, number_read(bytes, type_size(type)));
        return;
    case INT32:
        text_add(out, "%" PRId32, (int32_t)number_read(bytes, 4));
        return;
    case INT64:
        print_int64(out, int64_read(bytes));
        return;
    case DOUBLE:
        bits = number_read(bytes, 8);
        memcpy(&real, &bits, sizeof real);
        text_add(out, "%.17g", real);
        return;
    case DECIMAL72:
        text_add(out, "[");
        print_int64(out, int64_read(bytes));
        text_add(out, ",%d]", (int8_t)bytes[8]);
        return;
    case CHAR16:
    case CHAR48:
        while (length < (size_t)type_size(type) && bytes[length])
            length++;
        text_add_quoted(out, bytes, length);
        return;
    case PADDING3:
        text_add(out, "%" PRIu64, number_read(bytes, 3));
        return;
    }
}

static void print_fields(struct text *out, const uint8_t *block, const struct field *fields, int version) {
    const char *separator = "";
    for (const struct field *field = fields; field && field->name; field++) {
        if (field->since > version)
            continue;
        text_add(out, "%s\"%s\":", separator, field->name);
        print_value(out, block + field->offset, field->type);
        separator = ",";
    }
}

/* Prints one group whose dimension stands at `at`; returns where the next part begins, 0 when it does not fit. */
static size_t print_group(struct text *out, const uint8_t *frame, size_t length, size_t at, const struct group *group,
                          struct problems *problems) {
    text_add(out, "\"%s\":[", group->name);
    size_t end = 0;
    if (at + 4 > length) {
        problem(problems, "group dimension at %ld beyond frame of %ld bytes", (long)at, (long)length);
        goto close;
    }
    size_t block_length = number_read(frame + at, 2);
    size_t count = number_read(frame + at + 2, 2);
    if (block_length != (size_t)group->block_length) {
        problem(problems, "group block length wanted %ld, was %ld", group->block_length, (long)block_length);
        goto close;
    }
    if (at + 4 + count * block_length > length) {
        problem(problems, "group of %ld entries beyond frame of %ld bytes", (long)count, (long)length);
        goto close;
    }
    for (size_t i = 0; i < count; i++) {
        text_add(out, i ? ",{" : "{");
        print_fields(out, frame + at + 4 + i * block_length, group->fields, 17);
        text_add(out, "}");
    }
    end = at + 4 + count * block_length;
close:
    text_add(out, "]");
    return end;
}

static size_t print_tail(struct text *out, const uint8_t *frame, size_t length, size_t at,
                         const struct message *message, struct problems *problems) {
    size_t prefix = message->tail == FRAME_TAIL ? 2 : 1;
    text_add(out, "\"%s\":", message->tail_name);
    if (at + prefix > length || at + prefix + number_read(frame + at, (int)prefix) > length) {
        problem(problems, "variable data at %ld beyond frame of %ld bytes", (long)at, (long)length);
        text_add(out, "null");
        return 0;
    }
    size_t size = number_read(frame + at, (int)prefix);
    if (message->tail == FRAME_TAIL) {
        text_add(out, "{");
        if (frame_print(out, frame + at + prefix, size))
            problem(problems, "the frame of %ld bytes inside this one has problems, at %ld", (long)size, (long)at);
        text_add(out, "}");
    } else {
        text_add_quoted(out, frame + at + prefix, size);
    }
    return at + prefix + size;
}

static void print_body(struct text *out, const uint8_t *frame, size_t length, const struct message *message,
                       int version, struct problems *problems) {
    size_t at = HEADER_SIZE + (size_t)fields_end(message->fields, version);
    if (at > length) {
        problem(problems, "root block needs %ld bytes, frame has %ld", (long)at, (long)length);
        return;
    }
    print_fields(out, frame + HEADER_SIZE, message->fields, version);
    const char *separator = message->fields ? "," : "";
    for (const struct group *group = message->groups; group && group->name; group++) {
        text_add(out, "%s", separator);
        at = print_group(out, frame, length, at, group, problems);
        if (at == 0)
            return;
        separator = ",";
    }
    if (message->tail != NO_TAIL) {
        text_add(out, "%s", separator);
        at = print_tail(out, frame, length, at, message, problems);
        if (at == 0)
            return;
    }
    if (length - at > 7)
        problem(problems, "content ends at %ld, frame at %ld", (long)at, (long)length);
    for (; at < length; at++)
        if (frame[at])
            problem(problems, "padding at %ld is %ld", (long)at, frame[at]);
}

static void check_header(const struct header *header, size_t length, const struct message *message,
                         struct problems *problems) {
    if (header->protocol_id != PROTOCOL_ID)
        problem(problems, "protocolId wanted %ld, was %ld", PROTOCOL_ID, header->protocol_id);
    if (header->message_length != length)
        problem(problems, "messageLength wanted %ld, was %ld", (long)length, header->message_length);
    if (length % 8)
        problem(problems, "messageLength wanted a multiple of %ld, was %ld", 8, (long)length);
    if (header->flags & ~1)
        problem(problems, "flags wanted bits within %ld, was %ld", 1, header->flags);
    if (message == NULL)
        return;
    if (!(message->direction & TO_CLIENT))
        problem(problems, "a server sent the client message %ld%.0ld", message->id, 0);
    /* The stamp is the version of the message or of one of its fields, never anything between. */
    bool known = header->version == message->since;
    for (const struct field *field = message->fields; field && field->name; field++)
        known = known || header->version == field->since;
    if (!known)
        problem(problems, "version stamp of %ld is %ld", message->id, header->version);
}

int frame_print(struct text *out, const uint8_t *frame, size_t length) {
    struct problems problems = {0};
    if (length < HEADER_SIZE) {
        text_add(out, "\"name\":null,\"problems\":[\"shorter than a header\"],\"raw\":\"");
        text_add_hex(out, frame, length);
        text_add(out, "\"");
        return 1;
    }
    struct header header = header_read(frame);
    const struct message *message = message_by_id(header.message_type_id);
    check_header(&header, length, message, &problems);
    text_add(out, "\"name\":");
    if (message)
        text_add(out, "\"%s\"", message->name);
    else
        text_add(out, "null");
    text_add(out,
             ",\"header\":{\"protocolId\":%u,\"flags\":%u,\"messageLength\":%u,\"messageTypeId\":%u,\"version\":%u,"
             "\"sequenceNumber\":%" PRId64 ",\"lastProcessedSeqNo\":%" PRId64 ",\"sendTimeNs\":%" PRId64 "}",
             header.protocol_id, header.flags, header.message_length, header.message_type_id, header.version,
             header.sequence_number, header.last_processed_seq_no, header.send_time_ns);
    text_add(out, ",\"fields\":{");
    if (message)
        print_body(out, frame, length, message, header.version, &problems);
    else
        problem(&problems, "unknown message %ld of %ld bytes", header.message_type_id, (long)length);
    text_add(out, "},\"problems\":[%.*s],\"raw\":\"", (int)problems.text.length,
             problems.text.bytes ? problems.text.bytes : "");
    text_add_hex(out, frame, length);
    text_add(out, "\"");
    free(problems.text.bytes);
    return problems.count;
}
