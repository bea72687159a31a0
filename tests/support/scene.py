"""A gateway with the client processes around it, taken down and audited together."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.configuration import secret_of, write_configuration
from support.connection import Connection
from support.drop_copy import DropCopy
from support.processes import DEADLINE_S, Connections, Gateway


class Scene:
    """What one scenario plays with, on a gateway whose configuration `write` makes from the settings.

    `close` ends every process and reports whatever any connection found wrong.
    """

    def __init__(
        self,
        directory: Path,
        client_program: Path,
        write: Callable[..., Path] = write_configuration,
        **settings: Any,
    ) -> None:
        self._client_program = client_program
        self._processes: list[Connections] = []
        self.connections: list[Connection] = []
        self.gateway = Gateway(write(directory / "gateway.toml", **settings))
        try:
            self.shared_process = self.process()
        except BaseException:
            self.gateway.kill()
            raise

    def process(self) -> Connections:
        """A client process of its own, to be stopped or killed."""
        process = Connections(self._client_program)
        self._processes.append(process)
        return process

    def _open(self, kind: Callable[..., Any], process: Connections | None, receive_buffer: int | None) -> Any:
        process = process or self.shared_process
        connection = kind(process, len(process.handlers), self.gateway, receive_buffer)
        self.connections.append(connection)
        return connection

    def connect(self, process: Connections | None = None, receive_buffer: int | None = None) -> Connection:
        connection: Connection = self._open(Connection, process, receive_buffer)
        return connection

    def trader(
        self, client_id: str, process: Connections | None = None, receive_buffer: int | None = None, **logon: Any
    ) -> Connection:
        """A connection that is logged on."""
        connection = self.connect(process, receive_buffer)
        connection.logon(client_id, **logon)
        return connection

    def observer(self, process: Connections | None = None, receive_buffer: int | None = None) -> DropCopy:
        """A connection that will log on with a drop-copy key."""
        observer: DropCopy = self._open(DropCopy, process, receive_buffer)
        return observer

    def watch(
        self, client_id: str = "watch-1", process: Connections | None = None, receive_buffer: int | None = None
    ) -> DropCopy:
        """A drop-copy observer that is logged on."""
        observer = self.observer(process, receive_buffer)
        observer.logon(client_id)
        return observer

    def admin(self, *words: str) -> str:
        """What `breakwire admin` says; the gateway needs an admin_socket. A control that fails, fails the scenario."""
        done = self.try_admin(*words)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.removesuffix("\n")

    def try_admin(self, *words: str) -> subprocess.CompletedProcess[str]:
        action, *rest = words
        command = [sys.executable, "-m", "gateway", "admin", action, "--config", str(self.gateway.configuration), *rest]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)

    def faults(self) -> list[str]:
        found = [f"{connection}: {fault}" for connection in self.connections for fault in connection.faults]
        for connection in self.connections:
            if isinstance(connection, DropCopy):
                found += connection.ledger.faults
        return found

    def close(self) -> None:
        try:
            for process in self._processes:
                process.close()
            self.gateway.close()
        finally:
            for process in self._processes:
                process.kill()
            self.gateway.kill()
        assert self.faults() == []
        log = str(self.gateway.log)
        assert not [connection for connection in self.connections if secret_of(connection.client_id) in log]
