/* load: the one load generator of the benchmarks. It speaks the protocol to whatever listens on the port, spins on
 * its sockets, checks every answer, and prints its figures as one JSON object. Options: see `usage` below. */
#define _GNU_SOURCE
#include "load.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char *usage =
    "usage: load throughput|disconnect|bystander|storm|idle|help --port N --client-id ID --secret S [options]\n"
    "  --seed N                 first of the ids (default 1); another one while an earlier run's orders may be open\n"
    "  --levels N               price levels on each side (default 100)\n"
    "throughput:\n"
    "  --window N               requests in flight (default 1)\n"
    "  --burst N                most requests in one send (default 32)\n"
    "  --book N                 open orders held while measuring (default 10000)\n"
    "  --seconds S              length of the measurement (default 1), after --warm-up S (default 0.2)\n"
    "  --requests N             measure so many requests instead\n"
    "  --server-pid N           report that process's processor time, and its instructions where counters exist\n"
    "  --echo                   the server is an echo: answers are the requests themselves\n"
    "disconnect:\n"
    "  --drop-copy-id ID --drop-copy-secret S\n"
    "  --orders N               open orders of the session that is lost (default 100)\n"
    "  --loss fin|rst           how the connection ends (default fin)\n"
    "  --repeats N              losses to measure (default 1)\n"
    "  --acknowledgements-copied  the server tells drop copy of acceptances too, and each must arrive\n"
    "bystander: as disconnect, and\n"
    "  --takers N               sessions other-1 to other-N that send IOC orders into the dead ones (default 0);\n"
    "                           the bystander is other-0\n"
    "storm: as disconnect, and\n"
    "  --sessions N             sessions storm-0 to storm-N that are lost at once (default 1000)\n"
    "idle:\n"
    "  --sessions N             sessions idle-0 to idle-N, kept alive for --seconds S\n"
    "  --repeats N              so many of them fall silent then\n";

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"client-id", required_argument, NULL, 'c'},
    {"secret", required_argument, NULL, 's'},
    {"drop-copy-id", required_argument, NULL, 'C'},
    {"drop-copy-secret", required_argument, NULL, 'S'},
    {"seed", required_argument, NULL, 'i'},
    {"levels", required_argument, NULL, 'l'},
    {"window", required_argument, NULL, 'w'},
    {"burst", required_argument, NULL, 'B'},
    {"book", required_argument, NULL, 'b'},
    {"seconds", required_argument, NULL, 't'},
    {"warm-up", required_argument, NULL, 'u'},
    {"requests", required_argument, NULL, 'n'},
    {"server-pid", required_argument, NULL, 'P'},
    {"echo", no_argument, NULL, 'e'},
    {"orders", required_argument, NULL, 'o'},
    {"loss", required_argument, NULL, 'x'},
    {"repeats", required_argument, NULL, 'r'},
    {"takers", required_argument, NULL, 'T'},
    {"sessions", required_argument, NULL, 'N'},
    {"acknowledgements-copied", no_argument, NULL, 'a'},
    {NULL, 0, NULL, 0},
};

static void refuse(const char *why) {
    fprintf(stderr, "load: %s; `load help` lists the options\n", why);
    exit(2);
}

static long count(const char *text, long least, long most) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least || value > most) {
        fprintf(stderr, "load: wanted a number from %ld to %ld, not \"%s\"\n", least, most, text);
        exit(2);
    }
    return value;
}

static void take_option(struct options *options, int option) {
    switch (option) {
    case 'p': options->port = count(optarg, 1, 65535); break;
    case 'c': options->client_id = optarg; break;
    case 's': options->secret = optarg; break;
    case 'C': options->drop_copy_id = optarg; break;
    case 'S': options->drop_copy_secret = optarg; break;
    case 'i': options->seed = count(optarg, 0, INT32_MAX); break;
    case 'l': options->levels = count(optarg, 1, 10000); break;
    case 'w': options->window = count(optarg, 1, 65536); break;
    case 'B': options->burst = count(optarg, 1, 65536); break;
    case 'b': options->book = count(optarg, 1, 10000000); break;
    case 't': options->seconds = strtod(optarg, NULL); break;
    case 'u': options->warm_up_seconds = strtod(optarg, NULL); break;
    case 'n': options->requests = count(optarg, 1, INT32_MAX); break;
    case 'P': options->server_pid = count(optarg, 1, INT32_MAX); break;
    case 'e': options->echo = true; break;
    case 'o': options->orders = count(optarg, 1, 1000000); break;
    case 'x': options->loss = optarg; break;
    case 'r': options->repeats = count(optarg, 1, 100000); break;
    case 'T': options->takers = count(optarg, 0, 64); break;
    case 'N': options->sessions = count(optarg, 1, 10000); break;
    case 'a': options->acknowledgements_copied = true; break;
    default: refuse("unknown option");
    }
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

int64_t quantile(int64_t *values, size_t count, double quantile) {
    qsort(values, count, sizeof *values, compare);
    size_t at = (size_t)((double)count * quantile);
    return count == 0 ? 0 : values[at < count ? at : count - 1];
}

int main(int argc, char **argv) {
    struct options options = {.client_id = "", .secret = "", .loss = "fin", .seed = 1, .levels = 100,
                              .window = 1, .burst = 32, .book = 10000, .seconds = 1, .warm_up_seconds = 0.2,
                              .orders = 100, .repeats = 1, .sessions = 1000};
    int option;
    if (argc < 2)
        refuse("throughput, disconnect, bystander or storm?");
    options.mode = argv[1];
    if (strcmp(options.mode, "help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    while ((option = getopt_long(argc - 1, argv + 1, "", long_options, NULL)) != -1)
        take_option(&options, option);
    if (options.port == 0)
        refuse("--port is missing");
    if (options.window > options.book)
        refuse("the book must hold at least a window of orders, so that there is always one to cancel");
    if (strcmp(options.loss, "fin") != 0 && strcmp(options.loss, "rst") != 0)
        refuse("--loss is fin or rst");
    if (strcmp(options.mode, "throughput") == 0 || strcmp(options.mode, "idle") == 0) {
        (*options.mode == 't' ? measure_throughput : measure_idle)(&options);
        return 0;
    }
    if (options.drop_copy_id == NULL || options.drop_copy_secret == NULL)
        refuse("this needs --drop-copy-id and --drop-copy-secret");
    if (strcmp(options.mode, "disconnect") == 0)
        measure_disconnect(&options);
    else if (strcmp(options.mode, "bystander") == 0)
        measure_bystander(&options);
    else if (strcmp(options.mode, "storm") == 0)
        measure_storm(&options);
    else
        refuse("throughput, disconnect, bystander, storm or idle?");
    return 0;
}
