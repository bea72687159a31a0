"""Freezes that end because somebody asks for it: whole frames on a real socket, in every schema version.

The maker is a session of the version that is looked at. It may ask itself, or its mate does: another session of its
portfolio, which had nothing in the group.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest
from support.connection import Connection
from support.frames import (
    INACTIVE,
    UPDATED,
    VERSIONS,
    Frame,
    mass_quote_response,
    new_order_reject,
    quoted,
    response,
    side,
)
from support.mmp_plays import GROUP_ID, MMP, freeze_orders, freeze_quotes
from support.play import Play
from support.scene import Scene
from support.stages import Stage, write_stages

FREEZE_LEAST_S = 1
FROZEN_MS = 60_000
RESET_QUOTES = 1
RESET_ORDERS = 32
RESET_ORDERS_SINCE = 10
MMP_GROUP_FROZEN = 15

Freeze = Callable[[Play, int], Frame]


@pytest.fixture
def plays(tmp_path: Path, client_program: Path) -> Iterator[list[Play]]:
    """One for each version, where protection freezes for a minute."""
    scene = Scene(tmp_path, client_program, write_stages, stages=len(VERSIONS), frozen_ms=FROZEN_MS)
    stages = [Stage(scene, number, version) for number, version in enumerate(VERSIONS, 1)]
    for stage in stages:
        stage.log_on()
    yield [Play(stage) for stage in stages]
    scene.close()


def freeze_for_the_least_time(plays: list[Play], freeze: Freeze) -> list[int]:
    """Until when each would be frozen."""
    until = [freeze(play, FROZEN_MS * 1_000_000).fields["frozenUntil"] for play in plays]
    time.sleep(FREEZE_LEAST_S)
    return until


def reset_quotes(play: Play, asker: Connection) -> None:
    """The asker quotes with resetMmp; it and the maker are told, then its quote stands."""
    request = play.quotes(601, "99", None, flags=RESET_QUOTES)
    asker.send("MassQuoteRequest", **request)
    unfrozen = "MassQuoteMmpUnfrozen", {"mmpGroupId": GROUP_ID, "correlationId": request["correlationId"]}
    play.told(unfrozen, asker)
    bid = side(UPDATED, ANY, "99", remaining="1")
    play.told(mass_quote_response(request, quoted(bid, side(INACTIVE), play.instrument_id)), asker)
    if asker is not play.maker:
        play.told(unfrozen)


def reset_orders(play: Play, asker: Connection) -> None:
    request = play.order(601, price="99", flags=MMP | RESET_ORDERS)
    asker.order(request)
    group = {"currencyPairId": play.stage.currency_pair_id}
    unfrozen = "OrdersMmpUnfrozen", group | {"correlationId": request["correlationId"]}
    play.told(unfrozen, asker)
    play.told(response(request, ANY), asker)
    if asker is not play.maker:
        play.told(unfrozen)


def test_a_maker_resets_the_group_of_its_quotes(plays: list[Play]) -> None:
    freeze_for_the_least_time(plays, freeze_quotes)
    for play in plays:
        reset_quotes(play, play.maker)


def test_a_reset_of_quotes_by_another_session_is_told_to_the_maker(plays: list[Play]) -> None:
    freeze_for_the_least_time(plays, freeze_quotes)
    for play in plays:
        reset_quotes(play, play.stage.trader("mate"))


def test_a_maker_resets_the_group_of_its_orders_if_its_version_knows_the_flag(plays: list[Play]) -> None:
    until = freeze_for_the_least_time(plays, freeze_orders)
    for play, frozen_until in zip(plays, until, strict=True):
        if play.version >= RESET_ORDERS_SINCE:
            reset_orders(play, play.maker)
        else:
            request = play.order(601, price="99", flags=MMP | RESET_ORDERS)
            play.maker.order(request)
            pair = play.stage.currency_pair_id
            details = f"the protection of currency pair {pair} is frozen until {frozen_until}"
            play.told(new_order_reject(request, MMP_GROUP_FROZEN, details))


def test_a_reset_of_orders_by_another_session_is_told_to_the_maker(plays: list[Play]) -> None:
    freeze_for_the_least_time(plays, freeze_orders)
    for play in plays:
        reset_orders(play, play.stage.trader("mate"))
