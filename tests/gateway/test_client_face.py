"""What both faces of the client have: the requests of the core, at the clock's time, alone or joined in one write."""

from collections.abc import Callable

import pytest
from support.peer import Peer
from support.quoting import ENTRY, GROUP
from support.session import core_of, log_on

from codec.layout import ProductType, Side
from gateway.client_core import ClientCore
from gateway.client_face import TradingRequests
from gateway.client_state import Order


class WriteList(TradingRequests):
    """A face whose line is a list of writes."""

    def __init__(self, core: ClientCore) -> None:
        super().__init__("nowhere", 0, core)
        self.writes: list[bytes] = []

    def _flush(self) -> None:
        output = self.core.take_output()
        if output:
            self.writes.append(output)


@pytest.fixture
def client() -> WriteList:
    client = WriteList(core_of())
    log_on(client.core, Peer(), client.clock.now_ns())
    return client


STRANGER = Order(50, 2)
REQUESTS: list[tuple[Callable[[WriteList], object], Callable[[ClientCore], object]]] = [
    (
        lambda client: client.new_order(2, Side.BUY, quantity=1, price=5, post_only=True),
        lambda core: core.new_order(0, instrument_id=2, side=Side.BUY, quantity=1, price=5, post_only=True),
    ),
    (
        lambda client: client.amend(STRANGER, price=5, quantity=2, show_quantity=1),
        lambda core: core.amend(0, STRANGER, price=5, quantity=2, show_quantity=1),
    ),
    (
        lambda client: client.cancel(STRANGER, correlation_id=4),
        lambda core: core.cancel(0, STRANGER, correlation_id=4),
    ),
    (
        lambda client: client.cancel_by_id(9, 2, correlation_id=4),
        lambda core: core.cancel_by_id(0, 9, 2, correlation_id=4),
    ),
    (
        lambda client: client.cancel_all_after(500, arm_sequence=4, correlation_id=5),
        lambda core: core.cancel_all_after(0, 500, arm_sequence=4, correlation_id=5),
    ),
    (
        lambda client: client.mass_quote(GROUP, [ENTRY], reset_mmp=True),
        lambda core: core.mass_quote(0, GROUP, [ENTRY], reset_mmp=True),
    ),
    (
        lambda client: client.mass_cancel(currency_pair_id=3, product_type=ProductType.SPOT, side=Side.SELL),
        lambda core: core.mass_cancel(0, currency_pair_id=3, product_type=ProductType.SPOT, side=Side.SELL),
    ),
    (
        lambda client: client.mass_cancel(instrument_id=2, correlation_id=4),
        lambda core: core.mass_cancel(0, instrument_id=2, correlation_id=4),
    ),
    (
        lambda client: client.cancel_quotes(GROUP, side=Side.BUY, correlation_id=4),
        lambda core: core.cancel_quotes(0, GROUP, side=Side.BUY, correlation_id=4),
    ),
    (
        lambda client: client.mass_quote_mmp_status(GROUP, correlation_id=4),
        lambda core: core.mass_quote_mmp_status(0, GROUP, correlation_id=4),
    ),
    (
        lambda client: client.orders_mmp_status(3, correlation_id=4),
        lambda core: core.orders_mmp_status(0, 3, correlation_id=4),
    ),
    (lambda client: client.test_request(7), lambda core: core.test_request(0, 7)),
    (
        lambda client: client.send("TestRequest", {"correlation_id": 8}),
        lambda core: core.send(0, "TestRequest", {"correlation_id": 8}),
    ),
]


@pytest.mark.parametrize(("of_face", "of_core"), REQUESTS)
def test_a_request_of_the_face_is_that_of_the_core_in_a_write_of_its_own(
    client: WriteList, of_face: Callable[[WriteList], object], of_core: Callable[[ClientCore], object]
) -> None:
    core, peer = core_of(), Peer()
    log_on(core, peer)
    before_ns = client.clock.now_ns()
    of_face(client)
    of_core(core)
    (write,) = client.writes
    assert peer.brief(write) == peer.brief(core.take_output())
    (message,) = peer.heard(write)
    assert before_ns <= message.header.send_time_ns <= client.clock.now_ns()


def test_requests_that_are_joined_go_out_in_one_write(client: WriteList) -> None:
    with client.joined():
        order = client.new_order(1, Side.BUY, quantity=1, price=5)
        client.cancel(order)
        with client.joined():
            client.mass_quote(GROUP, [ENTRY])
        client.test_request(1)
        assert client.writes == []
    client.test_request(2)
    names = [[message.name for message in Peer().heard(write)] for write in client.writes]
    assert names == [
        ["NewOrderRequest", "CancelOrderRequest", "MassQuoteRequest", "TestRequest"],
        ["TestRequest"],
    ]


def test_what_was_joined_goes_out_although_what_comes_next_fails(client: WriteList) -> None:
    def fail() -> None:
        with client.joined():
            client.new_order(1, Side.BUY, quantity=1, price=5)
            client.new_order(1, Side.BUY, quantity="none", price=5)

    with pytest.raises(ValueError, match="not a number"):
        fail()
    assert [[message.name for message in Peer().heard(write)] for write in client.writes] == [["NewOrderRequest"]]
    assert list(client.orders) == [1]


def test_nothing_joined_is_no_write(client: WriteList) -> None:
    with client.joined():
        assert client.orders == {}
    assert client.writes == []


def test_the_face_shows_what_the_core_holds(client: WriteList) -> None:
    core = client.core
    shown = (client.orders, client.quotes, client.standing_quotes, client.frozen_groups, client.frozen_currency_pairs)
    held = (core.orders.live, core.quotes.live, core.quotes.standing, core.freezes.quotes, core.freezes.orders)
    assert all(a is b for a, b in zip(shown, held, strict=True))
