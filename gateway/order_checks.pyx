"""What an order must satisfy before it may change anything: fields, terms, limits, and what is open already.

The checks come in this order, and the first that fails is the one that is told: what the venue has closed, fields that
do not go together, quantity, price, then what depends on the orders that are there. New orders, amends
and quotes are judged by the same functions.
"""

from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint32_t

from codec.layout cimport (
    ORDER_FLAGS_MARKET_LIMIT, ORDER_FLAGS_POST_ONLY, ORDER_FLAGS_POST_ONLY_REJECT,
    ORDER_REJECT_REASON_DUPLICATE_CLIENT_ORDER_ID, ORDER_REJECT_REASON_ICEBERG_NOT_ALLOWED,
    ORDER_REJECT_REASON_INVALID_FIELD, ORDER_REJECT_REASON_INVALID_PRICE, ORDER_REJECT_REASON_INVALID_QUANTITY,
    ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE,
    ORDER_REJECT_REASON_ORDER_SIZE_LIMIT_EXCEEDED, ORDER_REJECT_REASON_PORTFOLIO_LOCKED,
    ORDER_REJECT_REASON_PRICE_TOO_HIGH, ORDER_REJECT_REASON_PRICE_TOO_LOW, ORDER_REJECT_REASON_SYSTEM_ERROR,
    ORDER_REJECT_REASON_TOO_MANY_OPEN_ORDERS, PRODUCT_TYPE_COMBO_FUTURES, PRODUCT_TYPE_COMBO_OPTIONS,
    SELF_TRADING_MODE_CANCEL_MAKER, SELF_TRADING_MODE_CANCEL_TAKER, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_GTC,
    TIME_IN_FORCE_IOC,
)
from gateway.details cimport decimal_details, integer_details
from gateway.engine cimport (
    INSTRUMENT_IS_HALTED, INSTRUMENT_IS_OPEN, Command, Engine, Instrument, Outcome, reject,
)
from gateway.registry cimport Portfolio
from gateway.slab cimport NONE


cdef inline bint may_be_negative(const Instrument* instrument) noexcept nogil:
    """Whether prices of zero and below make sense: a combo's price is a difference."""
    return (instrument.product_type == PRODUCT_TYPE_COMBO_FUTURES
            or instrument.product_type == PRODUCT_TYPE_COMBO_OPTIONS)


cdef bint check_venue(Engine engine, uint32_t portfolio, uint32_t index, Outcome* outcome) noexcept nogil:
    """Whether the venue lets the portfolio enter anything, and the instrument be entered into."""
    cdef Instrument* instrument = &engine.instruments[index]
    if engine.registry.portfolios[portfolio].is_locked:
        return reject(outcome, ORDER_REJECT_REASON_PORTFOLIO_LOCKED,
                      integer_details(engine.details, b"portfolio %lld is locked",
                                      engine.registry.portfolios[portfolio].id, 0))
    if instrument.state != INSTRUMENT_IS_OPEN:
        return reject(outcome, ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE,
                      integer_details(engine.details, b"instrument %lld is halted"
                                      if instrument.state == INSTRUMENT_IS_HALTED
                                      else b"instrument %lld is deactivated", instrument.id, 0))
    return True


