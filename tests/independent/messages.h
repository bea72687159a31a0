/* The messages of the order-entry protocol as this independent client knows them, typed in from the published pages.
 * Nothing here is shared with, or derived from, the gateway's own schema. */
#ifndef MESSAGES_H
#define MESSAGES_H

enum type { INT8, UINT8, UINT16, INT32, UINT32, INT64, UINT64, DOUBLE, DECIMAL72, CHAR16, CHAR48, PADDING3 };

struct field {
    const char *name;
    enum type type;
    int offset;
    int since; /* schema version that added the field, 0 = as old as the message */
};

struct group {
    const char *name;
    int block_length;
    const struct field *fields;
};

enum direction { TO_SERVER = 1, TO_CLIENT = 2, BOTH = 3 };
enum tail { NO_TAIL, TEXT_TAIL, FRAME_TAIL };

struct message {
    int id;
    const char *name;
    enum direction direction;
    int since;
    int root_length; /* at schema version 17 */
    const struct field *fields;
    const struct group *groups;
    enum tail tail;
    const char *tail_name;
};

int type_size(enum type type);

/* NULL where there is no such message. */
const struct message *message_by_id(int id);
const struct message *message_by_name(const char *name);

/* Where a block of these fields ends in a schema version. */
int fields_end(const struct field *fields, int version);

/* Checks the self-consistency of the tables (offsets contiguous, lengths as the index says). Aborts when they are not. */
void tables_check(void);

#endif
