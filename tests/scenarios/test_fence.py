"""The fence, proved on real sockets: who crosses a dead session's orders before they are drained gets none of them.

The steps are as small as can be, so that thousands of orders take thousands of turns to be drained; and a request
comes behind more bytes than are read of one connection in a turn, so that the drain has begun when it is read. That it
came in the middle of the drain is not guessed from the clock: drop copy shows every frame in the order of its making.
"""

from collections.abc import Callable
from typing import Any

import pytest
from support.connection import message
from support.drop_copy import DropCopy
from support.frames import (
    CLIENT_DISCONNECT,
    FOK,
    IOC,
    MARKET_LIMIT,
    POST_ONLY,
    POST_ONLY_REJECT,
    SELL,
    amend,
    order,
    quote,
    quotes,
)
from support.scene import Scene

LOGOUT = 4
ORDERS = 4000
HEARTBEATS = 4000  # of 40 bytes
LIVE_PRICE = 101 * 10**9
ATTEMPTS = 5  # on a busy machine the client may lose its processor for longer than the drain takes

Request = tuple[str, dict[str, Any]]


def crossing(number: int = ORDERS + 2, **changed: Any) -> Request:
    return "NewOrderRequest", order(number, **({"price": "101", "quantity": "3"} | changed))


REQUESTS: dict[str, tuple[Request, str, list[int]]] = {
    "limit": (crossing(), "NewOrderResponse", [LIVE_PRICE]),
    "IOC": (crossing(timeInForce=IOC), "NewOrderResponse", [LIVE_PRICE]),
    "FOK": (crossing(timeInForce=FOK), "NewOrderResponse", []),
    "FOK that fills": (crossing(timeInForce=FOK, quantity="1"), "NewOrderResponse", [LIVE_PRICE]),
    "market": (crossing(price=None, flags=MARKET_LIMIT), "NewOrderResponse", [LIVE_PRICE]),
    "post-only": (crossing(price="100.5", flags=POST_ONLY), "NewOrderResponse", []),
    "post-only or rejected": (crossing(flags=POST_ONLY_REJECT), "NewOrderReject", []),
    "mass quote": (
        ("MassQuoteRequest", quotes(7, quote(bid="101"))), "MassQuoteResponse", [LIVE_PRICE],
    ),
}  # fmt: skip


class Fire:
    """A maker that is lost with thousands of orders at 100, a live order of another at 101, and a taker."""

    def __init__(self, make_scene: Callable[..., Scene]) -> None:
        self.scene = make_scene(drain_step_orders=1)
        self.watch: DropCopy = self.scene.watch()
        self.maker = self.scene.trader("maker-1")
        self.bystander, self.taker = self.scene.trader("maker-2"), self.scene.trader("taker-1")
        self.maker.repeat_quietly(ORDERS, "NewOrderRequest", **order(1, side=SELL, price="100"))
        self.bystander.place(order(ORDERS + 1, side=SELL, price="101"))
        self.watch.wait_for_open("maker-1", ORDERS)

    def lose(self, *commands: str) -> None:
        """The maker is lost; then the taker sends, and first something that takes the gateway some turns to read."""
        delay = f"repeat {HEARTBEATS} send {self.taker.number} Heartbeat correlationId=0"
        self.scene.shared_process.command(self.maker.command("reset"), delay, *commands)

    def told(self) -> list[tuple[str, str]]:
        """Whose frames, and which, in the order in which they came to be: since the loss, and without the request's."""
        self.watch.wait_for_fire("maker-1")
        self.watch.sync()
        shown = [
            (frame.fields["originClientId"], frame.inner.name)
            for frame in self.watch.frames
            if frame.name == "DropCopyEvent"
        ]
        return shown[shown.index(("maker-1", "OrdersCanceled")) :]


def in_the_middle(told: list[tuple[str, str]], wanted: tuple[str, str]) -> bool:
    cancels = [place for place, one in enumerate(told) if one == ("maker-1", "OrdersCanceled")]
    return cancels[0] < told.index(wanted) < cancels[-1]


