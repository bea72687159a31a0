"""The client's two faces against a real gateway: lines that hold, break, come back and end."""

import asyncio
import itertools
import socket
from decimal import Decimal
from pathlib import Path

import pytest
from support.clients import Arguments, Run, address, names, of_kind, until
from support.configuration import write_configuration
from support.processes import DEADLINE_S, Gateway
from support.session import plain

from codec.layout import CancelReason, Side, TimeInForce
from gateway.client import BlockingClient, BlockingDropCopyClient, Client, DropCopyClient, SequenceNumbers
from gateway.client_errors import ConnectionDownError, EventsLostError, LogonRefusedError, SessionStateError
from gateway.client_events import (
    Disconnected,
    DropCopy,
    Event,
    GapClosed,
    HeartbeatReceived,
    LoggedOut,
    MessageEvent,
    MessageReplayed,
    OrderCanceled,
    OrderFilled,
)
from gateway.client_state import OrderState

# -- On a loop ---------------------------------------------------------------------------------------------------------


def test_two_clients_trade_and_each_hears_its_side(session: Arguments, run: Run) -> None:
    async def main() -> None:
        maker, taker = Client(**session()), Client(**session())
        heard: list[Event] = []
        maker.subscribe(heard.append)
        reader = maker.events()
        await maker.logon(reset=True)
        await taker.logon(reset=True)
        resting = maker.new_order(1, Side.SELL, quantity="2", price="100.5")
        await until(maker, lambda: resting.state is OrderState.OPEN)
        taking = taker.new_order(1, Side.BUY, quantity="0.5", price="101", time_in_force=TimeInForce.IOC)
        await until(taker, lambda: not taking.is_live)
        await until(maker, lambda: resting.total_filled == Decimal("0.5"))
        assert (taking.state, taking.total_filled) == (OrderState.FILLED, Decimal("0.5"))
        maker.cancel(resting)
        await until(maker, lambda: not resting.is_live)
        assert (resting.state, dict(maker.orders)) == (OrderState.CANCELED, {})
        await taker.logout()
        await maker.logout("done")
        await maker.close()
        read = [event async for event in reader]
        assert read == heard
        assert names(heard) == [
            "LoggedOn",
            "OrderAccepted",
            "OrderFilled",
            "OrderCanceled",
            "LoggedOut",
            "Disconnected",
        ]
        ((_, fill),) = plain(of_kind(heard, OrderFilled))
        assert fill == {
            "order": resting.client_order_id,
            "match_id": fill["match_id"],
            "price": Decimal("100.5"),
            "quantity": Decimal("0.5"),
            "total_filled": Decimal("0.5"),
            "is_maker": True,
        }

    run(main())


def test_after_a_broken_line_the_cancels_are_told_again(gateway: Gateway, session: Arguments, run: Run) -> None:
    async def main() -> None:
        watcher = DropCopyClient(**address(gateway, "watch-1"))
        copies: list[Event] = []
        watcher.subscribe(copies.append)
        await watcher.logon(reset=True)
        maker = Client(**session())
        await maker.logon(reset=True)
        orders = [maker.new_order(1, Side.BUY, quantity="1", price=price) for price in range(50, 55)]
        await until(maker, lambda: all(order.state is OrderState.OPEN for order in orders))
        await maker.close_line()

        def canceled() -> list[DropCopy]:
            return [copy for copy in of_kind(copies, DropCopy) if copy.origin.name == "OrdersCanceled"]

        await until(watcher, lambda: canceled() != [])
        heard: list[Event] = []
        maker.subscribe(heard.append)
        await maker.logon(reset=False)
        await until(maker, lambda: not maker.core.has_gap)
        assert [order.state for order in orders] == [OrderState.CANCELED] * 5
        assert [order.cancel_reason for order in orders] == [CancelReason.CLIENT_DISCONNECT] * 5
        told = of_kind(heard, OrderCanceled)
        assert [event.resent for event in told] == [True] * 5
        (copy,) = canceled()
        assert {event.message.header.sequence_number for event in told} == {copy.origin_sequence_number}
        assert copy.origin_client_id == maker.core.client_id
        assert len(of_kind(heard, GapClosed)) == 1
        await maker.logout()
        await watcher.logout()

    run(main())