cdef bint check_fields(Engine engine, const Command* command, Outcome* outcome) noexcept nogil:
    """Values that make no sense in a new order, alone or together."""
    cdef int post_only = command.flags & (ORDER_FLAGS_POST_ONLY | ORDER_FLAGS_POST_ONLY_REJECT)
    cdef const char* wrong = NULL
    if command.client_order_id == INT64_MIN:
        wrong = b"client order id is null"
    elif command.side != SIDE_BUY and command.side != SIDE_SELL:
        wrong = integer_details(engine.details, b"side %lld is neither buy (1) nor sell (-1)", command.side, 0)
    elif command.time_in_force < TIME_IN_FORCE_IOC:
        wrong = integer_details(engine.details, b"time in force %lld: wanted 0 (GTC), -1 (FOK), -2 (IOC) or a number of "
                                b"days", command.time_in_force, 0)
    elif (command.self_trading_mode != SELF_TRADING_MODE_CANCEL_TAKER
          and command.self_trading_mode != SELF_TRADING_MODE_CANCEL_MAKER):
        wrong = integer_details(engine.details, b"self trading mode %lld is neither cancel taker (0) nor cancel "
                                b"maker (1)", command.self_trading_mode, 0)
    elif command.flags & ORDER_FLAGS_MARKET_LIMIT and command.price != INT64_MIN:
        wrong = decimal_details(engine.details, b"price %s with the marketLimit flag: wanted %s",
                                command.price, INT64_MIN)
    elif post_only and command.flags & ORDER_FLAGS_MARKET_LIMIT:
        wrong = b"a market order cannot be post-only"
    elif post_only and command.time_in_force < TIME_IN_FORCE_GTC:
        wrong = b"an IOC or FOK order cannot be post-only"
    return wrong == NULL or reject(outcome, ORDER_REJECT_REASON_INVALID_FIELD, wrong)


cdef bint check_terms(Engine engine, uint32_t index, const Command* command, Outcome* outcome) noexcept nogil:
    """Quantity, shown quantity and price of a new order."""
    if not (check_iceberg(engine, index, command.show_quantity, outcome)
            and check_quantity(engine, index, command.quantity, outcome)
            and check_show_quantity(engine, index, command.show_quantity, command.quantity, outcome)):
        return False
    if command.price != INT64_MIN:
        return check_price(engine, index, command.price, outcome)
    if command.flags & ORDER_FLAGS_MARKET_LIMIT:
        return True
    return reject(outcome, ORDER_REJECT_REASON_INVALID_PRICE, b"price is null without the marketLimit flag")


cdef bint check_iceberg(Engine engine, uint32_t index, int64_t show_quantity, Outcome* outcome) noexcept nogil:
    """Whatever showQty there is makes an order an iceberg, and not every instrument has those."""
    if show_quantity == INT64_MIN or engine.instruments[index].iceberg_allowed:
        return True
    return reject(outcome, ORDER_REJECT_REASON_ICEBERG_NOT_ALLOWED,
                  b"showQty is set, and the instrument allows no icebergs")


cdef bint check_show_quantity(Engine engine, uint32_t index, int64_t show_quantity, int64_t quantity,
                              Outcome* outcome) noexcept nogil:
    """A multiple of the lot size, at most the whole of a quantity that has passed check_quantity."""
    cdef int64_t lot_size = engine.instruments[index].lot_size
    if show_quantity == INT64_MIN:
        return True
    if show_quantity <= 0 or show_quantity % lot_size != 0:
        return reject(outcome, ORDER_REJECT_REASON_INVALID_QUANTITY,
                      decimal_details(engine.details, b"showQty %s: wanted a multiple of the lot size %s above 0",
                                      show_quantity, lot_size))
    if show_quantity > quantity:
        return reject(outcome, ORDER_REJECT_REASON_INVALID_QUANTITY,
                      decimal_details(engine.details, b"showQty %s: wanted at most the quantity %s",
                                      show_quantity, quantity))
    return True


cdef bint check_quantity(Engine engine, uint32_t index, int64_t quantity, Outcome* outcome) noexcept nogil:
    """An exact multiple of the lot size, never rounded to one, and within the instrument's limit."""
    cdef Instrument* instrument = &engine.instruments[index]
    if quantity <= 0:
        return reject(outcome, ORDER_REJECT_REASON_INVALID_QUANTITY,
                      decimal_details(engine.details, b"quantity %s: wanted a multiple of the lot size %s above 0",
                                      quantity, instrument.lot_size))
    if quantity % instrument.lot_size != 0:
        return reject(outcome, ORDER_REJECT_REASON_INVALID_QUANTITY,
                      decimal_details(engine.details, b"quantity %s is not a multiple of the lot size %s",
                                      quantity, instrument.lot_size))
    if quantity > instrument.max_order_quantity:
        return reject(outcome, ORDER_REJECT_REASON_ORDER_SIZE_LIMIT_EXCEEDED,
                      decimal_details(engine.details, b"quantity %s: wanted at most %s",
                                      quantity, instrument.max_order_quantity))
    return True


