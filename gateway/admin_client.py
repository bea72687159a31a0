"""`breakwire admin`: asks a running gateway through its admin socket, and prints the answer."""

import argparse
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.admin_protocol import STATUS_SECTIONS, socket_path
from gateway.config import load
from gateway.errors import ControlError
from gateway.limits import ADMIN_ANSWER_MOST_S

_ABOUT_US: Final = ("run", "config", "socket", "json")
"""Options that are not part of the request."""


class AdminClient:
    """A connection to a gateway's admin socket, to be used in a `with`.

    Raises:
        ControlError: there is no gateway to speak to, it ended the connection, or it did not answer in time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ADMIN_ANSWER_MOST_S)
        with self._told():
            self._socket.connect(str(path))
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> "AdminClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """One request, as admin.py has them; its answer.

        Raises:
            ControlError: the gateway refused it, and why; or as above.
        """
        with self._told():
            self._socket.sendall(msgspec.json.encode({"action": action, **fields}) + b"\n")
            line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise ControlError(f"{self._path}: the gateway ended the connection without an answer")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if not answer["ok"]:
            raise ControlError(answer["error"])
        return answer

    def status(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all sections of the status."""
        return {section: list(self._rows(section)) for section in STATUS_SECTIONS}

    def _rows(self, section: str) -> Iterator[dict[str, Any]]:
        first: int | None = 0
        while first is not None:
            answer = self.ask("status", section=section, first=first)
            yield from answer["rows"]
            first = answer.get("following")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise ControlError(f"{self._path}: no answer within {ADMIN_ANSWER_MOST_S} s") from None
        except OSError as error:
            raise ControlError(f"{self._path}: no gateway to speak to: {error.strerror or error}") from None


def run(action: str, options: argparse.Namespace) -> int:
    """Carries out one `breakwire admin` command: the options but for ours are the request's fields."""
    with AdminClient(path_of(options)) as gateway:
        if action == "status":
            status = gateway.status()
            print(msgspec.json.encode(status).decode() if options.json else text_of(status))
            return 0
        fields = {name: value for name, value in vars(options).items() if name not in _ABOUT_US}
        print(gateway.ask(action, **fields)["text"])
    return 0


def path_of(options: argparse.Namespace) -> Path:
    """The socket that is meant, by its path or by the gateway's configuration."""
    if (options.config is None) == (options.socket is None):
        raise ControlError("wanted one of --config FILE and --socket PATH")
    if options.socket is not None:
        return Path(options.socket)
    path = socket_path(load(options.config).gateway)
    if path is None:
        raise ControlError(f"{options.config}: no admin socket, since neither admin_socket nor data_dir is set")
    return path


def text_of(status: Mapping[str, list[dict[str, Any]]]) -> str:
    """The status for people: the gateway's own fields a line each, the other sections as tables."""
    (gateway,) = status["gateway"]
    width = max(map(len, gateway))
    parts = ["\n".join(f"{name.ljust(width)}  {_shown(value)}" for name, value in gateway.items())]
    parts += [f"{section}\n{_table(rows)}" for section, rows in status.items() if rows and section != "gateway"]
    return "\n\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
