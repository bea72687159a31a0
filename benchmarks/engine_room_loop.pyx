"""The engine room under load, timed inside: compiled by engine_room.py against the engine that Python finds.

Each function returns times in ns and raises RuntimeError where the engine did not do what the load supposes.
"""

from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from codec.layout cimport (
    CANCEL_REASON_CLIENT_DISCONNECT, PRODUCT_TYPE_FUTURES, QUOTE_STATUS_QTY_REDUCED, QUOTE_STATUS_UNMODIFIED,
    QUOTE_STATUS_UPDATED, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_IOC, OrdersCanceledOrders,
)
from gateway.engine cimport OUTCOME_ACCEPTED, Command, Engine, Outcome
from gateway.quotes cimport QUOTES_PER_MASS_QUOTE_MAX, MassQuote, MassQuoteOutcome, Quotes

from gateway.engine_types import InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec

cdef enum:
    BATCH = 64                # commands between two looks at the clock
    RECORD_WORDS = 16         # of the chase: as long as an order's record, 128 bytes
    OWNERS = 4
    TICK_SIZE = 500_000_000
    LOT_SIZE = 1_000_000


cdef inline int64_t now() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec


cdef inline uint64_t throw(uint64_t* dice) noexcept nogil:
    dice[0] ^= dice[0] << 13
    dice[0] ^= dice[0] >> 7
    dice[0] ^= dice[0] << 17
    return dice[0]


cdef Engine make_engine(int orders_max):
    return Engine(
        [InstrumentSpec(id=1, tick_size=TICK_SIZE, lot_size=LOT_SIZE, product_type=PRODUCT_TYPE_FUTURES)],
        [PortfolioSpec(id=1, max_open_orders=orders_max)], [OwnerSpec(portfolio=0)] * OWNERS, orders_max,
    )


cdef void make_order(Command* command, uint64_t* dice, int64_t number, uint32_t owner, int levels) noexcept nogil:
    """A limit order on one of `levels` prices of either side; the sides do not meet."""
    memset(command, 0, sizeof(Command))
    command.client_order_id = number
    command.instrument_id = 1
    command.side = SIDE_BUY if throw(dice) & 1 else SIDE_SELL
    command.price = (1_000_000 - command.side * <int64_t>(1 + throw(dice) % <uint64_t>levels)) * TICK_SIZE
    command.quantity = LOT_SIZE
    command.show_quantity = command.smp_token = INT64_MIN
    command.epoch = 1
    command.owner = owner
    command.covered = 1


cdef int require(bint holds, str what) except -1:
    if not holds:
        raise RuntimeError(what)
    return 0


