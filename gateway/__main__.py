"""The command line: `breakwire serve`, `demo`, `cod-check`, `example-maker`, `keys …`, `admin …`, and more.

A command is one row of COMMANDS: its words, a line of help, what it does, and its arguments. It imports what it needs
when it runs, so that no command waits for another's imports. What it prints for people and scripts goes to stdout, why
it failed to stderr; it ends with 0, with the code of the error's family (errors.py), with 130 after Ctrl-C, or with 141
when nobody reads what it prints.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway import __version__
from gateway.errors import BreakwireError

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
_NOBODY_READS: Final = 141  # 128 + SIGPIPE


class Argument:
    """One argument of a command: what `ArgumentParser.add_argument` takes."""

    def __init__(self, *names: str, **options: Any) -> None:
        self.names = names
        self.options = options


class Command(NamedTuple):
    """One command: its words as typed, a line of help, what it does, and its arguments."""

    words: str
    help: str
    run: Callable[[argparse.Namespace], int]
    arguments: tuple[Argument, ...] = ()


def serve(options: argparse.Namespace) -> int:
    """Runs the gateway until SIGTERM or SIGINT; without a file, the development set-up, whose keys it prints."""
    from gateway.config import development, load

    config, keys = development() if options.config is None else (load(options.config), [])
    for client_id, secret in keys:
        print_key(client_id, secret)
    from gateway.server import serve  # compiled modules and the event loop: not before the file is known to be right

    return serve(config, None if options.config is None else Path(options.config).absolute())


def demo(_options: argparse.Namespace) -> int:
    """Shows what becomes of a maker's orders when it is killed, frozen, and logs out."""
    from gateway.demo import run

    return run()


def keys_add(options: argparse.Namespace) -> int:
    """Adds a key to a configuration file, and prints its secret: the only time that anyone sees it."""
    from gateway import keys

    print_key(options.client_id, keys.add_key(options.config, options.client_id, options.portfolio, options.role))
    return 0


def keys_list(options: argparse.Namespace) -> int:
    """Prints the keys of a configuration file, without anything secret."""
    from gateway import keys

    for key in keys.list_keys(options.config):
        print(f"key client_id={key.client_id} portfolio={key.portfolio} role={key.role}")
    return 0


def decode(options: argparse.Namespace) -> int:
    """Prints the frames of a capture; 1 if something in it was not a sound frame."""
    from gateway.decode import run

    return run(options)


def dissector(options: argparse.Namespace) -> int:
    """Writes the Wireshark dissector."""
    from gateway.dissector import run

    return run(options)


def example_maker(options: argparse.Namespace) -> int:
    """Makes a market with the client library, however often it is cut off."""
    from gateway.example_maker import run

    return run(options)


def cod_check(options: argparse.Namespace) -> int:
    """Puts a gateway's promises of cancel on disconnect to the test; 1 if one of them is broken."""
    from gateway.cod_check import run

    return run(options)


def admin(action: str, options: argparse.Namespace) -> int:
    """Has a running gateway do something, and prints what it says."""
    from gateway.admin_client import run

    return run(action, options)


def amount(text: str) -> Decimal:
    """A number as an argument of a command."""
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError(text) from None


def print_key(client_id: str, secret: str) -> None:
    """One line on stdout, at once: whoever started us reads it before the gateway serves."""
    print(f"key client_id={client_id} secret={secret}", flush=True)


_CONFIG = Argument("--config", metavar="FILE", required=True, help="the configuration, a TOML file")
_INSTRUMENT = Argument("instrument_id", metavar="INSTRUMENT_ID", type=int)
_PORTFOLIO = Argument("portfolio_id", metavar="PORTFOLIO_ID", type=int)
_KEY = Argument("client_id", metavar="CLIENT_ID")


def admin_command(action: str, help: str, *arguments: Argument) -> Command:
    """A command that a running gateway is asked to carry out, by the name of its request."""
    gateway = (
        Argument("--config", metavar="FILE", help="the gateway's configuration, which says where its socket is"),
        Argument("--socket", metavar="PATH", help="or its socket"),
    )
    return Command(f"admin {action.replace('_', '-')}", help, partial(admin, action), (*gateway, *arguments))