def test_a_logon_with_reset_is_told_the_cancels_under_new_numbers(session: Arguments, run: Run) -> None:
    async def main() -> None:
        maker = Client(**session())
        await maker.logon(reset=True)
        orders = [maker.new_order(1, Side.BUY, quantity="1", price=price) for price in (50, 51)]
        await until(maker, lambda: all(order.state is OrderState.OPEN for order in orders))
        heard: list[Event] = []
        maker.subscribe(heard.append)
        await maker.close_line()
        await maker.logon(reset=True)
        await until(maker, lambda: not maker.orders)
        assert names(heard) == ["Disconnected", "LoggedOn", "OrderCanceled", "OrderCanceled"]
        told = [
            (event.order, event.reason, event.resent, event.message.header.sequence_number)
            for event in of_kind(heard, OrderCanceled)
        ]
        assert told == [(order, CancelReason.CLIENT_DISCONNECT, False, 2) for order in orders]
        assert [order.in_doubt for order in orders] == [False, False]
        await maker.logout()

    run(main())


def test_another_object_goes_on_with_the_stream(session: Arguments, run: Run) -> None:
    async def main() -> None:
        arguments = session()
        first = Client(**arguments)
        await first.logon(reset=True)
        order = first.new_order(1, Side.BUY, quantity="1", price="50")
        await until(first, lambda: order.state is OrderState.OPEN)
        await first.close_line()
        numbers = SequenceNumbers(first.numbers.next_outbound, 1)
        second = Client(**arguments, numbers=numbers)
        heard: list[Event] = []
        second.subscribe(heard.append)
        await second.logon(reset=False)
        await until(second, lambda: not second.core.has_gap)
        assert names(heard) == ["LoggedOn", "GapDetected", "OrderAccepted", "OrderCanceled", "GapClosed"]
        (cancel,) = of_kind(heard, OrderCanceled)
        assert (cancel.order.client_order_id, cancel.order.order_id) == (order.client_order_id, order.order_id)
        await second.logout()

    run(main())


def test_messages_can_be_asked_for_again(session: Arguments, run: Run) -> None:
    async def main() -> None:
        client = Client(**session())
        heard: list[Event] = []
        client.subscribe(heard.append)
        await client.logon(reset=True)
        order = client.new_order(1, Side.BUY, quantity="1", price="50")
        await until(client, lambda: order.state is OrderState.OPEN)
        client.resend_request(1)
        await until(client, lambda: len(of_kind(heard, MessageReplayed)) == 2)
        replayed = [event.message for event in of_kind(heard, MessageReplayed)]
        assert [(message.name, message.header.sequence_number) for message in replayed] == [
            ("GapFill", 1),
            ("NewOrderResponse", 2),
        ]
        await client.logout()

    run(main())


def test_a_refused_logon_says_why_and_leaves_no_line(session: Arguments, run: Run) -> None:
    async def main() -> None:
        arguments = session()
        wrong = Client(**arguments | {"secret": "wrong"})
        with pytest.raises(LogonRefusedError, match="unknown clientId or wrong secret"):
            await wrong.logon(reset=True)
        with pytest.raises(ConnectionDownError, match="there is no connection"):
            await wrong.until(lambda: False)
        right = Client(**arguments)
        await right.logon(reset=True)
        with pytest.raises(SessionStateError, match="logon while there is a connection"):
            await right.logon(reset=True)
        await right.logout()

    run(main())


