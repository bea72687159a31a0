"""Amends: new price, total and shown quantity for an order that rests.

1. An amend never moves the binding. orderId, clientOrderId, owner, epoch and cover are those of the order's entry,
   whoever amends it: it dies with the session that entered it. So are its token and mode of self-match prevention, and
   how many days it has.
2. A total at or below what has filled closes the order.
3. The same price, a smaller total and the same shown quantity: the order keeps its place. Anything else, an amend that
   changes nothing among it, takes it out and enters it again as if it had just come: it trades with what it crosses,
   unless post-only says otherwise, and what is left rests behind the others of its price.
4. An amend that is rejected changes nothing.
5. Behind a speed bump an amend that would trade waits, as does one of an order that has something waiting already
   (speed_bump.pyx).
"""

from libc.stdint cimport INT64_MIN, uint32_t

from codec.layout cimport (
    CANCEL_REASON_BY_REQUEST, ORDER_REJECT_REASON_INVALID_INSTRUMENT, ORDER_REJECT_REASON_ORDER_NOT_FOUND,
    ORDER_REJECT_REASON_SYSTEM_ERROR, ORDER_STATUS_ACTIVE, ORDER_STATUS_CANCELED,
    REPLACE_ORDER_FLAGS_MASK, SELF_TRADING_MODE_CANCEL_MAKER, SELF_TRADING_MODE_CANCEL_TAKER,
)
from gateway.details cimport integer_details
from gateway.engine cimport (
    OUTCOME_ACCEPTED, Command, Engine, Outcome, Taker, reject, start_outcome,
)
from gateway.lookup cimport secret_hash
from gateway.mmp cimport mmp_group_of
from gateway.order_checks cimport check_iceberg, check_price, check_quantity, check_show_quantity, check_venue
from gateway.registry cimport (
    ORDER_CANCELS_MAKER, ORDER_HAS_WAITING, ORDER_IS_ICEBERG, ORDER_IS_QUOTE, Order, order_at, order_visible,
)
from gateway.slab cimport NONE
from gateway.speed_bump cimport must_wait, queue_amend, queue_amended


cdef void amend_order(Engine engine, const Command* command, Outcome* outcome) noexcept nogil:
    cdef uint32_t handle
    cdef Order* order
    start_outcome(command, outcome)
    handle = find_amendable(engine, command, outcome)
    if handle == NONE:
        return
    order = order_at(&engine.registry.orders, handle)
    if not check_amend(engine, order, command, outcome):
        return
    if order.flags & ORDER_HAS_WAITING:
        queue_amend(engine, handle, command, outcome)
    else:
        make_amend(engine, handle, command, False, outcome)


cdef void make_amend(Engine engine, uint32_t handle, const Command* command, bint has_waited,
                     Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, handle)
    if command.quantity <= order.filled:
        tell(outcome, order, ORDER_STATUS_CANCELED)
        outcome.cancel_reason = CANCEL_REASON_BY_REQUEST
        engine.forget(handle)
    elif keeps_priority(order, command):
        order.quantity = command.quantity
        order.shown = min(order.shown, order.quantity - order.filled)
        tell(outcome, order, ORDER_STATUS_ACTIVE)
    else:
        replace(engine, handle, command, has_waited, outcome)


cdef uint32_t find_amendable(Engine engine, const Command* command, Outcome* outcome) noexcept nogil:
    """The live order that is meant, NONE when the amend is rejected. Quotes are not amended."""
    cdef uint32_t instrument = engine.instrument_for(command.owner, command.instrument_id)
    cdef uint32_t portfolio = engine.registry.owners[command.owner].portfolio
    cdef uint32_t handle
    cdef Order* order
    if not engine.check_epoch(command, outcome):
        return NONE
    if instrument == NONE:
        reject(outcome, ORDER_REJECT_REASON_INVALID_INSTRUMENT,
               integer_details(engine.details, b"instrument %lld is not known", command.instrument_id, 0))
        return NONE
    if not check_venue(engine, portfolio, instrument, outcome):
        return NONE
    handle = engine.registry.find_client(
        portfolio, command.client_order_id, secret_hash(&engine.registry.secret, portfolio, command.client_order_id))
    if handle != NONE:
        order = order_at(&engine.registry.orders, handle)
        if order.instrument == instrument and not order.flags & ORDER_IS_QUOTE:
            outcome.order_id = order.order_id
            outcome.owner = order.owner
            outcome.side = order.side
            return handle
    reject(outcome, ORDER_REJECT_REASON_ORDER_NOT_FOUND,
           integer_details(engine.details, b"client order id %lld is not open in instrument %lld",
                           command.client_order_id, command.instrument_id))
    return NONE


