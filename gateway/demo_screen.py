"""What the demo shows in the terminal. Without a terminal the same text comes out plain."""

from typing import Final

from rich.console import Console
from rich.table import Table

NS_PER_US: Final = 1000
WIDTH_WITHOUT_TERMINAL: Final = 110


class Screen:
    """Acts with their timelines, then what was promised beside what was observed."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
        self.all_kept = True
        self._promises = Table("promise", "observed in this run", "", title_justify="left", show_lines=True)
        self._promises.columns[0].ratio = 5
        self._promises.columns[1].ratio = 5
        self._promises.expand = True

    def say(self, text: str) -> None:
        self._console.print(text)

    def act(self, number: int, title: str) -> None:
        """A new act; the times that follow count from its break of the line."""
        self._console.print()
        self._console.rule(f"{number} of 3: {title}", align="left")

    def line(self, what: str, text: str) -> None:
        """One thing that stands, without a time."""
        self._console.print(f"  {what:>12}   {text}", soft_wrap=True)

    def at(self, after_ns: int, text: str) -> None:
        """One thing that happened, so long after the break of the line (negative: before)."""
        self._console.print(f"  {after_ns // NS_PER_US:>+9,} µs   {text}", soft_wrap=True)

    def promise(self, promise: str, observed: str, *, kept: bool) -> None:
        """One promise, and what was seen of it."""
        self.all_kept = self.all_kept and kept
        self._promises.add_row(promise, observed, "[green]kept[/]" if kept else "[bold red]BROKEN[/]")

    def verdict(self, times: list[str], faults: list[str]) -> None:
        """The table of promises, what was measured and is no promise, and every fault."""
        self._console.print()
        self._console.print(self._promises)
        self._console.print("Not a promise, as measured by the watcher (a Python process of its own) in this run:")
        for time in times:
            self._console.print(f"  {time}")
        for fault in faults:
            self._console.print(f"[bold red]fault[/] {fault}", soft_wrap=True)
        self._console.print("Every order is accounted for." if self.all_kept and not faults else "NOT in order.")