def churn(int live, int levels, int batches):
    """`live` orders open throughout; a batch cancels as many at random by client_order_id and enters as many new ones.

    live: a multiple of BATCH. Returns (ns of each new order, ns of each cancel), one figure for each batch.
    """
    cdef Engine engine = make_engine(2 * live)
    # The order at a position is owner position % OWNERS's.
    cdef int64_t* resting = <int64_t*>calloc(live, sizeof(int64_t))
    cdef Command commands[BATCH]
    cdef int positions[BATCH]
    cdef Outcome outcome
    cdef uint64_t dice = 88172645463325252
    cdef int64_t number = 0
    cdef int64_t started
    cdef int i
    cdef int accepted = 0
    entering = []
    canceling = []
    require(resting != NULL and live % BATCH == 0, "live: wanted a multiple of the batch, and memory for it")
    try:
        for i in range(live):
            number += 1
            resting[i] = number * 7919
            make_order(&commands[0], &dice, resting[i], i % OWNERS, levels)
            engine.new_order(&commands[0], &outcome)
            require(outcome.visible_quantity == LOT_SIZE, "an order of the first filling did not rest")
        for _ in range(batches):
            for i in range(BATCH):
                positions[i] = throw(&dice) % <uint64_t>(live // BATCH) * BATCH + i
                commands[i].client_order_id = resting[positions[i]]
                commands[i].owner = positions[i] % OWNERS
                commands[i].instrument_id = 1
            accepted = 0
            started = now()
            for i in range(BATCH):
                engine.cancel_order(&commands[i], &outcome)
                accepted += outcome.status == OUTCOME_ACCEPTED
            canceling.append((now() - started) / <double>BATCH)
            for i in range(BATCH):
                number += 1
                resting[positions[i]] = number * 7919
                make_order(&commands[i], &dice, number * 7919, commands[i].owner, levels)
            started = now()
            for i in range(BATCH):
                engine.new_order(&commands[i], &outcome)
                accepted += outcome.visible_quantity == LOT_SIZE
            entering.append((now() - started) / <double>BATCH)
            require(accepted == 2 * BATCH, "a cancel was refused or an order did not rest")
    finally:
        free(resting)
    return entering, canceling


def die(int live, int levels, bint crossed):
    """`live` orders of owner 0 die at the fence; if `crossed`, owner 1 then sweeps the book; then all are drained.

    Returns (ns of the fence, ns of the sweep for each dead order, ns of the drain for each).
    """
    cdef Engine engine = make_engine(2 * live)
    cdef OrdersCanceledOrders* entries = <OrdersCanceledOrders*>calloc(live, sizeof(OrdersCanceledOrders))
    cdef Command command
    cdef Outcome outcome
    cdef uint64_t dice = 88172645463325252
    cdef int64_t started
    cdef int64_t fenced
    cdef int64_t swept
    cdef int64_t drained
    cdef int i
    require(entries != NULL, "no memory for the entries")
    try:
        for i in range(live):
            make_order(&command, &dice, i, 0, levels)
            command.side = SIDE_SELL
            engine.new_order(&command, &outcome)
            require(outcome.visible_quantity == LOT_SIZE, "an order did not rest")
        started = now()
        require(engine.fence(0, 1, True) == <uint32_t>live, "the fence missed some")
        fenced = now()
        if crossed:
            make_order(&command, &dice, live, 1, levels)
            command.side = SIDE_BUY
            command.price = <int64_t>2_000_000 * TICK_SIZE
            command.time_in_force = TIME_IN_FORCE_IOC
            engine.new_order(&command, &outcome)
            require(outcome.dead_met == <uint32_t>live and outcome.event_count == 0, "the sweep traded, or missed some")
        swept = now()
        require(engine.drain(0, True, live, CANCEL_REASON_CLIENT_DISCONNECT, entries) == <uint32_t>live,
                "the drain missed some")
        drained = now()
    finally:
        free(entries)
    return fenced - started, (swept - fenced) / <double>live, (drained - swept) / <double>live


cdef int tell(const MassQuoteOutcome* outcome, int8_t status) except -1:
    """Whether every side of a full mass quote has this status."""
    cdef int i
    require(outcome.status == OUTCOME_ACCEPTED, "a mass quote was refused")
    for i in range(QUOTES_PER_MASS_QUOTE_MAX):
        require(outcome.sides[i][0].status == status and outcome.sides[i][1].status == status,
                f"a side was told {outcome.sides[i][0].status} or {outcome.sides[i][1].status}, wanted {status}")
    return 0


cdef double mass_quotes(Quotes quotes, MassQuote* requests, int count, int64_t shift, int64_t quantity,
                        int8_t status) except -1:
    """ns for a side, when all the requests are sent, at prices so many ticks higher than the first ones."""
    cdef MassQuoteOutcome outcome
    cdef Outcome events
    cdef int64_t started
    cdef int64_t taken = 0
    cdef int i
    cdef int j
    for i in range(count):
        for j in range(QUOTES_PER_MASS_QUOTE_MAX):
            requests[i].entries[j].sides[0].price = (999_999 + shift) * TICK_SIZE
            requests[i].entries[j].sides[1].price = (1_000_001 + shift) * TICK_SIZE
            requests[i].entries[j].sides[0].quantity = requests[i].entries[j].sides[1].quantity = quantity
        started = now()
        quotes.mass_quote(&requests[i], &outcome, &events)
        taken += now() - started
        tell(&outcome, status)
    return taken / <double>(count * QUOTES_PER_MASS_QUOTE_MAX * 2)


def requote(int count, int live, int rounds):
    """`count` full mass quotes on as many instruments each, beside `live` orders in every book.

    Returns (ns for a side that says what stands, for one that says less, for one that moves), one figure a round each.
    """
    cdef int instruments = count * QUOTES_PER_MASS_QUOTE_MAX
    cdef Engine engine = Engine(
        [InstrumentSpec(id=i + 1, tick_size=TICK_SIZE, lot_size=LOT_SIZE, product_type=PRODUCT_TYPE_FUTURES)
         for i in range(instruments)],
        [PortfolioSpec(id=1, max_open_orders=instruments * (live + 2))], [OwnerSpec(portfolio=0)] * OWNERS,
        instruments * (live + 2), mmp_groups=[MmpGroupSpec(portfolio=0, id=1, quantity_limit=None)],
    )
    cdef Quotes quotes = Quotes(engine)
    cdef MassQuote* requests = <MassQuote*>calloc(count, sizeof(MassQuote))
    cdef Command command
    cdef Outcome outcome
    cdef uint64_t dice = 88172645463325252
    cdef int i
    unmodified = []
    reduced = []
    moved = []
    require(requests != NULL, "no memory for the requests")
    try:
        for i in range(instruments * live):
            make_order(&command, &dice, i, 1 + i % (OWNERS - 1), 50)
            command.instrument_id = 1 + i // live
            command.price -= <int64_t>command.side * 10 * TICK_SIZE
            engine.new_order(&command, &outcome)
            require(outcome.visible_quantity == LOT_SIZE, "an order did not rest")
        for i in range(instruments):
            requests[i // QUOTES_PER_MASS_QUOTE_MAX].entries[i % QUOTES_PER_MASS_QUOTE_MAX].instrument_id = i + 1
        for i in range(count):
            requests[i].quote_id = i + 1
            requests[i].mmp_group_id = requests[i].epoch = 1
            requests[i].smp_token = INT64_MIN
            requests[i].entry_count = QUOTES_PER_MASS_QUOTE_MAX
        for i in range(rounds):
            moved.append(mass_quotes(quotes, requests, count, i % 8, 3 * LOT_SIZE, QUOTE_STATUS_UPDATED))
            unmodified.append(mass_quotes(quotes, requests, count, i % 8, 3 * LOT_SIZE, QUOTE_STATUS_UNMODIFIED))
            reduced.append(mass_quotes(quotes, requests, count, i % 8, LOT_SIZE, QUOTE_STATUS_QTY_REDUCED))
    finally:
        free(requests)
    return unmodified, reduced, moved


def chase(int records):
    """The yardstick: ns for following one link between records of 128 bytes that lie in random order."""
    cdef int64_t* words = <int64_t*>calloc(records * RECORD_WORDS, sizeof(int64_t))
    cdef uint64_t dice = 88172645463325252
    cdef int64_t at = 0
    cdef int64_t started
    cdef int64_t i
    cdef int64_t j
    require(words != NULL, "no memory for the chase")
    # Sattolo's shuffle: one cycle through all records.
    for i in range(records):
        words[i * RECORD_WORDS] = i
    for i in range(records - 1, 0, -1):
        j = throw(&dice) % <uint64_t>i
        words[i * RECORD_WORDS], words[j * RECORD_WORDS] = words[j * RECORD_WORDS], words[i * RECORD_WORDS]
    for i in range(records):
        at = words[at * RECORD_WORDS]
    started = now()
    for i in range(records):
        at = words[at * RECORD_WORDS]
    started = now() - started
    free(words)
    require(at == 0, "the chase went astray")
    return started / <double>records
