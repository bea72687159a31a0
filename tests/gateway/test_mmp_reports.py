"""Market-maker protection on the wire: 320 to 326 and the answers to status requests, whole, and who is told."""

from typing import Any

import pytest
from support.core_driver import SECOND, START, CoreDriver, Line, configuration, nine, order, quantity

from codec import messages
from codec.layout import FLAG_RESEND, MmpStatusRejectReason, MmpTriggerType, OrderFlags, Side, TimeInForce

FREEZE = 5 * SECOND
GROUP, DELTA_GROUP, VEGA_GROUP = 7, 8, 9
PAIR = 1
TABLES = """
[[instrument]]
id = 3
symbol = "I-3"
currency_pair_id = 1
product_type = "options"
tick_size = "0.5"
lot_size = "0.001"
delta = "-0.5"
vega = "2"
"""
LIMITS = [
    f'id = {GROUP}\nquantity_limit = "10"',
    f'id = {DELTA_GROUP}\ndelta_limit = "2"',
    f'id = {VEGA_GROUP}\nvega_limit = "8"',
    f'currency_pair_id = {PAIR}\nquantity_limit = "10"',
]
TABLES += "".join(
    f"[[mmp_group]]\nportfolio = 1\ninterval_ms = 1000\nfrozen_ms = {FREEZE * 1000 // SECOND}\n{limit}\n"
    for limit in LIMITS
)
Plain = tuple[str, dict[str, Any]]


class World:
    """A gateway with two sessions of one portfolio, one of another, and a drop copy of the first."""

    def __init__(self, version: int = 17) -> None:
        self.driver = CoreDriver(configuration(extra=TABLES))
        self.maker = self.driver.logged_on("maker-1", schema_version=version)
        self.mate, self.stranger = (self.driver.logged_on(name) for name in ("maker-2", "stranger-1"))

    def quote(self, line: Line, bid: float, units: float, group: int = GROUP, instrument: int = 1, **more: Any) -> None:
        entry = {
            "instrument_id": instrument,
            "bid_price": nine(bid),
            "bid_qty": quantity(units),
            "ask_qty": quantity(0),
        }
        line.send("MassQuoteRequest", **{"quote_id": 901, "mmp_group_id": group, "quotes": [entry], **more})

    def sell(self, units: float, price: float = 100, instrument: int = 1) -> None:
        self.stranger.order(
            1,
            instrument_id=instrument,
            side=Side.SELL,
            price=nine(price),
            quantity=quantity(units),
            time_in_force=TimeInForce.IOC,
        )

    def freeze(self) -> None:
        """The maker's quotes are frozen, and its mate had one too; the orders of the portfolio are frozen as well."""
        self.quote(self.maker, 100, 10)
        self.quote(self.mate, 90, 1, instrument=2)
        self.sell(10)
        self.maker.order(2, quantity=quantity(10), flags=OrderFlags.MMP)
        self.sell(10)
        for line in (self.maker, self.mate, self.stranger):
            line.take()


def said(line: Line) -> list[Plain]:
    """Name and fields of all that a session is told, without the responses to what it asked for."""
    return [(name, fields) for _, name, fields in line.read() if "Mmp" in name]


def triggered(exec_id: int, now: int = START, **changed: Any) -> dict[str, Any]:
    fields = {"timestamp": now, "exec_id": exec_id, "mmp_group_id": GROUP, "frozen_until": now + FREEZE}
    levels = {"quantity_level": 10.0, "vega_level": 0.0, "delta_level": 0.0, "trigger": MmpTriggerType.QUANTITY}
    return fields | levels | changed


def unfrozen(exec_id: int, correlation_id: int | None, now: int) -> Plain:
    fields = {"timestamp": now, "exec_id": exec_id, "mmp_group_id": GROUP, "correlation_id": correlation_id}
    return "MassQuoteMmpUnfrozen", fields


def orders_unfrozen(exec_id: int, correlation_id: int | None, now: int) -> Plain:
    fields = {"timestamp": now, "exec_id": exec_id, "currency_pair_id": PAIR, "correlation_id": correlation_id}
    return "OrdersMmpUnfrozen", fields