@pytest.mark.parametrize("name", REQUESTS)
def test_who_crosses_the_orders_of_a_dead_session_in_the_middle_of_its_drain_gets_none_of_them(
    make_scene: Callable[..., Scene], name: str
) -> None:
    _, answer, _ = REQUESTS[name]
    assert any(in_the_middle(crossed(Fire(make_scene), name), ("taker-1", answer)) for _ in range(ATTEMPTS))


def crossed(fire: Fire, name: str) -> list[tuple[str, str]]:
    """What was told when that request met the dead orders, and got none of them, whenever it came."""
    (kind, request), answer, prices = REQUESTS[name]
    fire.lose(fire.taker.command("send", message(kind, request)))
    fields = fire.taker.frame(answer).fields
    told = fire.told()
    fills = [*fields.get("fills", []), *fields.get("bidFills", [])]
    assert [fill["fillPrice"] for fill in fills] == prices
    made = [frame for frame in fire.watch.inner_frames("maker-1") if frame.name == "OrderFilled"]
    assert made == []
    canceled = fire.watch.ledger.canceled["maker-1"]
    assert [entry["clientOrderId"] for entry in canceled] == list(range(1, ORDERS + 1))
    assert {(entry["cancelReason"], entry["totalFilled"][0]) for entry in canceled} == {(CLIENT_DISCONNECT, 0)}
    return told


def test_an_amend_into_the_dead_orders_gets_none_of_them(make_scene: Callable[..., Scene]) -> None:
    def amended() -> list[tuple[str, str]]:
        fire = Fire(make_scene)
        fire.taker.place(order(ORDERS + 2, price="50"))
        fire.lose(fire.taker.command("send", message("AmendOrderRequest", amend(ORDERS + 2, quantity="2"))))
        assert fire.taker.frame("AmendOrderResponse").fields["fills"] == []
        return fire.told()

    assert any(in_the_middle(amended(), ("taker-1", "AmendOrderResponse")) for _ in range(ATTEMPTS))


def test_a_client_that_is_held_up_may_go_on_sending_and_others_are_served_meanwhile(
    make_scene: Callable[..., Scene],
) -> None:
    assert any(is_served_meanwhile(Fire(make_scene)) for _ in range(ATTEMPTS))


def is_served_meanwhile(fire: Fire) -> bool:
    """Whether a bystander was answered before the one that was held up; that one gets all its answers in any case."""
    more = 3000  # 312,000 bytes: more than anybody's buffer here takes
    fire.taker.do("quiet", "1")
    first = message("NewOrderRequest", order(10**6, price="100", timeInForce=IOC))
    fire.lose(
        f"repeat {more} send {fire.taker.number} {first}",
        fire.bystander.command("send", message("NewOrderRequest", order(ORDERS + 3, price="40"))),
        fire.taker.command("reached", str(more)),
    )
    assert fire.bystander.frame("NewOrderResponse").fields["clientOrderId"] == ORDERS + 3
    assert fire.taker.event()["event"] == "reached"
    told = fire.told()
    answers = [frame.fields for frame in fire.watch.inner_frames("taker-1") if frame.name == "NewOrderResponse"]
    assert [fields["clientOrderId"] for fields in answers] == list(range(10**6, 10**6 + more))
    assert [fill for fields in answers for fill in fields["fills"]] == []
    fire.taker.do("quiet", "0")
    return told.index(("maker-2", "NewOrderResponse")) < told.index(("taker-1", "NewOrderResponse"))


def test_a_client_that_is_held_up_and_says_goodbye_is_let_go_at_once(make_scene: Callable[..., Scene]) -> None:
    def told_of_it() -> list[str]:
        fire = Fire(make_scene)
        fire.lose(
            fire.taker.command("send", message("NewOrderRequest", order(ORDERS + 2, price="100"))),
            fire.taker.command("send", message("Logout", {"reason": "done"})),
            fire.taker.command("half_close"),
        )
        fire.taker.to_the_end()
        gone = fire.scene.gateway.wait_for_log("session gone")
        assert (gone["client_id"], gone["cause"]) == ("taker-1", "LOGOUT")
        fire.watch.sync()
        told = fire.watch.inner_frames("taker-1")
        assert [told[-1].fields[name] for name in ("clientId", "cause")] == ["taker-1", LOGOUT]
        return [frame.name for frame in told]

    assert any(told_of_it() == ["CancelOnDisconnectReceipt"] for _ in range(ATTEMPTS))
