/* An independent order-entry client, written from the published protocol alone, that a test drives line by line.
 *
 * Commands come in on stdin, one per line, words separated by single spaces; C is a connection number of the caller's
 * choice, 0 to 4095. One JSON object per line goes out on stdout for everything that happens, `gap` among it: a frame
 * (the one before this line) that was not resent and whose number is not one above the last. The process ends when stdin
 * ends; killed, it drops all of its connections at once.
 *
 *   connect C HOST PORT [receive_buffer=BYTES]     -> connected, or failed with errno
 *   send C MESSAGE [field=value ...] [+GROUP field=value ...]...
 *                                                  -> sent; header fields and the framing are overridden by
 *        @sequenceNumber @flags @version @messageLength @messageTypeId @protocolId @lastProcessedSeqNo @sendTimeNs,
 *        @cut=N (keep N body bytes), @pad=0 (do not round the length up to 8), @keep=1 (do not count the number)
 *   repeat N send C MESSAGE ...                    N times, clientOrderId, correlationId and orderId one higher each time
 *   raw C HEX                                      these very bytes
 *   hold C, release C                              keep output back; release sends it in one piece
 *   trickle C 0|1                                  1: one byte per write
 *   number C N                                     the next message is number N
 *   reading C 0|1                                  0: leave what arrives in the socket
 *   answer C [tests=0|1] [heartbeats=0|1] [close=0|1]   all on at first: answer TestRequests, send Heartbeats of our
 *                                                  own when a quarter interval was silent, close on the peer's FIN
 *   quiet C 0|1                                    1: count frames instead of printing them, but for Rejects and for
 *                                                  frames with problems
 *   reached C N                                    -> reached, once N frames were counted while quiet
 *   half_close C | close C | reset C               after pending output: shutdown(SHUT_WR), close, RST (SO_LINGER 0)
 */
#define _GNU_SOURCE
#include "frames.h"
#include "messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, WORDS_MAX = 256, INPUT_SIZE = 1 << 17 };

enum ending { NOT_ENDING, HALF_CLOSE, CLOSE, RESET };

struct connection {
    int fd; /* -1 when closed */
    bool connecting, established_session, held, trickling, reading, answers_tests, heartbeats, closes, quiet;
    bool peer_ended;
    enum ending ending;
    int64_t next_number, last_received;
    int64_t interval_ns, last_sent_ns;
    int64_t counted, wanted;
    struct text out;
    size_t out_sent;
    uint8_t *in;
    size_t in_length;
};

static struct connection connections[CONNECTIONS_MAX];
static struct text events;

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int number_of(const struct connection *connection) {
    return (int)(connection - connections);
}

static void event(const struct connection *connection, const char *name) {
    text_add(&events, "{\"connection\":%d,\"event\":\"%s\"}\n", number_of(connection), name);
}

static void event_number(const struct connection *connection, const char *name, const char *key, int64_t value) {
    text_add(&events, "{\"connection\":%d,\"event\":\"%s\",\"%s\":%" PRId64 "}\n", number_of(connection), name, key,
             value);
}