def test_a_trigger_is_told_between_the_fill_and_the_cancels_and_after_the_taker_has_its_answer() -> None:
    world = World()
    world.quote(world.maker, 100, 10)
    world.quote(world.maker, 90, 1, instrument=2)
    world.maker.take()
    world.sell(12)
    (answer,) = world.stranger.take()
    told = world.maker.read()
    assert [name for _, name, _ in told] == ["OrderFilled", "MassQuoteMmpTriggered", "OrdersCanceled"]
    exec_ids = [answer.fields["exec_id"], *(fields["exec_id"] for _, _, fields in told)]
    assert exec_ids == list(range(exec_ids[0], exec_ids[0] + 4))
    assert told[1][2] == triggered(exec_ids[2])


def test_it_is_told_to_all_who_had_something_and_to_nobody_else() -> None:
    world = World()
    watch = world.driver.logged_on("watch-1")
    world.quote(world.maker, 100, 10)
    world.quote(world.mate, 90, 1, instrument=2)
    world.quote(world.stranger, 80, 1, instrument=2)
    for line in (world.mate, world.stranger, watch):
        line.take()
    world.sell(10)
    ((_, first),), ((_, second),) = said(world.maker), said(world.mate)
    assert (first, second) == (triggered(first["exec_id"]), triggered(first["exec_id"] + 1))
    assert said(world.stranger) == []
    copied = [messages.decode(copy.fields["frame"]).fields for copy in watch.take()]
    assert [fields for fields in copied if "trigger" in fields] == [first, second]


def test_of_orders_it_names_the_currency_pair() -> None:
    world = World()
    world.maker.order(2, quantity=quantity(10), flags=OrderFlags.MMP)
    world.sell(10)
    ((name, fields),) = said(world.maker)
    expected = triggered(fields["exec_id"])
    del expected["mmp_group_id"]
    assert (name, fields) == ("OrdersMmpTriggered", expected | {"currency_pair_id": PAIR})


@pytest.mark.parametrize(("group", "trigger"), [(DELTA_GROUP, MmpTriggerType.DELTA), (VEGA_GROUP, MmpTriggerType.VEGA)])
def test_it_says_which_limit_was_reached_and_all_that_had_come_together(group: int, trigger: MmpTriggerType) -> None:
    world = World()
    world.quote(world.maker, 100, 5, group, instrument=3)
    world.sell(4.25, instrument=3)
    ((_, fields),) = said(world.maker)
    levels = {"quantity_level": 4.25, "delta_level": -2.125, "vega_level": 8.5}
    assert fields == triggered(fields["exec_id"], mmp_group_id=group, trigger=trigger, **levels)


def test_two_groups_of_one_order_are_told_in_the_order_in_which_they_triggered() -> None:
    world = World()
    world.quote(world.maker, 100, 5, VEGA_GROUP, instrument=3)
    world.quote(world.maker, 99.5, 5, DELTA_GROUP, instrument=3)
    world.sell(10, 99.5, instrument=3)
    told = said(world.maker)
    assert [fields["mmp_group_id"] for _, fields in told] == [VEGA_GROUP, DELTA_GROUP]
    assert told[1][1]["exec_id"] > told[0][1]["exec_id"]


def test_at_its_end_all_are_told_who_heard_of_the_freeze_without_a_correlation_id() -> None:
    world = World()
    world.freeze()
    end = START + FREEZE
    assert world.driver.core.next_deadline == end
    world.driver.tick(FREEZE - 1)
    assert (said(world.maker), said(world.mate)) == ([], [])
    world.driver.tick(1)
    told, mates = said(world.maker), said(world.mate)
    first = told[0][1]["exec_id"]
    assert told == [unfrozen(first, None, end), orders_unfrozen(first + 2, None, end)]
    assert mates == [unfrozen(first + 1, None, end)]
    world.driver.tick(FREEZE)
    assert (said(world.maker), said(world.mate), said(world.stranger)) == ([], [], [])


def test_the_next_message_ends_a_freeze_as_well_as_a_timer_does() -> None:
    world = World()
    world.freeze()
    world.driver.now += FREEZE
    world.quote(world.mate, 90, 1)
    names = [name for _, name, _ in world.mate.read()]
    assert names == ["MassQuoteMmpUnfrozen", "MassQuoteResponse"]