COMMANDS: Final = (
    Command(
        "serve",
        "run the gateway until SIGTERM or SIGINT",
        serve,
        (Argument("--config", metavar="FILE", help="the configuration, a TOML file (without: a development set-up)"),),
    ),
    Command("demo", "watch orders die with their session, three ways", demo),
    Command(
        "cod-check",
        "put a gateway's cancel on disconnect to the test, ours or another's",
        cod_check,
        (
            Argument("gateway", metavar="HOST:PORT", nargs="?", help="where the gateway listens"),
            Argument("--keys", metavar="FILE", help="keys to test with: TOML, or what `breakwire serve` prints"),
            Argument("--instrument", metavar="ID", type=int, default=1, help="what to trade; default: 1"),
            Argument("--bumped-instrument", metavar="ID", type=int, help="one with a speed bump; default: none"),
            Argument("--mmp-group", metavar="ID", type=int, default=1, help="to quote for; 0: none; default: 1"),
            Argument("--price", default="60000", help="around which orders are placed; default: 60000"),
            Argument("--tick", default="0.5", help="of prices; default: 0.5"),
            Argument("--lot", default="0.001", help="of quantities; default: 0.001"),
            Argument("--set", metavar="NAME=VALUE", action="append", default=[], help="what the gateway is like"),
            Argument("--only", metavar="PATTERN", action="append", default=[], help="these names, causes or states"),
            Argument("--scenario", metavar="FILE", action="append", default=[], help="your own scenarios instead"),
            Argument("--list", action="store_true", help="show the scenarios and run none"),
            Argument("--json", action="store_true", help="one JSON object a line"),
        ),
    ),
    Command(
        "example-maker",
        "make a market with the client library; reads the key's secret from standard input",
        example_maker,
        (
            Argument("client_id", metavar="CLIENT_ID", help="the key to log on with"),
            Argument("--host", default="127.0.0.1", help="default: 127.0.0.1"),
            Argument("--port", type=int, default=4210, help="default: 4210"),
            Argument("--instrument", metavar="ID", type=int, default=1, help="what to quote; default: 1"),
            Argument("--mmp-group", metavar="ID", type=int, default=1, help="for which MMP group; default: 1"),
            Argument("--price", type=amount, default=Decimal(64_000), help="the middle; default: 64000"),
            Argument("--tick", type=amount, default=Decimal("0.5"), help="of prices; default: 0.5"),
            Argument("--half-spread", type=amount, default=Decimal(5), help="default: 5"),
            Argument("--quantity", type=amount, default=Decimal("0.1"), help="of each side; default: 0.1"),
            Argument("--skew", type=amount, default=Decimal(10), help="price per unit of position; default: 10"),
        ),
    ),
    Command(
        "keys add",
        "add a key to the configuration and print its secret once",
        keys_add,
        (
            _CONFIG,
            Argument("client_id", metavar="CLIENT_ID", help="what the client logs on as"),
            Argument("--portfolio", metavar="N", type=int, required=True, help="whose orders its are"),
            Argument("--role", choices=("trader", "drop_copy"), default="trader", help="default: trader"),
        ),
    ),
    Command("keys list", "list the keys of the configuration", keys_list, (_CONFIG,)),
    admin_command(
        "status",
        "show sessions, portfolios, instruments and what is under way",
        Argument("--json", action="store_true", help="one JSON object"),
    ),
    admin_command("halt", "stop entry into an instrument; what rests stays, and may be cancelled", _INSTRUMENT),
    admin_command("resume", "end a halt", _INSTRUMENT),
    admin_command("deactivate", "close an instrument for good and cancel its orders", _INSTRUMENT),
    admin_command("lock", "cancel a portfolio's orders and let it enter none", _PORTFOLIO),
    admin_command("unlock", "end a lock", _PORTFOLIO),
    admin_command("settle", "end the day: cancel day orders whose days are over"),
    admin_command("kill_client", "end the session of a key and cancel its orders", _KEY),
    admin_command("kill_portfolio", "end all sessions of a portfolio and cancel its orders", _PORTFOLIO),
    admin_command("revoke", "end the session of a key for good and cancel its orders", _KEY),
    admin_command("reload", "put the gateway's configuration file in force, as a whole or not at all"),
    Command(
        "decode",
        "print the frames of a captured byte stream or pcap file",
        decode,
        (
            Argument("file", metavar="FILE", nargs="?", default="-", help="the capture; - or none: standard input"),
            Argument("--json", action="store_true", help="one JSON object a line"),
            Argument(
                "--message",
                metavar="NAME|ID",
                action="append",
                default=[],
                help="only frames of this message; may be repeated",
            ),
            Argument(
                "--order",
                metavar="ORDER_ID|CLIENT_ORDER_ID",
                action="append",
                type=int,
                default=[],
                help="only frames that name this order or quote; may be repeated",
            ),
        ),
    ),
    Command(
        "dissector",
        "write a Wireshark dissector of the protocol",
        dissector,
        (Argument("file", metavar="FILE", nargs="?", default="-", help="the Lua script; - or none: standard output"),),
    ),
)

GROUPS: Final = {"admin": "control of a running gateway", "keys": "API keys in a configuration file"}
"""First words that several commands share, and their line of help."""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; what it returns carries the command's `run`."""
    top = argparse.ArgumentParser(
        prog="breakwire",
        description="An order-entry gateway whose first job is cancel on disconnect.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"breakwire {__version__}")
    branches = {"": top.add_subparsers(metavar="COMMAND", required=True)}
    for command in COMMANDS:
        group, _, word = command.words.rpartition(" ")
        if group not in branches:
            stem = branches[""].add_parser(group, help=GROUPS[group], description=GROUPS[group], allow_abbrev=False)
            branches[group] = stem.add_subparsers(metavar="COMMAND", required=True)
        leaf = branches[group].add_parser(word, help=command.help, description=command.help, allow_abbrev=False)
        for argument in command.arguments:
            leaf.add_argument(*argument.names, **argument.options)
        leaf.set_defaults(run=command.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Usage errors exit with 2 from within argparse.

    Args:
        arguments: the words behind `breakwire`; those of this process when None.
    """
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BreakwireError as error:
        print(f"breakwire: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has seen enough; what is buffered still must go somewhere when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    return code


if __name__ == "__main__":
    sys.exit(main())