static void drop(struct connection *connection) {
    close(connection->fd);
    connection->fd = -1;
    connection->established_session = false;
    connection->out.length = connection->out_sent = 0;
    connection->in_length = 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static void finish(struct connection *connection) {
    enum ending ending = connection->ending;
    connection->ending = NOT_ENDING;
    if (ending == HALF_CLOSE) {
        shutdown(connection->fd, SHUT_WR);
        connection->established_session = false;
        event(connection, "half_closed");
        return;
    }
    if (ending == RESET) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    drop(connection);
    event(connection, "closed");
}

static void flush(struct connection *connection) {
    while (connection->fd >= 0 && !connection->connecting && !connection->held) {
        size_t pending = connection->out.length - connection->out_sent;
        if (pending == 0) {
            connection->out.length = connection->out_sent = 0;
            if (connection->ending != NOT_ENDING)
                finish(connection);
            return;
        }
        size_t piece = connection->trickling ? 1 : pending;
        ssize_t sent = send(connection->fd, connection->out.bytes + connection->out_sent, piece, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (sent < 0) {
            event_number(connection, "send_failed", "errno", errno);
            /* What the peer said before it closed is still to be read. */
            connection->out.length = connection->out_sent = 0;
            connection->established_session = false;
            if (connection->ending != NOT_ENDING)
                finish(connection);
            return;
        }
        connection->out_sent += (size_t)sent;
    }
}

static void put(struct connection *connection, const void *bytes, size_t length) {
    struct text *out = &connection->out;
    if (out->length + length > out->capacity) {
        out->capacity = (out->length + length) * 2;
        out->bytes = realloc(out->bytes, out->capacity);
        if (out->bytes == NULL)
            abort();
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    connection->last_sent_ns = now_ns(CLOCK_MONOTONIC);
    flush(connection);
}

struct framing {
    struct header header;
    bool length_given, keep, pad;
    long cut;
};

static bool framing_word(struct framing *framing, char *word) {
    char *value = strchr(word, '=');
    if (value == NULL)
        return false;
    *value++ = '\0';
    long long number = strtoll(value, NULL, 0);
    struct header *header = &framing->header;
    if (strcmp(word, "@sequenceNumber") == 0)
        header->sequence_number = number;
    else if (strcmp(word, "@flags") == 0)
        header->flags = (uint8_t)number;
    else if (strcmp(word, "@version") == 0)
        header->version = (uint16_t)number;
    else if (strcmp(word, "@messageLength") == 0)
        header->message_length = (uint16_t)number, framing->length_given = true;
    else if (strcmp(word, "@messageTypeId") == 0)
        header->message_type_id = (uint16_t)number;
    else if (strcmp(word, "@protocolId") == 0)
        header->protocol_id = (uint8_t)number;
    else if (strcmp(word, "@lastProcessedSeqNo") == 0)
        header->last_processed_seq_no = number;
    else if (strcmp(word, "@sendTimeNs") == 0)
        header->send_time_ns = number;
    else if (strcmp(word, "@cut") == 0)
        framing->cut = (long)number;
    else if (strcmp(word, "@pad") == 0)
        framing->pad = number != 0;
    else if (strcmp(word, "@keep") == 0)
        framing->keep = number != 0;
    else
        return false;
    return true;
}

static const char *send_message(struct connection *connection, const char *name, char **words, int count) {
    static uint8_t frame[FRAME_SIZE_MAX + 8];
    struct framing framing = {.pad = true, .cut = -1};
    framing.header = (struct header){.protocol_id = PROTOCOL_ID,
                                     .version = 17,
                                     .sequence_number = connection->next_number,
                                     .last_processed_seq_no = connection->last_received,
                                     .send_time_ns = now_ns(CLOCK_REALTIME)};
    int fields = 0;
    while (fields < count && words[fields][0] != '@')
        fields++;
    const char *error = NULL;
    size_t length = frame_build(frame, name, words, fields, &framing.header.message_type_id, &error);
    if (length == 0)
        return error;
    for (int i = fields; i < count; i++)
        if (!framing_word(&framing, words[i]))
            return "no such framing word";
    if (framing.cut >= 0)
        length = (size_t)(HEADER_SIZE + framing.cut);
    while (framing.pad && length % 8)
        frame[length++] = 0;
    if (!framing.length_given)
        framing.header.message_length = (uint16_t)length;
    header_write(frame, &framing.header);
    if (!framing.keep)
        connection->next_number = framing.header.sequence_number + 1;
    if (!connection->quiet)
        event_number(connection, "sent", "sequenceNumber", framing.header.sequence_number);
    put(connection, frame, length);
    return NULL;
}

/* ---- receiving ---------------------------------------------------------------------------------------------------- */

static void answer(struct connection *connection, const struct header *header, const uint8_t *frame) {
    char word[48];
    char *words[] = {word};
    if (header->message_type_id == LOGON_CONF) {
        connection->interval_ns = (int32_t)int64_read(frame + HEADER_SIZE) * INT64_C(1000000000);
        connection->established_session = true;
    } else if (header->message_type_id == TEST_REQUEST && connection->answers_tests) {
        snprintf(word, sizeof word, "correlationId=%" PRId64, int64_read(frame + HEADER_SIZE));
        send_message(connection, "Heartbeat", words, 1);
    }
}

static void frame_received(struct connection *connection, const uint8_t *frame, size_t length) {
    size_t start = events.length;
    text_add(&events, "{\"connection\":%d,\"event\":\"frame\",\"time\":%" PRId64 ",", number_of(connection),
             now_ns(CLOCK_REALTIME));
    int problems = frame_print(&events, frame, length);
    text_add(&events, "}\n");
    struct header header = header_read(frame);
    if (connection->quiet) {
        if (problems == 0 && header.message_type_id != REJECT)
            events.length = start;
        if (++connection->counted == connection->wanted)
            event_number(connection, "reached", "count", connection->counted);
    }
    bool live = !(header.flags & 1) && header.sequence_number != 0;
    if (live && connection->last_received && header.sequence_number != connection->last_received + 1)
        event_number(connection, "gap", "expected", connection->last_received + 1);
    if (live)
        connection->last_received = header.sequence_number;
    answer(connection, &header, frame);
}

static void frames_received(struct connection *connection) {
    size_t at = 0;
    while (connection->fd >= 0 && connection->in_length - at >= HEADER_SIZE) {
        struct header header = header_read(connection->in + at);
        if (header.protocol_id != PROTOCOL_ID || header.message_length < HEADER_SIZE) {
            event(connection, "garbage");
            drop(connection);
            return;
        }
        if (connection->in_length - at < header.message_length)
            break;
        frame_received(connection, connection->in + at, header.message_length);
        at += header.message_length;
    }
    if (connection->fd < 0)
        return;
    connection->in_length -= at;
    memmove(connection->in, connection->in + at, connection->in_length);
}

static void receive(struct connection *connection) {
    ssize_t received =
        recv(connection->fd, connection->in + connection->in_length, INPUT_SIZE - connection->in_length, 0);
    if (received > 0) {
        connection->in_length += (size_t)received;
        frames_received(connection);
    } else if (received == 0) {
        event_number(connection, "eof", "partial", (int64_t)connection->in_length);
        connection->reading = connection->established_session = false;
        connection->peer_ended = true;
        if (connection->closes)
            drop(connection);
    } else if (errno != EAGAIN && errno != EINTR) {
        event_number(connection, "lost", "errno", errno);
        drop(connection);
    }
}

static int socket_error(const struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

static void connected(struct connection *connection) {
    int error = socket_error(connection);
    if (error) {
        event_number(connection, "failed", "errno", error);
        drop(connection);
        return;
    }
    connection->connecting = false;
    event(connection, "connected");
    flush(connection);
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */

static const char *connect_to(struct connection *connection, char **words, int count) {
    if (count < 2 || connection->fd >= 0)
        return "connect C HOST PORT, once";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
    if (inet_pton(AF_INET, words[0], &address.sin_addr) != 1)
        return "not an IPv4 address";
    uint8_t *in = connection->in ? connection->in : malloc(INPUT_SIZE);
    struct text out = connection->out;
    out.length = 0;
    if (in == NULL)
        abort();
    *connection = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                                      .connecting = true, .reading = true, .answers_tests = true, .heartbeats = true,
                                      .closes = true, .next_number = 1, .in = in, .out = out};
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (count > 2) {
        int size = atoi(strchr(words[2], '=') + 1);
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        event_number(connection, "failed", "errno", errno);
        drop(connection);
    }
    return NULL;
}

static const char *send_raw(struct connection *connection, const char *hex) {
    static uint8_t bytes[1 << 20];
    size_t length = 0;
    for (; hex[0] && hex[1] && length < sizeof bytes; hex += 2) {
        char pair[3] = {hex[0], hex[1], 0};
        bytes[length++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    put(connection, bytes, length);
    return NULL;
}

static const char *repeat(struct connection *connection, long times, char **words, int count) {
    if (count < 1)
        return "send C MESSAGE";
    if (times == 1)
        return send_message(connection, words[0], words + 1, count - 1);
    static char numbered[WORDS_MAX][64];
    char *again[WORDS_MAX];
    for (long i = 0; i < times; i++) {
        for (int word = 1; word < count; word++) {
            char *value = strchr(words[word], '=');
            bool counts = strncmp(words[word], "clientOrderId=", 14) == 0 ||
                          strncmp(words[word], "correlationId=", 14) == 0 || strncmp(words[word], "orderId=", 8) == 0;
            again[word - 1] = words[word];
            if (counts) {
                snprintf(numbered[word], sizeof numbered[word], "%.*s%lld", (int)(value + 1 - words[word]), words[word],
                         strtoll(value + 1, NULL, 10) + i);
                again[word - 1] = numbered[word];
            } else if (words[word][0] == '@') {
                snprintf(numbered[word], sizeof numbered[word], "%s", words[word]);
                again[word - 1] = numbered[word];
            }
        }
        const char *error = send_message(connection, words[0], again, count - 1);
        if (error)
            return error;
    }
    return NULL;
}

static const char *set_answers(struct connection *connection, char **words, int count) {
    for (int i = 0; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (value == NULL)
            return "answer C name=0|1";
        bool on = value[1] == '1';
        if (strncmp(words[i], "tests=", 6) == 0)
            connection->answers_tests = on;
        else if (strncmp(words[i], "heartbeats=", 11) == 0)
            connection->heartbeats = on;
        else if (strncmp(words[i], "close=", 6) == 0)
            connection->closes = on;
        else
            return "no such answer";
    }
    return NULL;
}

static const char *end(struct connection *connection, enum ending ending) {
    connection->ending = ending;
    connection->held = false;
    flush(connection);
    return NULL;
}

static const char *command_on(struct connection *connection, long times, const char *command, char **words,
                              int count) {
    bool on = count > 0 && words[0][0] == '1';
    if (strcmp(command, "connect") == 0)
        return connect_to(connection, words, count);
    if (connection->in == NULL)
        return "never connected";
    if (connection->fd < 0) {
        /* The peer was faster than the command. */
        event_number(connection, "send_failed", "errno", ENOTCONN);
        return NULL;
    }
    if (strcmp(command, "send") == 0)
        return repeat(connection, times, words, count);
    if (strcmp(command, "raw") == 0)
        return count < 1 ? "raw C HEX" : send_raw(connection, words[0]);
    if (strcmp(command, "hold") == 0)
        return connection->held = true, NULL;
    if (strcmp(command, "release") == 0)
        return connection->held = false, flush(connection), NULL;
    if (strcmp(command, "trickle") == 0)
        return connection->trickling = on, NULL;
    if (strcmp(command, "number") == 0)
        return connection->next_number = count ? strtoll(words[0], NULL, 10) : 1, NULL;
    if (strcmp(command, "reading") == 0)
        return connection->reading = on, NULL;
    if (strcmp(command, "answer") == 0)
        return set_answers(connection, words, count);
    if (strcmp(command, "quiet") == 0)
        return connection->quiet = on, NULL;
    if (strcmp(command, "reached") == 0) {
        connection->wanted = count ? strtoll(words[0], NULL, 10) : 0;
        if (connection->counted >= connection->wanted)
            event_number(connection, "reached", "count", connection->counted);
        return NULL;
    }
    if (strcmp(command, "half_close") == 0)
        return end(connection, HALF_CLOSE);
    if (strcmp(command, "close") == 0)
        return end(connection, CLOSE);
    if (strcmp(command, "reset") == 0)
        return end(connection, RESET);
    return "no such command";
}

static void command(char *line) {
    char *words[WORDS_MAX];
    int count = 0;
    char *rest = line;
    char *word;
    while (count < WORDS_MAX && (word = strsep(&rest, " ")) != NULL)
        words[count++] = word;
    const char *error = "too few words";
    bool repeated = strcmp(words[0], "repeat") == 0 && count > 2;
    long times = repeated ? strtol(words[1], NULL, 10) : 1;
    int first = repeated ? 2 : 0;
    if (count - first >= 2) {
        long number = strtol(words[first + 1], NULL, 10);
        struct connection *connection = &connections[number];
        if (number < 0 || number >= CONNECTIONS_MAX)
            error = "no such connection";
        else
            error = command_on(connection, times, words[first], words + first + 2, count - first - 2);
    }
    if (error)
        text_add(&events, "{\"connection\":%s,\"event\":\"misuse\",\"error\":\"%s\",\"command\":\"%s\"}\n",
                 count - first >= 2 ? words[first + 1] : "0", error, words[first]);
}

/* Reads what stands on stdin and carries out its complete lines. False at its end. */
static bool commands(void) {
    static struct text input;
    if (input.capacity - input.length < 65536) {
        input.capacity = input.capacity * 2 + 131072;
        input.bytes = realloc(input.bytes, input.capacity);
        if (input.bytes == NULL)
            abort();
    }
    ssize_t received = read(STDIN_FILENO, input.bytes + input.length, input.capacity - input.length - 1);
    if (received <= 0)
        return received < 0 && errno == EINTR;
    input.length += (size_t)received;
    size_t start = 0;
    for (size_t at = 0; at < input.length; at++)
        if (input.bytes[at] == '\n') {
            input.bytes[at] = '\0';
            command(input.bytes + start);
            start = at + 1;
        }
    input.length -= start;
    memmove(input.bytes, input.bytes + start, input.length);
    return true;
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

static void write_events(void) {
    size_t written = 0;
    while (written < events.length) {
        ssize_t count = write(STDOUT_FILENO, events.bytes + written, events.length - written);
        if (count < 0 && errno != EINTR)
            exit(1);
        written += count > 0 ? (size_t)count : 0;
    }
    events.length = 0;
}

/* Sends what Heartbeats are due; returns how long the loop may sleep, in ms, -1 for ever. */
static int heartbeats(void) {
    int64_t now = now_ns(CLOCK_MONOTONIC);
    int64_t wait = INT64_MAX;
    char word[] = "correlationId=0";
    char *words[] = {word};
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &connections[i];
        if (connection->fd < 0 || !connection->established_session || !connection->heartbeats)
            continue;
        int64_t due = connection->last_sent_ns + connection->interval_ns / 4;
        if (due <= now) {
            send_message(connection, "Heartbeat", words, 1);
            due = now + connection->interval_ns / 4;
        }
        if (due - now < wait)
            wait = due - now;
    }
    return wait == INT64_MAX ? -1 : (int)(wait / 1000000 + 1);
}

int main(void) {
    static struct pollfd polled[CONNECTIONS_MAX + 1];
    static struct connection *of[CONNECTIONS_MAX + 1];
    tables_check();
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        connections[i].fd = -1;
    for (;;) {
        int timeout = heartbeats();
        write_events();
        nfds_t count = 1;
        polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            struct connection *connection = &connections[i];
            if (connection->fd < 0)
                continue;
            bool sends = connection->connecting || (connection->out.length > connection->out_sent && !connection->held);
            int wanted = (sends ? POLLOUT : 0) | (connection->reading && !connection->connecting ? POLLIN : 0);
            of[count] = connection;
            /* Without anything wanted, even an error stays unseen: that is what not reading means. */
            bool watched = wanted || connection->peer_ended;
            polled[count++] = (struct pollfd){.fd = watched ? connection->fd : -1, .events = (short)wanted};
        }
        if (poll(polled, count, timeout) < 0 && errno != EINTR)
            return 1;
        for (nfds_t i = 1; i < count; i++) {
            struct connection *connection = of[i];
            if (polled[i].revents && connection->connecting)
                connected(connection);
            else if (polled[i].revents & POLLOUT)
                flush(connection);
            if (connection->fd >= 0 && connection->reading && polled[i].revents & (POLLIN | POLLERR | POLLHUP))
                receive(connection);
            else if (connection->fd >= 0 && connection->peer_ended && polled[i].revents & (POLLERR | POLLHUP)) {
                event_number(connection, "lost", "errno", socket_error(connection));
                drop(connection);
            }
        }
        if (polled[0].revents && !commands()) {
            write_events();
            return 0;
        }
    }
}
