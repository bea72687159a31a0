"""Mass cancels on a real socket: the count to the one who asked, and to each session its own orders."""

from typing import Any

import pytest
from support.connection import Connection
from support.frames import (
    BUY,
    BY_REQUEST,
    ENTRIES_PER_FRAME_MAX,
    IS_LAST_MESSAGE,
    IS_QUOTE,
    SELL,
    VERSIONS,
    canceled,
    mass_cancel_reject,
    mass_cancel_response,
    order,
    orders_canceled,
    quote,
    quotes,
)
from support.scene import Scene

ALL, OPTIONS, FUTURES = 0, 1, 2
BOTH = 0


def mass_cancel(session: Connection, correlation_id: int = 9, **filters: Any) -> tuple[str, dict[str, Any]]:
    """Send a mass cancel and return the answer."""
    fields = {"currencyPairId": None, "instrumentId": None, "productType": ALL, "side": BOTH} | filters
    return session.ask("MassCancelRequest", correlationId=correlation_id, **fields).plain


def gone(client_order_id: int, order_id: int, *, flags: int = 0, **changed: Any) -> dict[str, Any]:
    return canceled(client_order_id, order_id, reason=BY_REQUEST, **changed) | {"flags": flags}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mass_cancel_takes_orders_and_quotes_of_the_whole_portfolio(scene: Scene, version: int) -> None:
    maker, mate = (scene.trader(name, schema_version=version) for name in ("maker-1", "maker-2"))
    foreign, watch = scene.trader("stranger-1"), scene.watch()
    first = maker.place(order(1, price="90"))
    second = mate.place(order(2, price="91"))
    maker.send("MassQuoteRequest", **quotes(501, quote("92", None)))
    quote_id = maker.frame().fields["quotes"][0]["bidOrderId"]
    elsewhere = maker.place(order(3, price="30", instrumentId=2))
    kept = foreign.place(order(4, price="93"))

    assert mass_cancel(mate, instrumentId=1) == mass_cancel_response(9, 3)

    assert mate.frame().plain == orders_canceled(gone(2, second))
    assert maker.frame().plain == orders_canceled(gone(1, first), gone(501, quote_id, flags=IS_QUOTE))
    foreign.nothing_more()
    mate.nothing_more()
    watch.wait_for_open("maker-1", 1)
    assert list(watch.ledger.open) == [elsewhere]
    assert foreign.ask("CancelOrderByIdRequest", orderId=kept, correlationId=1, instrumentId=1).name == (
        "CancelOrderResponse"
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"currencyPairId": 1}, [1, 2]),
        ({"currencyPairId": 2, "side": BUY}, [3]),
        ({"currencyPairId": 2, "side": SELL}, [4]),
        ({"currencyPairId": 1, "productType": FUTURES, "side": SELL}, [2]),
        ({"currencyPairId": 1, "productType": OPTIONS}, []),
        ({"currencyPairId": 1, "instrumentId": 2}, []),
        ({"currencyPairId": 2, "instrumentId": 2}, [3, 4]),
        ({"currencyPairId": 0}, []),
        ({"instrumentId": 0}, []),
        ({"instrumentId": 99}, []),
    ],
)
def test_the_filters_are_joined(scene: Scene, filters: dict[str, int], found: list[int]) -> None:
    maker = scene.trader("maker-1")
    for client_order_id in (1, 2, 3, 4):
        instrument_id = (client_order_id + 1) // 2
        sells = client_order_id % 2 == 0
        maker.place(
            order(
                client_order_id,
                instrumentId=instrument_id,
                side=SELL if sells else BUY,
                price="110" if sells else "90",
            )
        )

    assert mass_cancel(maker, **filters) == mass_cancel_response(9, len(found))
    if found:
        assert maker.frame().plain == orders_canceled(
            *[gone(number, number, instrument_id=(number + 1) // 2) for number in found]
        )
    maker.nothing_more()


def test_neither_pair_nor_instrument_is_refused(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    maker.place(order(1))
    details = "wanted a currency pair or an instrument, both are null"
    assert mass_cancel(maker, productType=FUTURES) == mass_cancel_reject(9, 0, details)
    assert mass_cancel(maker, currencyPairId=1) == mass_cancel_response(9, 1)


def test_many_cancels_come_in_several_frames_and_the_last_is_marked(scene: Scene) -> None:
    maker, mate = scene.trader("maker-1"), scene.trader("maker-2")
    maker.repeat(ENTRIES_PER_FRAME_MAX + 5, "NewOrderRequest", **order(1))
    maker.take(ENTRIES_PER_FRAME_MAX + 5)

    assert mass_cancel(mate, instrumentId=1) == mass_cancel_response(9, ENTRIES_PER_FRAME_MAX + 5)

    first, last = maker.take(2)
    assert [len(frame.fields["orders"]) for frame in (first, last)] == [ENTRIES_PER_FRAME_MAX, 5]
    assert (first.fields["flags"], last.fields["flags"]) == (0, IS_LAST_MESSAGE)
    assert first.fields["execId"] == last.fields["execId"]
