"""Many stages on one gateway: each has a portfolio, instruments and MMP groups that no other touches."""

from pathlib import Path
from typing import Any

from support.configuration import INSTRUMENT, MMP_GROUP, secret_of, toml_table
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import Frame
from support.scene import Scene

ROLES = {"maker": "trader", "mate": "trader", "taker": "trader", "watch": "drop_copy"}
"""Keys of each stage: the one that is looked at, another of its portfolio, one of another portfolio, a drop copy."""
BUMPED = 100_000
"""Added to an instrument's id: one with a speed bump, otherwise the same."""


def write_stages(
    path: Path, *, stages: int, speed_bump_ms: int = 5, frozen_ms: int = MMP_GROUP["frozen_ms"], **settings: Any
) -> Path:
    """Write a configuration for so many stages; no heartbeat falls into a test."""
    gateway = {"name": "gw-test", "host": "127.0.0.1", "port": 0, "data_dir": "", "heartbeat_interval_s": 60}
    tables = [toml_table("[gateway]", gateway | settings)]
    for stage in range(stages):
        own, foreign = 2 * stage + 1, 2 * stage + 2
        names = {"id": stage + 1, "symbol": f"S-{stage + 1}", "currency_pair_id": stage + 1}
        tables.append(toml_table("[[instrument]]", INSTRUMENT | names | {"iceberg_allowed": True}))
        bumped = {"id": BUMPED + stage + 1, "symbol": f"B-{stage + 1}", "speed_bump_ms": speed_bump_ms}
        tables.append(toml_table("[[instrument]]", INSTRUMENT | names | {"iceberg_allowed": True} | bumped))
        tables += [toml_table("[[portfolio]]", {"id": number}) for number in (own, foreign)]
        group = MMP_GROUP | {"portfolio": own, "frozen_ms": frozen_ms}
        tables.append(toml_table("[[mmp_group]]", group))
        del group["id"]
        tables.append(toml_table("[[mmp_group]]", group | {"currency_pair_id": stage + 1}))
        for name, role in ROLES.items():
            key = {"client_id": f"{name}-{stage + 1}", "portfolio": foreign if name == "taker" else own, "role": role}
            tables.append(toml_table("[[api_key]]", key | {"secret": secret_of(f"{name}-{stage + 1}")}))
    path.write_text("\n".join(tables))
    return path


class Stage:
    """One of them. `maker` is logged on with the schema version, as a client of that version does it."""

    def __init__(self, scene: Scene, number: int, version: int) -> None:
        self.scene = scene
        self.version = version
        self.number = self.instrument_id = self.currency_pair_id = number
        self.bumped_id = BUMPED + number
        self.portfolio_id = 2 * number - 1
        self.maker = scene.connect()

    def log_on(self) -> Frame:
        """The maker's Logon with the body and the header that its version has; the LogonConf."""
        return self.maker.logon(
            f"maker-{self.number}",
            schema_version=self.version,
            body_length=65 if self.version < 12 else 67 if self.version < 13 else 68,
            framing={"version": self.version},
        )

    def trader(self, name: str) -> Connection:
        """Another session of the stage, of the newest version: "mate" or "taker"."""
        return self.scene.trader(f"{name}-{self.number}")

    def watch(self) -> DropCopy:
        return self.scene.watch(f"watch-{self.number}")
