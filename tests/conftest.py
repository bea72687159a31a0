"""Fixtures of the scenario tests."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("support")

from support.processes import compile_client  # noqa: E402
from support.scene import Scene  # noqa: E402

KEYS_PER_MODULE = 200


@pytest.fixture(scope="session")
def client_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The independent client, compiled by the machine's C compiler, which is a requirement of these tests."""
    return compile_client(tmp_path_factory.mktemp("independent-client"))


@pytest.fixture
def make_scene(tmp_path: Path, client_program: Path) -> Iterator[Callable[..., Scene]]:
    """Start gateways with settings of the test's choice."""
    scenes: list[Scene] = []

    def make(**settings: Any) -> Scene:
        directory = tmp_path / f"gateway-{len(scenes)}"
        directory.mkdir()
        scenes.append(Scene(directory, client_program, **settings))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    """A gateway of this test's own, with the settings that scenarios have by default."""
    return make_scene()


@pytest.fixture(scope="module")
def common_scene(tmp_path_factory: pytest.TempPathFactory, client_program: Path) -> Iterator[Scene]:
    """A gateway for a module whose tests leave nothing behind but sessions of keys that no other test uses."""
    keys = [f"key-{number}" for number in range(KEYS_PER_MODULE)]
    scene = Scene(tmp_path_factory.mktemp("common-gateway"), client_program, traders=keys)
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def _fresh_keys() -> Iterator[str]:
    return (f"key-{number}" for number in itertools.count())


@pytest.fixture
def fresh_keys(_fresh_keys: Iterator[str]) -> Callable[[], str]:
    """For a test that needs several."""
    return lambda: next(_fresh_keys)


@pytest.fixture
def fresh_key(_fresh_keys: Iterator[str]) -> str:
    """A key of `common_scene` that no test has used."""
    return next(_fresh_keys)