cdef bint check_price(Engine engine, uint32_t index, int64_t price, Outcome* outcome) noexcept nogil:
    """An exact multiple of the tick size, never rounded to one, and within the instrument's band."""
    cdef Instrument* instrument = &engine.instruments[index]
    cdef int8_t reason = price_problem(instrument, price)
    if reason == PRICE_IS_RIGHT:
        return True
    if reason == ORDER_REJECT_REASON_PRICE_TOO_LOW:
        return reject(outcome, reason, decimal_details(engine.details, b"price %s: wanted at least %s",
                                                       price, instrument.min_price))
    if reason == ORDER_REJECT_REASON_PRICE_TOO_HIGH:
        return reject(outcome, reason, decimal_details(engine.details, b"price %s: wanted at most %s",
                                                       price, instrument.max_price))
    if price <= 0 and not may_be_negative(instrument):
        return reject(outcome, reason,
                      decimal_details(engine.details, b"price %s: wanted a multiple of the tick size %s above 0",
                                      price, instrument.tick_size))
    return reject(outcome, reason, decimal_details(engine.details, b"price %s is not a multiple of the tick size %s",
                                                   price, instrument.tick_size))


cdef int8_t price_problem(const Instrument* instrument, int64_t price) noexcept nogil:
    """ORDER_REJECT_REASON_* of a price that an order may not have, else PRICE_IS_RIGHT."""
    if (price == INT64_MIN or price % instrument.tick_size != 0
            or (price <= 0 and not may_be_negative(instrument))):
        return ORDER_REJECT_REASON_INVALID_PRICE
    if price < instrument.min_price:
        return ORDER_REJECT_REASON_PRICE_TOO_LOW
    if price > instrument.max_price:
        return ORDER_REJECT_REASON_PRICE_TOO_HIGH
    return PRICE_IS_RIGHT


cdef bint check_admission(Engine engine, const Command* command, uint32_t hash, Outcome* outcome) noexcept nogil:
    """What depends on the orders that are there already."""
    cdef uint32_t portfolio = engine.registry.owners[command.owner].portfolio
    if engine.registry.find_client(portfolio, command.client_order_id, hash) != NONE:
        return reject(outcome, ORDER_REJECT_REASON_DUPLICATE_CLIENT_ORDER_ID,
                      integer_details(engine.details, b"client order id %lld belongs to an open order",
                                      command.client_order_id, 0))
    return command.time_in_force < TIME_IN_FORCE_GTC or check_room(engine, command, outcome)


cdef bint check_room(Engine engine, const Command* command, Outcome* outcome) noexcept nogil:
    """Whether one more order or quote may rest; after that it can."""
    cdef Portfolio* portfolio = &engine.registry.portfolios[engine.registry.owners[command.owner].portfolio]
    cdef bint reserved
    if portfolio.open >= portfolio.max_open_orders:
        return reject(outcome, ORDER_REJECT_REASON_TOO_MANY_OPEN_ORDERS,
                      integer_details(engine.details, b"the portfolio has %lld open orders of at most %lld",
                                      portfolio.open, portfolio.max_open_orders))
    reserved = engine.registry.reserve_quote() if command.is_quote else engine.registry.reserve()
    if not reserved or not engine.books.reserve():
        return reject(outcome, ORDER_REJECT_REASON_SYSTEM_ERROR,
                      integer_details(engine.details, b"the gateway holds as many orders as it can: %lld",
                                     engine.registry.orders.used, 0))
    return True
