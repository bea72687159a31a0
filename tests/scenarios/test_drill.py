"""The drill (4040, 4041): a list of everything that is open, on a gateway at work, and what it costs the others."""

from collections.abc import Callable

import pytest
from support.connection import Connection
from support.frames import BUY, IS_LAST_MESSAGE, SELL, Frame, canceled, nine, order, quantity
from support.scene import Scene

from codec import messages

MANY_ORDERS = 20_000
SMALLEST_BUFFER = 65_536
IS_COVERED = 2
ALL_PRODUCT_TYPES = 0
Make = Callable[..., Scene]


def entry(client_order_id: int, order_id: int, flags: int = IS_COVERED, **changed: object) -> dict[str, object]:
    """Of a list: a bid of 1 at 100, unless changed."""
    fields = {
        "clientOrderId": client_order_id,
        "orderId": order_id,
        "instrumentId": 1,
        "price": nine("100"),
        "quantity": quantity("1"),
        "totalFilled": quantity("0"),
        "side": BUY,
        "flags": flags,
    }
    return fields | changed


def the_list(connection: Connection) -> list[Frame]:
    """The frames of an answer, whatever else comes in between."""
    frames = connection.until(lambda frame: frame.name == "OpenOrdersResponse" and frame.fields["flags"] == 1)
    return [frame for frame in frames if frame.name == "OpenOrdersResponse"]


def listed_ids(frames: list[Frame]) -> list[int]:
    return [entry["clientOrderId"] for frame in frames for entry in frame.fields["orders"]]


def test_a_list_names_every_order_that_a_disconnect_would_cancel_and_touches_none(scene: Scene) -> None:
    watch, maker, mate = scene.watch(), scene.trader("maker-1"), scene.trader("maker-2")
    taker = scene.trader("taker-1")
    ids = [maker.place(order(1)), mate.place(order(2, price="99")), maker.place(order(3, side=SELL, price="101"))]
    taker.order(order(4, price="101", quantity="0.5", timeInForce=-2))
    taker.frame("NewOrderResponse")
    maker.frame("OrderFilled")
    sold = entry(3, ids[2], price=nine("101"), totalFilled=quantity("0.5"), side=SELL)
    own, all_of_them = [entry(1, ids[0]), sold], [entry(1, ids[0]), sold, entry(2, ids[1], price=nine("99"))]
    for scope, covered_only, expected in ((0, 0, own), (0, 1, own), (1, 0, all_of_them), (1, 1, all_of_them)):
        asked = {"correlationId": 10 * scope + covered_only, "scope": scope}
        told = {"correlationId": asked["correlationId"], "flags": 1, "orders": expected}
        answer = maker.ask("OpenOrdersRequest", **asked, coveredOnly=covered_only)
        assert answer.plain == ("OpenOrdersResponse", told)
    maker.nothing_more()
    watch.sync()
    assert sorted(watch.ledger.open) == sorted(ids)
    # And so it comes: what was listed as covered, in that order.
    maker.do("reset")
    assert watch.wait_for_fire("maker-1") == [canceled(1, ids[0]), canceled(3, ids[2], filled="0.5")]


@pytest.fixture
def crowded(make_scene: Make) -> tuple[Scene, Connection]:
    """A gateway that cuts whoever has 64 KiB of output unsent, and a maker with many orders."""
    scene = make_scene(slow_consumer_bytes=SMALLEST_BUFFER)
    maker = scene.trader("maker-1")
    maker.repeat_quietly(MANY_ORDERS, "NewOrderRequest", **order(1, price="1"))
    return scene, maker


def test_a_long_list_comes_whole_and_does_not_make_a_slow_consumer_of_its_client(
    crowded: tuple[Scene, Connection],
) -> None:
    scene, maker = crowded
    reader = scene.trader("maker-2", receive_buffer=4096)
    reader.do("reading", "0")
    reader.send("OpenOrdersRequest", correlationId=1, scope=1, coveredOnly=0)
    # It is pulled as the socket takes it: what it does not take waits in the book, not in a buffer.
    for _ in range(20):
        maker.nothing_more()
    reader.do("reading", "1")
    frames = the_list(reader)
    assert listed_ids(frames) == list(range(1, MANY_ORDERS + 1))
    assert {frame.fields["flags"] for frame in frames[:-1]} == {0}
    assert len({frame.fields["timestamp"] for frame in frames}) == 1
    reader.nothing_more()


def test_orders_are_entered_and_cancelled_while_a_list_is_told(crowded: tuple[Scene, Connection]) -> None:
    scene, maker = crowded
    reader = scene.trader("maker-2", receive_buffer=4096)
    reader.do("reading", "0")
    reader.send("OpenOrdersRequest", correlationId=1, scope=1, coveredOnly=1)
    maker.nothing_more()
    everything = {"currencyPairId": 1, "instrumentId": None, "productType": ALL_PRODUCT_TYPES, "side": 0}
    maker.send("MassCancelRequest", correlationId=1, **everything)
    maker.until(lambda frame: frame.name == "OrdersCanceled" and frame.fields["flags"] == IS_LAST_MESSAGE)
    again = [maker.place(order(number, price="1")) for number in (1, 2)]
    reader.do("reading", "1")
    before = listed_ids(the_list(reader))
    # However far it came before the cancels: the beginning of what there was, and nothing that was entered after.
    assert before == list(range(1, len(before) + 1))
    reader.send("OpenOrdersRequest", correlationId=2, scope=1, coveredOnly=1)
    (frame,) = the_list(reader)
    assert frame.fields["orders"] == [
        entry(number, order_id, price=nine("1")) for number, order_id in zip((1, 2), again, strict=True)
    ]


def test_a_second_list_is_refused_until_the_first_is_told(crowded: tuple[Scene, Connection]) -> None:
    scene, _ = crowded
    reader = scene.trader("maker-2")
    # In one piece: the first is not answered whole before the second is read.
    both = [
        messages.encode("OpenOrdersRequest", {"correlation_id": n, "scope": 1}, sequence_number=n + 1) for n in (1, 2)
    ]
    reader.do("raw", b"".join(both).hex())
    frames = reader.until(lambda frame: frame.name == "Reject")
    text = "correlationId at offset 32: wanted no request while another is being answered, was 2"
    reject = {"refSequenceNumber": 3, "reason": 4, "details": text}
    assert frames[-1].plain == ("Reject", reject)
    assert listed_ids([*frames[:-1], *the_list(reader)]) == list(range(1, MANY_ORDERS + 1))
    reader.send("OpenOrdersRequest", {"sequenceNumber": 4}, correlationId=3, scope=0, coveredOnly=0)
    assert reader.frame().plain == ("OpenOrdersResponse", {"correlationId": 3, "flags": 1, "orders": []})


def test_a_list_that_was_cut_short_is_not_told_again(crowded: tuple[Scene, Connection]) -> None:
    scene, _ = crowded
    reader = scene.trader("maker-2", receive_buffer=4096)
    reader.do("reading", "0")
    reader.send("OpenOrdersRequest", correlationId=1, scope=1, coveredOnly=0)
    reader.do("reset")
    reader.to_the_end()
    again = scene.connect()
    confirmation = again.logon("maker-2", reset=False, framing={"sequenceNumber": 100})
    again.resend(1, confirmation.number)
    gap_fill = again.frame("GapFill")
    assert (gap_fill.number, gap_fill.fields) == (1, {"newSequenceNumber": confirmation.number + 1})
    again.nothing_more()