def test_a_key_that_has_lost_its_line_too_often_is_told_how_long_to_wait(tmp_path: Path, run: Run) -> None:
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", flap_losses=1, flap_lockout_ms=2_000))

    async def main() -> None:
        client = Client(**address(gateway, "maker-1"))
        await client.logon(reset=True)
        await client.close_line()
        gateway.wait_for_log("locked out")
        with pytest.raises(LogonRefusedError, match=r"^retry after \d+ ms$") as refused:
            await client.logon(reset=False)
        wait_ms = refused.value.retry_after_ms
        assert wait_ms is not None
        assert 1 <= wait_ms <= 2_000
        await asyncio.sleep(wait_ms / 1000)
        await client.logon(reset=False)
        await client.logout()
        await client.close()

    try:
        run(main())
    finally:
        gateway.close()


def test_a_refusal_for_another_reason_names_no_time() -> None:
    assert LogonRefusedError("this key is already logged on").retry_after_ms is None
    assert LogonRefusedError("retry after 0250 ms").retry_after_ms == 250


def test_a_stream_that_another_process_has_started_anew_is_not_gone_on_with(session: Arguments, run: Run) -> None:
    arguments = session()

    async def main() -> None:
        older, newer = Client(**arguments), Client(**arguments)
        await older.logon(reset=True)
        orders = [older.new_order(1, Side.BUY, quantity="1", price="50") for _ in range(5)]
        await until(older, lambda: all(order.state is OrderState.OPEN for order in orders))
        await older.close_line()
        await newer.logon(reset=True)
        await newer.logout()
        with pytest.raises(LogonRefusedError, match="the gateway has forgotten this stream; log on with reset"):
            await older.logon(reset=False)
        assert older.core.must_reset
        await older.logon(reset=True)
        assert (older.core.must_reset, [order.in_doubt for order in orders]) == (False, [True] * 5)
        assert older.forget_doubtful() == orders
        assert dict(older.orders) == {}
        await older.logout()

    run(main())


def test_a_client_can_log_on_again_as_soon_as_it_hears_that_it_is_logged_out(session: Arguments, run: Run) -> None:
    async def main() -> None:
        arguments = session()
        older, newer = Client(**arguments), Client(**arguments)
        heard: list[Event] = []
        older.subscribe(heard.append)
        await older.logon(reset=True)
        await newer.logon(reset=True)
        await until(older, lambda: bool(of_kind(heard, LoggedOut)))
        await older.logon(reset=True)
        assert names(heard) == ["LoggedOn", "LoggedOut", "Disconnected", "LoggedOn"]
        await older.logout()

    run(main())


def test_who_waits_on_a_line_that_goes_down_is_told(session: Arguments, run: Run) -> None:
    async def main() -> None:
        arguments = session()
        older, newer = Client(**arguments), Client(**arguments)
        await older.logon(reset=True)
        waiting = asyncio.ensure_future(older.until(lambda: False))
        await newer.logon(reset=True)
        with pytest.raises(ConnectionDownError, match="logged out: displaced by a newer logon of this key"):
            await waiting
        with pytest.raises(SessionStateError, match="while disconnected"):
            older.new_order(1, Side.BUY, quantity="1", price="50")
        await newer.logout()

    run(main())


