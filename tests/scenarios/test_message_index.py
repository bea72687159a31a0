"""Every row of the message index, in every schema version: sent or provoked on a real socket, and compared whole.

Each row has a stage of its own (support.stages) for each version, and says how it comes about; whatever frame it brings
is measured by the index (support.message_index). A message of the client is sent unpadded, exactly as long as the index
says, by a header that says so.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import (
    cover_plays,
    dead_man_plays,
    mmp_plays,
    order_plays,
    quote_plays,
    receipt_plays,
    session_plays,
    speed_bump_plays,
)
from support.frames import VERSIONS
from support.message_index import INDEX
from support.play import Play
from support.scene import Scene
from support.stages import Stage, write_stages

from codec.layout import MESSAGES

PLAYS: dict[str, Callable[[Play], None]] = (
    session_plays.PLAYS
    | order_plays.PLAYS
    | quote_plays.PLAYS
    | speed_bump_plays.PLAYS
    | mmp_plays.PLAYS
    | dead_man_plays.PLAYS
    | cover_plays.PLAYS
    | receipt_plays.PLAYS
)
"""How each message comes about, by its name."""
SLOW_PLAYS: dict[str, Callable[[Play], Iterator[None]]] = session_plays.SLOW_PLAYS | mmp_plays.SLOW_PLAYS
"""Where a second or more has to pass: played in all versions at once, each yields where it waits."""

MakeStage = Callable[[int], Stage]


def stages_of(directory: Path, client_program: Path, count: int, **settings: Any) -> Iterator[MakeStage]:
    scene = Scene(directory, client_program, write_stages, stages=count, **settings)
    numbers = itertools.count(1)
    yield lambda version: Stage(scene, next(numbers), version)
    scene.close()


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, client_program: Path) -> Iterator[MakeStage]:
    """Stages that no test was played on yet, by schema version."""
    count = len([*PLAYS, *SLOW_PLAYS]) * len(VERSIONS)
    yield from stages_of(tmp_path_factory.mktemp("stages"), client_program, count)


@pytest.fixture
def quick_stages(tmp_path: Path, client_program: Path) -> Iterator[MakeStage]:
    """The same where a heartbeat interval is a second."""
    yield from stages_of(tmp_path, client_program, len(VERSIONS), heartbeat_interval_s=1)


def begin(stage: Stage) -> Play:
    stage.log_on()
    return Play(stage)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PLAYS)
def test_a_row_of_the_index_on_the_wire(stages: MakeStage, name: str, version: int) -> None:
    play = begin(stages(version))
    PLAYS[name](play)
    if version >= INDEX[name].since:
        assert name in play.seen


@pytest.mark.parametrize("name", SLOW_PLAYS)
def test_a_row_that_takes_time_on_the_wire(request: pytest.FixtureRequest, name: str) -> None:
    make_stage: MakeStage = request.getfixturevalue("quick_stages" if name == "TestRequest" else "stages")
    plays = [begin(make_stage(version)) for version in VERSIONS]
    for _ in itertools.zip_longest(*(SLOW_PLAYS[name](play) for play in plays)):
        pass
    for play in plays:
        assert name in play.seen or play.version < INDEX[name].since


def test_every_message_of_the_schema_has_a_row() -> None:
    rows = {row.template_id for row in INDEX.values()}
    assert PLAYS.keys() | SLOW_PLAYS.keys() == INDEX.keys()
    assert rows == {message.template_id for message in MESSAGES}
