"""Random requests, losses and times to the dead man's switches and to naive ones: answers and cancels must agree."""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import structs
from support.core_driver import CoreDriver, Line, configuration
from support.naive_switches import MS, NaiveSwitches

from codec import messages

KEYS = {"maker-1": (1, True), "maker-2": (1, True), "guest-1": (1, False), "stranger-1": (2, True)}
WATCHERS = {"watch-1": (1, "drop_copy"), "watch-2": (2, "drop_copy")}

clients = st.sampled_from(sorted(KEYS))
timeouts_ms = st.one_of(st.sampled_from([0, 1, 86_399_999, 86_400_000, 2**32 - 1]), st.integers(1, 60))
sequences = st.one_of(st.none(), st.integers(-3, 12), st.sampled_from([-(2**63) + 1, 2**63 - 1]))
scopes = st.sampled_from([1] * 9 + [0, 2, -1])
times_ns = st.one_of(st.sampled_from([0, 1, MS - 1, MS]), st.integers(0, 30 * MS))


class SwitchMachine(RuleBasedStateMachine):
    """Two portfolios, three keys in one of them, small steps so that expiries meet drains that are under way."""

    def __init__(self) -> None:
        super().__init__()
        keys = {client_id: (portfolio, "trader") for client_id, (portfolio, _) in KEYS.items()} | WATCHERS
        config = configuration(keys, heartbeat_interval_s=3_600, drain_step_orders=3)
        self.driver = CoreDriver(
            structs.replace(
                config,
                api_keys=tuple(
                    structs.replace(key, portfolio_cancel=KEYS.get(key.client_id, (0, True))[1])
                    for key in config.api_keys
                ),
            )
        )
        self.naive = NaiveSwitches()
        self.open: dict[str, list[int]] = {client_id: [] for client_id in KEYS}
        self.lines: dict[str, Line] = {client_id: self.driver.logged_on(client_id) for client_id in KEYS}
        self.watchers = [self.driver.logged_on(client_id) for client_id in WATCHERS]
        self.orders = 0
        self.expected: dict[str, list[int]] = defaultdict(list)
        self.told: dict[str, list[int]] = defaultdict(list)

    def expect(self, client_id: str) -> None:
        """All that the session has open is dead."""
        if self.open[client_id]:
            self.expected[client_id] += self.open[client_id]
            self.open[client_id] = []

    @rule(client_id=clients)
    def enter(self, client_id: str) -> None:
        if client_id in self.lines:
            self.orders += 1
            self.lines[client_id].order(self.orders)
            self.open[client_id].append(self.orders)

    @rule(client_id=clients, timeout_ms=timeouts_ms, sequence=sequences, scope=scopes)
    def ask(self, client_id: str, timeout_ms: int, sequence: int | None, scope: int) -> None:
        if client_id not in self.lines:
            return
        line = self.lines[client_id]
        line.take()
        line.send(
            "CancelAllAfterRequest",
            correlation_id=self.orders,
            timeout_ms=timeout_ms,
            arm_sequence=sequence,
            scope=scope,
        )
        answers = [message.fields for message in line.take() if message.name == "CancelAllAfterResponse"]
        status, trigger_time = self.naive.request(*KEYS[client_id], timeout_ms, sequence, scope, self.driver.now)
        assert answers == [
            {
                "correlation_id": self.orders,
                "status": status,
                "armed": trigger_time is not None,
                "current_time": self.driver.now,
                "trigger_time": trigger_time,
                "arm_sequence": sequence,
            }
        ]

    @rule(client_id=clients)
    def lose(self, client_id: str) -> None:
        if client_id in self.lines:
            self.lines.pop(client_id).lose()
            self.expect(client_id)

    @rule(client_id=clients)
    def come_back(self, client_id: str) -> None:
        if client_id not in self.lines:
            self.lines[client_id] = self.driver.connect()
            self.lines[client_id].logon(client_id)
            self.settle()

    @rule(client_id=clients)
    def displace(self, client_id: str) -> None:
        if client_id in self.lines:
            self.expect(client_id)
            self.lines[client_id] = self.driver.connect()
            self.lines[client_id].logon(client_id)
            self.settle()

    @rule(after_ns=times_ns, unread_ns=times_ns)
    def tick(self, after_ns: int, unread_ns: int) -> None:
        """Time passes; the last pass over all lines began some time before that."""
        seen = max(self.driver.now, self.driver.now + after_ns - unread_ns)
        self.driver.now += after_ns
        self.driver.core.tick(self.driver.now, seen)
        for portfolio in self.naive.fire(seen):
            for client_id in KEYS:
                if KEYS[client_id][0] == portfolio:
                    self.expect(client_id)
        self.driver.flush()

    @precondition(lambda self: self.driver.core.is_busy)
    @rule()
    def step(self) -> None:
        self.driver.step()

    @rule()
    def settle(self) -> None:
        self.driver.settle()
        for watcher in self.watchers:
            for message in watcher.take():
                if message.name == "DropCopyEvent":
                    self.hear(message.fields)
        assert self.told == self.expected

    def hear(self, event: dict[str, object]) -> None:
        frame = event["frame"]
        assert isinstance(frame, bytes)
        inner = messages.decode(frame)
        if inner.name == "OrdersCanceled":
            client_id = str(event["origin_client_id"])
            self.told[client_id] += [entry["client_order_id"] for entry in inner.fields["orders"]]
            assert {entry["cancel_reason"] for entry in inner.fields["orders"]} == {7}

    @invariant()
    def the_switches_are_those_of_the_model(self) -> None:
        core = self.driver.core
        armed = {switch.portfolio_id: (switch.trigger_time, switch.arm_sequence) for switch in core.switches.armed()}
        assert armed == self.naive.armed()
        first = min((trigger_time for trigger_time, _ in armed.values()), default=None)
        assert core.switches.next_trigger == first
        assert core.dispatcher.next_trigger_ns == (2**63 - 1 if first is None else first)

    @invariant()
    def no_more_is_open_than_the_model_has(self) -> None:
        controls = self.driver.core.controls
        for portfolio in (1, 2):
            count = sum(len(self.open[client_id]) for client_id in KEYS if KEYS[client_id][0] == portfolio)
            assert controls.venue.portfolio_open(controls.portfolio_index[portfolio]) == count

    def teardown(self) -> None:
        self.settle()


SwitchMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestSwitchesStepByStep = SwitchMachine.TestCase
