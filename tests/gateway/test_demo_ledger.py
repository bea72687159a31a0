"""The demo's book-keeping finds every way in which an order can fail to be accounted for."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.demo_ledger import Ledger

Record = dict[str, Any]


def copy(name: str, *orders: Record, origin: str = "maker", number: int = 9, ns: int = 5) -> Record:
    return {"event": "copy", "origin": origin, "number": number, "name": name, "ns": ns, "orders": list(orders)}


def entered(order_id: int, status: int = 1) -> Record:
    return {"client_order_id": order_id, "order_id": order_id, "quantity": 10, "total_filled": 0, "status": status}


def filled(order_id: int, match_id: int, quantity: int, total: int) -> Record:
    return {"order_id": order_id, "match_id": match_id, "fill_qty": quantity, "total_filled": total}


def canceled(order_id: int, total: int = 0, reason: int = 7) -> Record:
    return {"order_id": order_id, "total_filled": total, "cancel_reason": reason}


def taken(match_id: int, quantity: int) -> Record:
    return {"event": "filled", "fill": {"match_id": match_id, "quantity": quantity}}


def a_clean_run() -> tuple[list[Record], list[Record]]:
    """Order 1 is filled, 2 cancelled with 4 filled, 3 cancelled untouched; 4 is the bystander's and ends by itself."""
    copies = [
        copy("NewOrderResponse", entered(1)),
        copy("NewOrderResponse", entered(2)),
        copy("NewOrderResponse", entered(3)),
        copy("NewOrderResponse", entered(4), origin="bystander"),
        copy("OrderFilled", filled(1, 100, 6, 6), filled(2, 101, 4, 4)),
        copy("OrderFilled", filled(1, 102, 4, 10)),
        copy("OrdersCanceled", canceled(2, 4), canceled(3)),
        copy("CancelOrderResponse", {"order_id": 4, "total_filled": 0}, origin="bystander"),
    ]
    return copies, [taken(100, 6), taken(101, 4), taken(102, 4)]


def audit(copies: list[Record], takes: list[Record]) -> list[str]:
    ledger = Ledger()
    for record in copies:
        ledger.copied(record)
    for record in takes:
        ledger.taker(record)
    return ledger.audit(["maker"], "bystander")


def test_a_clean_run_has_no_fault() -> None:
    assert audit(*a_clean_run()) == []


def test_the_books_say_what_is_open_and_what_became_of_the_rest() -> None:
    ledger = Ledger()
    copies, _ = a_clean_run()
    for record in copies[:6]:
        ledger.copied(record)
    assert [(fate.order_id, fate.filled, fate.is_filled, fate.is_partial) for fate in ledger.of("maker")] == [
        (1, 10, True, False),
        (2, 4, False, True),
        (3, 0, False, False),
    ]
    assert [fate.order_id for fate in ledger.open_of("maker")] == [2, 3]


def at(position: int, *records: Record) -> Callable[[list[Record], list[Record]], None]:
    """Put records in place of the one at a position of the copies."""

    def change(copies: list[Record], _takes: list[Record]) -> None:
        copies[position : position + 1] = records

    return change


def also(*records: Record) -> Callable[[list[Record], list[Record]], None]:
    return lambda copies, _takes: copies.extend(records)


def takes(*records: Record) -> Callable[[list[Record], list[Record]], None]:
    def change(_copies: list[Record], takes: list[Record]) -> None:
        takes[:] = records

    return change


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        pytest.param(
            at(6, copy("OrdersCanceled", canceled(2, 4))),
            ["order 3 of maker: neither filled nor cancelled"],
            id="an order that nothing ends",
        ),
        pytest.param(
            also(copy("OrdersCanceled", canceled(3))), ["order 3 of maker: cancelled 2 times"], id="cancelled twice"
        ),
        pytest.param(
            also(copy("OrdersCanceled", canceled(1, 10))),
            ["order 1 of maker: cancelled although it was filled"],
            id="cancelled after its last fill",
        ),
        pytest.param(
            at(6, copy("OrdersCanceled", canceled(2, 4, 3), canceled(3))),
            ["order 2 of maker: wanted cancelReason 7, was 3"],
            id="another reason",
        ),
        pytest.param(
            at(6, copy("OrdersCanceled", canceled(2, 5), canceled(3))),
            ["order 2 of maker: cancelled with totalFilled 5, the fills add up to 4"],
            id="a wrong totalFilled in the cancel",
        ),
        pytest.param(
            at(5, copy("OrderFilled", filled(1, 102, 4, 9))),
            ["order 1 of maker: the last totalFilled was 9, the fills add up to 10"],
            id="a wrong totalFilled in a fill",
        ),
        pytest.param(
            also(copy("OrderFilled", filled(3, 103, 1, 1))),
            [
                "order 3 of maker: filled after it was reported cancelled",
                "order 3 of maker: cancelled with totalFilled 0, the fills add up to 1",
                "match 103: maker told 1, taker told None",
            ],
            id="filled after its cancel",
        ),
        pytest.param(
            takes(taken(100, 6), taken(101, 4)), ["match 102: maker told 4, taker told None"], id="one side untold"
        ),
        pytest.param(
            takes(taken(100, 6), taken(101, 4), taken(102, 4), taken(102, 4)),
            ["match 102: told to the taker twice"],
            id="the taker told twice",
        ),
        pytest.param(
            also(copy("OrdersCanceled", canceled(77))),
            ["OrdersCanceled for order 77 of maker: no such order"],
            id="a cancel of nothing",
        ),
        pytest.param(
            also(copy("NewOrderResponse", entered(3))),
            ["order 3 of maker: acknowledged twice"],
            id="two acknowledgements",
        ),
        pytest.param(
            also(copy("NewOrderResponse", entered(5, status=3))),
            ["order 5 of maker: wanted to rest, status was 3"],
            id="an order that does not rest",
        ),
        pytest.param(
            at(7, copy("OrdersCanceled", canceled(4), origin="bystander")),
            ["order 4 of bystander: wanted cancelReason 12, was 7"],
            id="a bystander's order cancelled",
        ),
        pytest.param(
            at(7, copy("OrderFilled", filled(4, 104, 10, 10), origin="bystander")),
            [
                "order 4 of bystander: traded, though nobody offered its price",
                "match 104: maker told 10, taker told None",
            ],
            id="a bystander's order traded",
        ),
    ],
)
def test_every_kind_of_fault_is_named(change: Callable[[list[Record], list[Record]], None], faults: list[str]) -> None:
    copies, takes = a_clean_run()
    change(copies, takes)
    assert audit(copies, takes) == faults


def test_a_sessions_own_record_is_held_against_the_drop_copy() -> None:
    ledger = Ledger()
    for record in a_clean_run()[0]:
        ledger.copied(record)
    own = {"order_id": 2, "reason": 7, "total_filled": 4, "number": 9}
    assert ledger.contradictions("maker", [own]) == []
    assert ledger.contradictions("maker", [own | {"number": 8}, {**own, "order_id": 1}]) == [
        "order 2 of maker: told (7, 4, 8) (reason, totalFilled, number), copied (7, 4, 9)",
        "order 1 of maker: told (7, 4, 9) (reason, totalFilled, number), copied None",
    ]
