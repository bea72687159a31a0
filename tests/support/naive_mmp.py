"""Market-maker protection said again in plain Python, over the orders of a NaiveEngine.

A group is named by its portfolio, whether it is one of orders, and its id.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codec.layout import MmpTriggerType
from gateway.engine_types import InstrumentSpec, MmpGroupSpec, MmpTriggerRecord, MmpUnfrozenRecord
from gateway.limits import MMP_FREEZE_LEAST_MS, MMP_SPANS_PER_INTERVAL

Key = tuple[int, bool, int]

ONE = 1_000_000_000


@dataclass
class Span:
    first: int
    last: int
    levels: list[int]


@dataclass
class NaiveGroup:
    spec: MmpGroupSpec
    spans: list[Span] = field(default_factory=list)
    frozen_until: int | None = None
    told: list[int] = field(default_factory=list)

    def levels(self, now: int) -> list[int]:
        """Quantity, delta and vega of what counts."""
        counted = [span.levels for span in self.spans if now - span.last < self.spec.interval_ns]
        return [sum(levels[index] for levels in counted) for index in range(3)]

    def add(self, now: int, levels: list[int]) -> None:
        span = -(-self.spec.interval_ns // MMP_SPANS_PER_INTERVAL)
        newest = self.spans[-1] if self.spans else None
        if newest is not None and now - newest.last < self.spec.interval_ns and now - newest.first < span:
            newest.last = now
            newest.levels = [old + new for old, new in zip(newest.levels, levels, strict=True)]
        else:
            self.spans.append(Span(now, now, levels))

    def reached(self, now: int) -> MmpTriggerType | None:
        quantity, delta, vega = self.levels(now)
        limits = [
            (MmpTriggerType.QUANTITY, quantity, self.spec.quantity_limit),
            (MmpTriggerType.DELTA, abs(delta), self.spec.delta_limit),
            (MmpTriggerType.VEGA, abs(vega), self.spec.vega_limit),
        ]
        return next((kind for kind, level, limit in limits if limit is not None and level >= limit), None)


class NaiveMmp:
    def __init__(self, groups: Sequence[MmpGroupSpec], instruments: dict[int, InstrumentSpec]) -> None:
        self.instruments = instruments
        self.groups = {(spec.portfolio, spec.is_of_orders, spec.id): NaiveGroup(spec) for spec in groups}
        self.now = 0
        self.triggered: list[MmpTriggerRecord] = []
        self.unfrozen: MmpUnfrozenRecord | None = None

    def on_trial(self) -> "NaiveMmp":
        return copy.deepcopy(self)

    def group_of_orders(self, portfolio: int, instrument_id: int) -> Key | None:
        key = (portfolio, True, self.instruments[instrument_id].currency_pair_id)
        return key if key in self.groups else None

    def is_frozen(self, key: Key) -> bool:
        return self.groups[key].frozen_until is not None

    def may_reset(self, key: Key) -> bool:
        group = self.groups[key]
        assert group.frozen_until is not None
        return self.now >= group.frozen_until - group.spec.frozen_ns + MMP_FREEZE_LEAST_MS * 10**6

    # What fills, and what then happens.

    def filled(self, key: Key, instrument_id: int, side: int, quantity: int) -> None:
        instrument = self.instruments[instrument_id]
        share = [quantity, side * _scaled(quantity, instrument.delta), _scaled(quantity, instrument.vega)]
        self.groups[key].add(self.now, share)

    def judge(self, key: Key, filled_by: list[int], leave: Callable[[Key], list[int]]) -> bool:
        """Whether the group has reached a limit. `leave` cancels what is alive of it and says whose it was."""
        group = self.groups[key]
        trigger = group.reached(self.now)
        if trigger is None:
            return False
        quantity, delta, vega = group.levels(self.now)
        group.frozen_until = self.now + group.spec.frozen_ns
        group.spans = []
        group.told = list(dict.fromkeys([*filled_by, *leave(key)]))
        record = MmpTriggerRecord(*key, trigger, group.frozen_until, quantity, delta, vega, tuple(group.told))
        self.triggered.append(record)
        return True

    # The end of a freeze.

    def unfreeze(self, now: int) -> list[MmpUnfrozenRecord]:
        self.now = now
        frozen = {key: group.frozen_until for key, group in self.groups.items() if group.frozen_until is not None}
        return [self.thaw(key) for key in sorted(frozen, key=lambda key: frozen[key]) if frozen[key] <= now]

    def reset(self, key: Key) -> None:
        self.unfrozen = self.thaw(key)

    def thaw(self, key: Key) -> MmpUnfrozenRecord:
        group = self.groups[key]
        told, group.told, group.frozen_until = group.told, [], None
        return MmpUnfrozenRecord(*key, tuple(told))

    # What the last command did.

    def take_triggered(self) -> list[MmpTriggerRecord]:
        taken, self.triggered = self.triggered, []
        return taken

    def take_unfrozen(self) -> MmpUnfrozenRecord | None:
        taken, self.unfrozen = self.unfrozen, None
        return taken


def _scaled(quantity: int, factor: int) -> int:
    product = quantity * factor
    return abs(product) // ONE * (1 if product >= 0 else -1)
