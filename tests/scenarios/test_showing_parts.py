"""Icebergs on a real socket: what their owner and the takers are told, and where they may not be."""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from support.connection import Connection
from support.frames import (
    CANCELED,
    FILLED,
    FOK,
    SELL,
    TIME_IN_FORCE,
    VERSIONS,
    amend,
    amend_response,
    fill,
    new_order_reject,
    order,
    response,
)
from support.scene import Scene

INVALID_QUANTITY, ICEBERG_NOT_ALLOWED = 5, 20


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    """A gateway that allows icebergs in instrument 1."""
    return make_scene(instrument={"iceberg_allowed": True})


def enter(session: Connection, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    session.order(request)
    return session.frame().plain


def totals(session: Connection, count: int) -> list[list[int]]:
    """totalFilled of so many fills of a maker's orders."""
    told: list[list[int]] = []
    while len(told) < count:
        told += [entry["totalFilled"] for entry in session.frame("OrderFilled").fields["fills"]]
    return told


@pytest.mark.parametrize("version", VERSIONS)
def test_an_iceberg_shows_part_after_part(scene: Scene, version: int) -> None:
    maker = scene.trader("maker-1", schema_version=version)
    other, taker = scene.trader("maker-2"), scene.trader("taker-1", schema_version=version)
    iceberg = order(1, quantity="5", showQty="2")
    maker.order(iceberg)
    told = maker.frame()
    assert told.plain == response(iceberg, ANY, visible="2")
    other.place(order(2, quantity="1"))
    selling = order(3, side=SELL, quantity="4")
    name, fields = enter(taker, selling)
    assert (name, fields) == response(
        selling, ANY, status=FILLED, filled="4",
        fills=[fill(ANY, "100", "2"), fill(ANY, "100", "1"), fill(ANY, "100", "1")],
    )  # fmt: skip
    assert len({entry["matchId"] for entry in fields["fills"]}) == 3
    assert totals(maker, 2) == [[2 * 10**9, -9], [3 * 10**9, -9]]
    assert totals(other, 1) == [[10**9, -9]]
    more = amend(1, quantity="6", showQty="3")
    name, fields = maker.ask("AmendOrderRequest", **more).plain
    assert (name, fields) == amend_response(more, told.fields["orderId"], filled="3", visible="3")
    less = amend(1, quantity="4")
    name, fields = maker.ask("AmendOrderRequest", **less).plain
    assert (name, fields) == amend_response(less, told.fields["orderId"], filled="3", visible="1")


@pytest.mark.parametrize(("quantity", "status"), [("5", FILLED), ("5.001", CANCELED)])
def test_a_fok_order_counts_what_is_hidden(scene: Scene, quantity: str, status: int) -> None:
    maker, taker = scene.trader("maker-1"), scene.trader("taker-1")
    maker.place(order(1, quantity="5", showQty="2"))
    selling = order(2, side=SELL, quantity=quantity, timeInForce=FOK)
    parts = [fill(ANY, "100", part) for part in ("2", "2", "1")]
    assert enter(taker, selling) == (
        response(selling, ANY, status=FILLED, filled="5", fills=parts)
        if status == FILLED
        else response(selling, ANY, status=CANCELED, cancel_reason=TIME_IN_FORCE)
    )


@pytest.mark.parametrize("shown", [(0, -9), (-1, -9), (10**9 + 1, -9), (1, -10), (1, 20), (2 * 10**9 + 10**6, -9)])
def test_a_shown_quantity_that_cannot_be_is_rejected(scene: Scene, shown: tuple[int, int]) -> None:
    session = scene.trader("maker-1")
    request = order(1, quantity="2", showQty=shown)
    assert enter(session, request) == new_order_reject(request, INVALID_QUANTITY, ANY)
    whole = order(1, quantity="2", showQty="2")
    assert enter(session, whole) == response(whole, ANY)


def test_where_the_instrument_allows_none_an_order_may_not_be_or_become_an_iceberg(scene: Scene) -> None:
    session = scene.trader("maker-1")
    details = "showQty is set, and the instrument allows no icebergs"
    iceberg = order(1, instrumentId=2, showQty="1")
    assert enter(session, iceberg) == new_order_reject(iceberg, ICEBERG_NOT_ALLOWED, details)
    order_id = session.place(order(1, instrumentId=2))
    refused = session.ask("AmendOrderRequest", **amend(1, instrumentId=2, showQty="1"))
    assert (refused.name, refused.fields["orderId"], refused.fields["reason"], refused.fields["details"]) == (
        "AmendOrderReject", order_id, ICEBERG_NOT_ALLOWED, details,
    )  # fmt: skip
