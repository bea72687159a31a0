"""Fixtures for tests of the client library on a real gateway."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from support.clients import KEYS, Arguments, Run, address
from support.configuration import MMP_GROUP, write_configuration
from support.processes import Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that the module's tests share; they leave nothing behind."""
    directory = tmp_path_factory.mktemp("client")
    instrument = {"iceberg_allowed": True}
    # They share a group too, one after the other, so its limit is out of reach.
    groups = [MMP_GROUP | {"quantity_limit": "1000"}]
    configuration = directory / "gateway.toml"
    gateway = Gateway(write_configuration(configuration, traders=KEYS, instrument=instrument, mmp_groups=groups))
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def unused_keys() -> Iterator[str]:
    return iter(KEYS)


@pytest.fixture
def session(gateway: Gateway, unused_keys: Iterator[str]) -> Arguments:
    """Arguments of a client with a key that no test has used; each call gives another."""

    def arguments(**options: Any) -> dict[str, Any]:
        client_id = next(unused_keys)
        first = 1000 * (1 + KEYS.index(client_id))
        return address(gateway, client_id) | {"first_client_order_id": first} | options

    return arguments


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a coroutine on either loop; what a callback of the loop raised fails the test."""
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=request.param) as runner:
        runner.get_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        yield runner.run
    assert complaints == []
