"""gateway/demo_processes.py: the children are those that were meant, and one that ends early says why at once."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from support.configuration import write_configuration

from gateway.demo_processes import Crew, DemoError


def test_a_folder_that_is_named_as_the_package_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = write_configuration(tmp_path / "gateway.toml", name="gw-of-this-test")
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)

    async def start_and_stop() -> tuple[str, int]:
        async with Crew() as crew:
            gateway = await crew.start_gateway(configuration)
            return gateway.seen("listening")[0]["name"], await crew.stop_gateway(gateway)

    assert asyncio.run(start_and_stop()) == ("gw-of-this-test", 0)


def test_a_gateway_that_cannot_start_is_told_with_its_own_last_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        configuration = write_configuration(tmp_path / "gateway.toml", port=port)

        async def start() -> None:
            async with Crew() as crew:
                await crew.start_gateway(configuration)

        with pytest.raises(DemoError) as raised:
            asyncio.run(start())

    assert re.fullmatch(
        "waiting for the gateway to listen: the gateway ended with 2:\n"
        f"breakwire: cannot listen on 127.0.0.1 port {port}: Address already in use",
        str(raised.value),
    )
