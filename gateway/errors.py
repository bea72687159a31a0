"""What can go wrong, by whose doing: a bug of ours, the bytes of a peer, or a misuse by the operator.

Nothing raises a family itself, only a named error of it, so that every error that is raised says what happened.
A family also says with which code a command ends. Inside the core there are status codes, not exceptions: these
are for the doors (command line, configuration, client library).
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class BreakwireError(Exception):
    """Every error that this distribution raises on purpose. Abstract.

    Raises:
        TypeError: when a family is raised instead of an error of it.
    """

    abstract: ClassVar[bool] = True
    exit_code: ClassVar[int] = 1

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__()
        cls.abstract = abstract

    def __init__(self, message: str) -> None:
        if self.abstract:
            raise TypeError(f"{type(self).__name__} is a family of errors and cannot be raised itself")
        super().__init__(message)


class InternalError(BreakwireError, abstract=True):
    """Our bug: an invariant that the code relies on does not hold. Nothing the caller does can mend it."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h


class PeerError(BreakwireError, abstract=True):
    """Their bytes: what came from the other end of the line cannot be accepted."""

    exit_code = 1


class MisuseError(BreakwireError, abstract=True):
    """Your misuse: a command line, a file or a call that cannot be carried out as it was given."""

    exit_code = 2


class LifecycleError(InternalError):
    """A session or a link was to make a move that the tables of lifecycle.py do not have."""


class LimitError(InternalError):
    """Two limits of limits.py contradict each other."""


class CanaryError(InternalError):
    """The gateway did not do for its own canary what it does for every client."""


class ServeError(MisuseError):
    """The gateway cannot start as it was told to: its address, processor or files are not to be had."""


class Problem(NamedTuple):
    """One thing that is wrong with a configuration file.

    Attributes:
        place: where in the file, as `gateway.port` or `api_key[2].portfolio` (tables counted from 0); "" is the file.
        wanted: what should stand there.
        was: what stands there; "" when there is nothing to show.
    """

    place: str
    wanted: str
    was: str = ""

    def __str__(self) -> str:
        return "".join((f"{self.place}: " if self.place else "", self.wanted, f", was {self.was}" if self.was else ""))


class ConfigError(MisuseError):
    """A configuration that cannot be used, with everything that is wrong with it.

    Attributes:
        source: the file's name, or "configuration" for text.
        problems: all that was found, in the order of the file's tables.
    """

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = f"{len(problems)} problems" if len(problems) != 1 else "1 problem"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


class KeyFileError(MisuseError):
    """A key that cannot be added to a configuration file."""


class ControlError(MisuseError):
    """Something that a venue's operator asked for and that cannot be done, or nobody to ask."""


class CaptureError(MisuseError):
    """A capture that cannot be read, or a filter that cannot be met."""
