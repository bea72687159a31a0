"""Values newer than a session are told as the older ones that section 8.9 names: every schema version, on a socket."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import mmp_plays
from support.connection import message
from support.frames import QUEUED, SELL, VERSIONS, Frame, quote, quotes
from support.play import Play
from support.scene import Scene
from support.stages import Stage, write_stages

WAITING_MAX = 1_000
"""So many orders of a portfolio may wait behind speed bumps."""
RESET_MMP, RESET_MMP_OF_ORDERS = 1, 32
SPEED_BUMP_MS = 1_000
"""Longer than any of these tests takes to fill the queue."""


def unknown_instrument(play: Play) -> Frame:
    return play.maker.ask("CancelOrderRequest", **play.cancel(1) | {"instrumentId": 999_999})


def duplicate_instrument(play: Play) -> Frame:
    entry = quote("99", None, instrumentId=play.instrument_id)
    return play.maker.ask("MassQuoteRequest", **quotes(501, entry, entry))


def disabled(play: Play) -> Frame:
    """A drop-copy session may not trade."""
    watch = play.stage.scene.observer()
    watch.logon(f"watch-{play.stage.number}", schema_version=play.version)
    return watch.ask("NewOrderRequest", **play.order(1))


def queued(play: Play) -> dict[str, Any]:
    """An order of the maker's waits; what cancels it."""
    on = {"instrumentId": play.stage.bumped_id}
    play.stage.trader("taker").place(play.order(1, side=SELL, **on))
    assert play.maker.ask("NewOrderRequest", **play.order(2, **on)).fields["status"] == QUEUED
    return play.cancel(2) | on


def converted(play: Play) -> Frame:
    return play.maker.ask("CancelOrderRequest", **queued(play))


def converted_before(play: Play) -> Frame:
    cancel = queued(play)
    play.maker.ask("CancelOrderRequest", **cancel)
    return play.maker.ask("CancelOrderRequest", **cancel)


def too_many_queued(play: Play) -> Frame:
    on = {"instrumentId": play.stage.bumped_id}
    play.stage.trader("taker").place(play.order(1, side=SELL, **on))
    play.maker.repeat(WAITING_MAX + 1, "NewOrderRequest", **play.order(2, **on))
    return play.maker.take(WAITING_MAX + 1)[-1]


def amended_with_too_many_queued(play: Play) -> Frame:
    on = {"instrumentId": play.stage.bumped_id}
    play.maker.place(play.order(1_000_000, price="90", **on))
    play.stage.trader("taker").place(play.order(1, side=SELL, **on))
    # In one piece, so that only the gateway's own pace counts towards the speed bump.
    play.maker.process.command(
        f"repeat {WAITING_MAX} {play.maker.command('send', message('NewOrderRequest', play.order(2, **on)))}",
        play.maker.command("send", message("AmendOrderRequest", play.amend(1_000_000, **on))),
    )
    return play.maker.take(WAITING_MAX + 1)[-1]


def reset_quotes_too_soon(play: Play) -> Frame:
    mmp_plays.freeze_quotes(play)
    return play.maker.ask("MassQuoteRequest", **play.quotes(502, "90", None, flags=RESET_MMP))


def reset_orders_too_soon(play: Play) -> Frame:
    mmp_plays.freeze_orders(play)
    return play.maker.ask("NewOrderRequest", **play.order(3, flags=mmp_plays.MMP | RESET_MMP_OF_ORDERS))


# By message and value: the version that brought the value, what older sessions are told, and how it comes about.
VALUES: dict[tuple[str, int], tuple[int, int, Callable[[Play], Frame]]] = {
    ("CancelOrderReject", 6): (2, 1, unknown_instrument),
    ("CancelOrderReject", 7): (9, 4, converted_before),
    ("CancelOrderReject", 8): (9, 4, converted),
    ("NewOrderReject", 29): (6, 25, too_many_queued),
    ("AmendOrderReject", 29): (6, 25, amended_with_too_many_queued),
    ("NewOrderReject", 30): (15, 15, reset_orders_too_soon),
    ("MassQuoteReject", 9): (15, 3, reset_quotes_too_soon),
    ("MassQuoteReject", 8): (4, 5, duplicate_instrument),
    ("Reject", 5): (11, 2, disabled),
}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, client_program: Path) -> Iterator[Callable[[int], Stage]]:
    directory, count = tmp_path_factory.mktemp("stages"), len(VALUES) * len(VERSIONS)
    scene = Scene(directory, client_program, write_stages, stages=count, speed_bump_ms=SPEED_BUMP_MS)
    numbers = itertools.count(1)
    yield lambda version: Stage(scene, next(numbers), version)
    scene.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[0]}-{value[1]}")
def test_a_newer_value_is_told_as_an_older_one(
    stages: Callable[[int], Stage], value: tuple[str, int], version: int
) -> None:
    since, older, provoke = VALUES[value]
    stage = stages(version)
    stage.log_on()
    frame = provoke(Play(stage))
    told: tuple[str, Any] = (frame.name, frame.fields["reason"])
    assert told == (value if version >= since else (value[0], older))
