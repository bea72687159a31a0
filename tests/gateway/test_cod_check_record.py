"""The ledger that cod-check keeps of each session's orders, from the messages of its stream."""

from typing import Any

from codec.values import Decimal72
from codec.wire import decode, encode
from gateway.cod_check_record import DROP_COPY, LINE, OrderFacts, Record, Sighting, told_twice


def lots(count: int) -> Decimal72:
    return Decimal72(count * 10**9, -9)


def sighting(name: str, number: int, where: str = LINE, connection: int = 1, **fields: Any) -> Sighting:
    message = decode(encode(name, fields, sequence_number=number))
    return Sighting(time_ns=number, part="maker", where=where, message=message, connection=connection)


def order(name: str, number: int, **changed: Any) -> Sighting:
    fields = {
        "exec_id": number,
        "client_order_id": 11,
        "order_id": 1,
        "instrument_id": 3,
        "price": 5,
        "quantity": lots(4),
        "total_filled": lots(0),
        "status": 1,
    }
    return sighting(name, number, **(fields | changed))


def facts(*seen: Sighting) -> list[OrderFacts]:
    record = Record()
    for one in seen:
        record.add(one)
    assert list(record.snapshot("maker").orders.values()) == list(record.ledger("maker").orders.values())
    return list(record.ledger("maker").orders.values())


KNOWN = {"order_id": 1, "client_order_id": 11, "instrument_id": 3}


def test_an_order_that_rests_is_open() -> None:
    assert facts(order("NewOrderResponse", 1)) == [OrderFacts(**KNOWN, price=5, quantity=4 * 10**9)]


def test_an_order_that_waits_behind_the_speed_bump_is_open_until_it_is_placed() -> None:
    queued = order("NewOrderResponse", 1, status=4)
    assert facts(queued) == [OrderFacts(**KNOWN, price=5, quantity=4 * 10**9, is_queued=True)]
    assert facts(queued, order("OrderPlaced", 2, status=2, total_filled=lots(4))) == [
        OrderFacts(**KNOWN, price=5, quantity=4 * 10**9, total_filled=4 * 10**9, is_open=False)
    ]


def test_an_amended_order_has_its_new_terms() -> None:
    assert facts(order("NewOrderResponse", 1), order("AmendOrderResponse", 2, price=6, quantity=lots(7))) == [
        OrderFacts(**KNOWN, price=6, quantity=7 * 10**9)
    ]


def test_an_order_that_another_session_answers_for_is_not_ours() -> None:
    assert facts(order("AmendOrderResponse", 1)) == []


def test_an_order_that_was_cancelled_on_request_is_closed() -> None:
    cancel = sighting("CancelOrderResponse", 2, order_id=1, client_order_id=11, instrument_id=3)
    assert [one.is_open for one in facts(order("NewOrderResponse", 1), cancel)] == [False]


def test_fills_add_up_and_the_last_one_closes() -> None:
    def fill(number: int, quantity: int, total: int) -> Sighting:
        entry = {"order_id": 1, "side": 1, "price": 5, "fill_qty": lots(quantity), "total_filled": lots(total)}
        return sighting("OrderFilled", number, exec_id=number, fills=[entry])

    accepted = order("NewOrderResponse", 1)
    assert [(one.left, one.is_open) for one in facts(accepted, fill(2, 1, 1))] == [(3 * 10**9, True)]
    assert [(one.left, one.is_open) for one in facts(accepted, fill(2, 1, 1), fill(3, 3, 4))] == [(0, False)]


def test_both_sides_of_a_quote_are_orders() -> None:
    entry = {
        "instrument_id": 3,
        "bid_order_id": 1,
        "ask_order_id": 2,
        "bid_price": 4,
        "ask_price": 6,
        "bid_qty": lots(2),
        "ask_qty": lots(1),
        "bid_filled_qty": lots(0),
        "ask_filled_qty": lots(1),
        "bid_status": 3,
        "ask_status": 1,
        "bid_reject_reason": -128,
        "ask_reject_reason": -128,
    }
    common = {"client_order_id": 11, "instrument_id": 3, "quantity": 2 * 10**9, "is_quote": True}
    assert facts(sighting("MassQuoteResponse", 1, exec_id=1, quote_id=11, quotes=[entry])) == [
        OrderFacts(order_id=1, price=4, **common),
        OrderFacts(order_id=2, price=6, total_filled=10**9, **common),
    ]


def cancel(number: int, where: str = LINE, connection: int = 1) -> Sighting:
    entry = {"order_id": 1, "client_order_id": 11, "instrument_id": 3, "total_filled": lots(0), "cancel_reason": 7}
    return sighting("OrdersCanceled", number, where, connection, exec_id=9, orders=[entry])


def test_a_cancel_seen_in_two_places_or_on_two_connections_was_told_once() -> None:
    seen = [cancel(2), cancel(5, DROP_COPY), cancel(2, connection=2)]
    assert told_twice(seen) == []
    ((only,),) = [one.cancels for one in facts(order("NewOrderResponse", 1), *seen)]
    assert (only.time_ns, only.number, only.exec_id, only.cancel_reason) == (2, 2, 9, 7)


def test_a_cancel_told_twice_on_one_connection_was_told_twice() -> None:
    assert told_twice([cancel(2), cancel(3)]) == [1]