def test_a_reset_is_told_first_to_the_one_who_asked_and_to_all_with_its_correlation_id() -> None:
    world = World()
    world.freeze()
    now = world.driver.now = START + SECOND
    world.quote(world.mate, 90, 1, correlation_id=55, flags=1)
    told = world.mate.read()
    first = told[0][2]["exec_id"]
    assert [(name, fields) for _, name, fields in told][:1] == [unfrozen(first, 55, now)]
    assert [name for _, name, _ in told] == ["MassQuoteMmpUnfrozen", "MassQuoteResponse"]
    assert said(world.maker) == [unfrozen(first + 1, 55, now)]
    world.mate.order(3, price=nine(90), flags=OrderFlags.RESET_MMP)
    told = world.mate.read()
    assert [name for _, name, _ in told] == ["OrdersMmpUnfrozen", "NewOrderResponse"]
    correlation_id = order(3)["correlation_id"]
    first = told[0][2]["exec_id"]
    assert told[0][2] == orders_unfrozen(first, correlation_id, now)[1]
    assert said(world.maker) == [orders_unfrozen(first + 1, correlation_id, now)]
    world.driver.tick(FREEZE)
    assert (said(world.maker), said(world.mate)) == ([], [])


@pytest.mark.parametrize("refused", [{"mmp_group_id": 99, "flags": 1}, {"mmp_group_id": GROUP, "flags": 0}])
def test_what_resets_nothing_is_told_to_nobody(refused: dict[str, int]) -> None:
    world = World()
    world.freeze()
    world.driver.now += SECOND
    world.quote(world.mate, 90, 1, **refused)
    assert [name for _, name, _ in world.mate.read()] == ["MassQuoteReject"]
    assert said(world.maker) == []


def test_who_is_not_there_finds_it_in_the_stream() -> None:
    world = World()
    world.freeze()
    number = world.maker.link.session.stream.next_number
    world.maker.lose()
    world.driver.settle()
    world.driver.tick(FREEZE)
    again = world.driver.connect()
    again.logon("maker-1", reset=False, number=world.maker.number + 1)
    again.send("ResendRequest", from_sequence_number=number, to_sequence_number=0)
    end = START + FREEZE
    resent = [message for message in again.take() if message.header.flags & FLAG_RESEND]
    told = [(message.name, message.fields) for message in resent[:2]]
    assert [name for name, _ in told] == ["MassQuoteMmpUnfrozen", "OrdersMmpUnfrozen"]
    exec_ids = [fields["exec_id"] for _, fields in told]
    assert told == [unfrozen(exec_ids[0], None, end), orders_unfrozen(exec_ids[1], None, end)]
    assert [message.header.sequence_number for message in resent[:2]] == [number, number + 1]


@pytest.mark.parametrize(
    ("kind", "key", "known"),
    [("GetMassQuoteMmpStatus", "mmp_group_id", GROUP), ("GetOrdersMmpStatus", "currency_pair_id", PAIR)],
)
@pytest.mark.parametrize("version", [10, 17])
def test_the_status_is_what_it_is_for_everybody_of_the_portfolio(kind: str, key: str, known: int, version: int) -> None:
    world = World(version)

    def ask(line: Line, number: int) -> Plain:
        line.send(f"{kind}Request", correlation_id=77, **{key: number})
        (told,) = line.take()
        assert told.header.version == 10
        return told.name, told.fields

    def answer(until: int | None) -> Plain:
        fields = {"timestamp": START, "correlation_id": 77, key: known, "frozen_until_time": until}
        return f"{kind}Response", fields

    rejected = {"timestamp": START, "correlation_id": 77, "reason": MmpStatusRejectReason.INVALID_MMP_GROUP}
    assert ask(world.maker, known) == answer(None)
    world.freeze()
    assert ask(world.maker, known) == ask(world.mate, known) == answer(START + FREEZE)
    assert ask(world.maker, 99) == ask(world.stranger, known) == (f"{kind}Reject", rejected)


@pytest.mark.parametrize("version", [1, 17])
def test_what_is_told_of_freezes_has_no_stamp_in_any_version(version: int) -> None:
    world = World(version)
    world.quote(world.maker, 100, 10)
    world.sell(10)
    world.driver.tick(FREEZE)
    stamps = {message.name: message.header.version for message in world.maker.take() if "Mmp" in message.name}
    assert stamps == {"MassQuoteMmpTriggered": 0, "MassQuoteMmpUnfrozen": 0}