cdef bint check_amend(Engine engine, const Order* order, const Command* command, Outcome* outcome) noexcept nogil:
    """Quantity, shown quantity and price, as a new order's."""
    return (check_iceberg(engine, order.instrument, command.show_quantity, outcome)
            and check_quantity(engine, order.instrument, command.quantity, outcome)
            and check_show_quantity(engine, order.instrument, command.show_quantity, command.quantity, outcome)
            and check_price(engine, order.instrument, command.price, outcome))


cdef bint keeps_priority(const Order* order, const Command* command) noexcept nogil:
    return (command.price == order.price and command.quantity < order.quantity
            and (command.show_quantity == INT64_MIN
                 or (order.flags & ORDER_IS_ICEBERG and command.show_quantity == order.show_quantity)))


cdef void replace(Engine engine, uint32_t handle, const Command* command, bint has_waited,
                  Outcome* outcome) noexcept nogil:
    """Take the order out, let it trade at its new price, and let what is left rest behind the others."""
    cdef Order* order = order_at(&engine.registry.orders, handle)
    cdef Command terms
    cdef Taker taker
    start_replacing(engine, handle, command, has_waited, &terms, &taker)
    # Whatever may fail comes before the first change.
    if not engine.books.reserve_move(handle):
        reject(outcome, ORDER_REJECT_REASON_SYSTEM_ERROR, b"no memory for another price")
        return
    if command.flags & REPLACE_ORDER_FLAGS_MASK:
        if not engine.place_post_only(&terms, &taker, outcome):
            return
    elif not has_waited and must_wait(engine, &taker, outcome):
        if queue_amended(engine, handle, command, outcome):
            revise(order, command)
        return
    engine.books.remove(handle)
    engine.match(&terms, &taker, outcome)
    revise(order, command)
    engine.conclude_in_place(handle, &taker, True, outcome)


cdef void start_replacing(Engine engine, uint32_t handle, const Command* command, bint has_waited, Command* terms,
                          Taker* taker) noexcept nogil:
    cdef const Order* order = order_at(&engine.registry.orders, handle)
    terms[0] = command[0]
    terms.side = order.side
    terms.smp_token = order.smp_token
    terms.self_trading_mode = (SELF_TRADING_MODE_CANCEL_MAKER if has_waited or order.flags & ORDER_CANCELS_MAKER
                               else SELF_TRADING_MODE_CANCEL_TAKER)
    engine.start_taker(terms, order.instrument, taker)
    taker.order_id = order.order_id
    taker.owner = order.owner
    taker.handle = handle
    taker.mmp_group = mmp_group_of(engine, order)
    taker.remaining = command.quantity - order.filled


cdef void revise(Order* order, const Command* command) noexcept nogil:
    """Write down the new terms."""
    order.price = command.price
    order.quantity = command.quantity
    if command.show_quantity != INT64_MIN:
        order.flags |= ORDER_IS_ICEBERG
        order.show_quantity = command.show_quantity
    order.shown = min(order.show_quantity, order.quantity - order.filled)


cdef void tell(Outcome* outcome, const Order* order, int status) noexcept nogil:
    outcome.status = OUTCOME_ACCEPTED
    outcome.order_status = status
    outcome.total_filled = order.filled
    outcome.visible_quantity = order_visible(order) if status == ORDER_STATUS_ACTIVE else 0