def test_waiting_ends_with_its_time_or_its_own_error(session: Arguments, run: Run) -> None:
    async def main() -> None:
        client = Client(**session())
        await client.logon(reset=True)
        with pytest.raises(TimeoutError):
            await client.until(lambda: False, timeout_s=0.01)
        asked = itertools.count()
        waiting = asyncio.ensure_future(client.until(lambda: bool(0 // (1 - next(asked)))))
        await asyncio.sleep(0)
        client.test_request(5)
        with pytest.raises(ZeroDivisionError):
            await waiting
        assert client.is_logged_on
        await client.logout()

    run(main())


def test_a_listener_that_fails_does_not_take_the_line_down(session: Arguments) -> None:
    complaints: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
        client = Client(**session())
        heard: list[Event] = []

        def broken(_event: Event) -> None:
            raise RuntimeError("a bug of the user")

        await client.logon(reset=True)
        client.subscribe(broken)
        client.subscribe(heard.append)
        client.test_request(5)
        await until(client, lambda: names(heard) == ["HeartbeatReceived"])
        assert client.is_logged_on
        await client.logout()

    asyncio.run(main())
    assert complaints[0] == "a listener failed on HeartbeatReceived"


def test_a_reader_that_falls_behind_is_told_so_once(session: Arguments, run: Run) -> None:
    async def main() -> None:
        client = Client(**session())
        reader = client.events(events_max=2)
        await client.logon(reset=True)
        answered: list[Event] = []
        client.subscribe(answered.append)
        for correlation_id in range(1, 4):
            client.test_request(correlation_id)
        await until(client, lambda: len(of_kind(answered, HeartbeatReceived)) == 3)
        assert names([await anext(reader), await anext(reader)]) == ["LoggedOn", "HeartbeatReceived"]
        with pytest.raises(EventsLostError, match="more than 2 events waited to be read"):
            await anext(reader)
        client.test_request(9)
        last = await anext(reader)
        assert isinstance(last, HeartbeatReceived)
        assert last.correlation_id == 9
        await client.close()

    run(main())


def test_no_gateway_is_an_os_error(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def main() -> None:
            client = Client("127.0.0.1", port, client_id="a", secret="b")
            with pytest.raises(OSError, match="onnect"):
                await client.logon(reset=True)

        run(main())


def test_a_gateway_that_says_nothing_is_given_up(run: Run) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()

        async def main() -> None:
            client = Client("127.0.0.1", deaf.getsockname()[1], client_id="a", secret="b", logon_timeout_s=0.05)
            heard: list[Event] = []
            client.subscribe(heard.append)
            with pytest.raises(ConnectionDownError, match="the gateway has fallen silent"):
                await client.logon(reset=True)
            assert plain(heard) == [("Disconnected", {"detail": "the gateway has fallen silent"})]
            with pytest.raises(TimeoutError):
                await client.logon(reset=True, timeout_s=0.01)
            assert names(heard) == ["Disconnected", "Disconnected"]

        run(main())


def test_an_idle_session_lives_by_its_heartbeats(tmp_path: Path, run: Run) -> None:
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", heartbeat_interval_s=1))

    async def main() -> None:
        client = Client(**address(gateway, "maker-1"))
        heard: list[Event] = []
        client.subscribe(heard.append)
        await client.logon(reset=True)
        order = client.new_order(1, Side.BUY, quantity="1", price="50")
        await until(client, lambda: len(of_kind(heard, HeartbeatReceived)) == 3)
        assert (client.is_logged_on, order.state) == (True, OrderState.OPEN)
        await client.logout()

    try:
        run(main())
    finally:
        gateway.close()


# -- Blocking ----------------------------------------------------------------------------------------------------------


def test_a_blocking_client_trades(session: Arguments) -> None:
    maker, taker = BlockingClient(**session()), BlockingClient(**session())
    maker.logon(reset=True)
    taker.logon(reset=True)
    resting = maker.new_order(1, Side.SELL, quantity="2", price="100.5")
    seen = maker.until(lambda: resting.state is OrderState.OPEN, timeout_s=DEADLINE_S)
    assert names(seen) == ["OrderAccepted"]
    taking = taker.new_order(1, Side.BUY, quantity="0.5", price=None)
    taker.until(lambda: not taking.is_live, timeout_s=DEADLINE_S)
    assert (taking.state, taking.total_filled) == (OrderState.FILLED, Decimal("0.5"))
    seen = maker.until(lambda: bool(resting.total_filled), timeout_s=DEADLINE_S)
    assert [fields["quantity"] for _, fields in plain(seen)] == [Decimal("0.5")]
    assert resting.order_id is not None
    taker.cancel_by_id(resting.order_id, 1)
    maker.until(lambda: not resting.is_live, timeout_s=DEADLINE_S)
    assert (resting.state, resting.total_filled) == (OrderState.CANCELED, Decimal("0.5"))
    assert taker.logout().reason == "logout"
    assert maker.logout("done").reason == "logout"


def test_a_blocking_client_learns_of_its_cancels_when_it_returns(gateway: Gateway, session: Arguments) -> None:
    watcher = BlockingDropCopyClient(**address(gateway, "watch-2"))
    watcher.logon(reset=True)
    maker = BlockingClient(**session())
    maker.logon(reset=True)
    order = maker.new_order(1, Side.BUY, quantity="1", price="50")
    maker.until(lambda: order.state is OrderState.OPEN, timeout_s=DEADLINE_S)
    heard: list[Event] = []
    maker.subscribe(heard.append)
    maker.close_line()
    copies: list[Event] = []
    watcher.subscribe(copies.append)
    watcher.until(lambda: len(of_kind(copies, DropCopy)) == 3, timeout_s=DEADLINE_S)
    told = ["NewOrderResponse", "OrdersCanceled", "CancelOnDisconnectReceipt"]
    assert [copy.origin.name for copy in of_kind(copies, DropCopy)] == told
    maker.logon(reset=False)
    maker.until(lambda: not maker.core.has_gap, timeout_s=DEADLINE_S)
    assert names(heard) == ["Disconnected", "LoggedOn", "GapDetected", "OrderCanceled", "GapClosed"]
    assert (order.state, order.cancel_reason) == (OrderState.CANCELED, CancelReason.CLIENT_DISCONNECT)
    maker.logout()
    watcher.logout()


def test_a_blocking_client_is_told_of_the_end_of_its_line(session: Arguments) -> None:
    arguments = session()
    older, newer = BlockingClient(**arguments), BlockingClient(**arguments)
    older.logon(reset=True)
    newer.logon(reset=True)
    with pytest.raises(ConnectionDownError, match="logged out: displaced by a newer logon of this key"):
        older.until(lambda: False, timeout_s=DEADLINE_S)
    with pytest.raises(SessionStateError, match="logon while there is a connection"):
        newer.logon(reset=True)
    with pytest.raises(TimeoutError, match=r"not so within 0\.01 s"):
        newer.until(lambda: False, timeout_s=0.01)
    newer.logout()
    with pytest.raises(LogonRefusedError, match="unknown clientId or wrong secret"):
        BlockingClient(**arguments | {"secret": "wrong"}).logon(reset=True)


def test_a_blocking_client_does_not_go_on_with_a_stream_that_was_started_anew(session: Arguments) -> None:
    arguments = session()
    older, newer = BlockingClient(**arguments), BlockingClient(**arguments)
    older.logon(reset=True)
    order = older.new_order(1, Side.BUY, quantity="1", price="50")
    older.until(lambda: order.state is OrderState.OPEN, timeout_s=DEADLINE_S)
    for _ in range(3):
        amending = older.amend(order, price="51", quantity="1")
        older.until(lambda amending=amending: not amending.is_pending, timeout_s=DEADLINE_S)
    older.close_line()
    newer.logon(reset=True)
    newer.logout()
    with pytest.raises(LogonRefusedError, match="the gateway has forgotten this stream; log on with reset"):
        older.logon(reset=False)
    older.logon(reset=True)
    assert older.forget_doubtful() == [order]
    older.logout()


def test_polling_keeps_a_blocking_session_alive(tmp_path: Path) -> None:
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", heartbeat_interval_s=1))
    try:
        client = BlockingClient(**address(gateway, "maker-1"))
        client.logon(reset=True)
        heard: list[Event] = []
        while len(of_kind(heard, HeartbeatReceived)) < 3 and not of_kind(heard, Disconnected):
            heard += client.poll(timeout_s=0.2)
        assert client.is_logged_on
        assert all(isinstance(event, MessageEvent) for event in heard)
        client.logout()
    finally:
        gateway.close()
