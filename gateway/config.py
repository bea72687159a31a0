"""The configuration: a TOML file becomes an immutable tree of settings, or one error that tells all that is wrong.

The structs below are the file's tables: field names are the keys, with their types, limits and defaults. A feature
that is not built yet has its settings here all the same, and NOT_BUILT refuses any value of them but the default.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import Meta, Struct, structs

from gateway import limits
from gateway.credentials import HASH_PATTERN, generate_secret, hash_secret
from gateway.errors import ConfigError, Problem
from gateway.tables import Mantissa, array_of_tables, mantissa, read_table, shown, unknown_keys

# Types of settings --------------------------------------------------------------------------------------------------

Id = Annotated[int, Meta(ge=1, le=limits.ID_MAX)]
PositiveMantissa = Annotated[Mantissa, Meta(gt=0)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Buffer = Annotated[int, Meta(ge=limits.BUFFER_LEAST_BYTES, le=limits.BUFFER_MOST_BYTES)]
Seconds = Annotated[float, Meta(gt=0, le=limits.TIMEOUT_MOST_S)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=limits.TIMEOUT_MOST_S)]
Milliseconds = Annotated[int, Meta(ge=1, le=limits.TIMEOUT_MOST_MS)]
MillisecondsOrOff = Annotated[int, Meta(ge=0, le=limits.TIMEOUT_MOST_MS)]
Factor = Annotated[float, Meta(ge=1, le=limits.HEARTBEAT_FACTOR_MOST)]
Rate = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Name = Annotated[
    str,
    Meta(
        pattern=rf"\A[!-~]{{1,{limits.NAME_MAX_CHARACTERS}}}\Z",
        description=f"1 to {limits.NAME_MAX_CHARACTERS} ASCII characters without spaces",
    ),
]
ClientId = Annotated[
    str,
    Meta(
        pattern=rf"\A[!-~]{{1,{limits.CLIENT_ID_MAX_BYTES}}}\Z",
        description=f"1 to {limits.CLIENT_ID_MAX_BYTES} ASCII characters without spaces (Logon's clientId)",
    ),
]
Secret = Annotated[
    str,
    Meta(
        pattern=rf"\A[!-~]{{1,{limits.SECRET_MAX_BYTES}}}\Z",
        description=f"1 to {limits.SECRET_MAX_BYTES} ASCII characters without spaces (Logon's secret)",
    ),
]
SecretHash = Annotated[str, Meta(pattern=HASH_PATTERN, description="a hash as `breakwire keys add` writes it")]
Text = Annotated[str, Meta(min_length=1, description="a string that is not empty")]
ProductType = Literal["options", "futures", "combo_futures", "combo_options", "spot"]
Role = Literal["trader", "drop_copy"]

# The tree -----------------------------------------------------------------------------------------------------------


class Gateway(Struct, frozen=True, kw_only=True):
    """[gateway]: the settings of one gateway. The README says what each means; units stand in the names."""

    name: Name = "gw-a"
    host: Text = "127.0.0.1"
    port: Port = 4210
    data_dir: str = "data"
    heartbeat_interval_s: Annotated[int, Meta(ge=1, le=limits.HEARTBEAT_INTERVAL_MOST_S)] = 5  # whole on the wire
    heartbeat_probe_factor: Factor = 1.2
    heartbeat_lapse_factor: Factor = 1.5
    logon_timeout_s: Seconds = 10.0  # when the file names none: 2 heartbeat intervals
    cancel_on_disconnect: Literal["always", "session", "order"] = "always"
    cancel_grace_ms: MillisecondsOrOff = 0
    duplicate_logon: Literal["displace", "refuse"] = "displace"
    sequence_check: Literal["strict", "off"] = "strict"
    frame_size_max_in: Annotated[
        int, Meta(ge=limits.FRAME_SIZE_MAX_IN_LEAST_BYTES, le=limits.FRAME_SIZE_MAX_IN_MOST_BYTES)
    ] = limits.FRAME_SIZE_MAX_IN_DEFAULT_BYTES
    resend_depth_bytes: Buffer = 8_388_608
    resend_total_bytes: Buffer = 1_073_741_824
    slow_consumer_bytes: Buffer = 4_194_304
    slow_consumer_ms: Milliseconds = 5_000
    close_linger_ms: MillisecondsOrOff = 1_000
    drain_step_orders: Annotated[int, Meta(ge=1, le=limits.DRAIN_STEP_ORDERS_MOST)] = 2_048
    journal_sync: Literal["none", "interval", "always"] = "interval"
    journal_sync_interval_ms: Milliseconds = 50
    shutdown_timeout_s: Seconds = 10.0
    settlement_time: Annotated[
        str,
        Meta(pattern=r"\A([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ\Z", description='a time of day in UTC, as "08:00:00Z"'),
    ] = "08:00:00Z"
    flap_losses: Annotated[int, Meta(ge=0, le=limits.FLAP_LOSSES_MOST)] = 0
    flap_window_s: Seconds = 60.0
    flap_lockout_ms: Milliseconds = 10_000
    canary_interval_s: SecondsOrOff = 0.0
    cpu: Annotated[int, Meta(ge=-1, le=limits.PROCESSOR_MOST)] = -1
    metrics_port: Port = 0
    admin_socket: str = ""


class RateLimit(Struct, frozen=True, kw_only=True):
    """[gateway.rate_limit]: leaky buckets, requests per second and how many at once."""

    scope: Literal["portfolio", "api_key"] = "portfolio"
    orders_per_s: Rate = 50
    orders_burst: Rate = 50
    mass_quotes_per_s: Rate = 10
    mass_quotes_burst: Rate = 10


class Tls(Struct, frozen=True, kw_only=True):
    """[gateway.tls]: files in PEM form."""

    certificate: Text
    private_key: Text


class Instrument(Struct, frozen=True, kw_only=True):
    """[[instrument]]: one order book. Prices and quantities are counts of 1e-9; None is no limit."""

    id: Id
    symbol: Name
    currency_pair_id: Id
    product_type: ProductType
    tick_size: PositiveMantissa
    lot_size: PositiveMantissa
    min_price: Mantissa | None = None
    max_price: Mantissa | None = None
    max_order_quantity: PositiveMantissa | None = None
    speed_bump_ms: Annotated[int, Meta(ge=0, le=1_000)] = 0
    iceberg_allowed: bool = False
    delta: Mantissa | None = None
    vega: Mantissa | None = None


class Portfolio(Struct, frozen=True, kw_only=True):
    """[[portfolio]]: whose orders they are, and how many of them may be open."""

    id: Id
    max_open_orders: Annotated[int, Meta(ge=1, le=limits.ORDERS_MAX)] = 2_000


class _ApiKeyFields(Struct, frozen=True, kw_only=True):
    client_id: ClientId
    portfolio: Id
    role: Role = "trader"
    portfolio_cancel: bool = True


class ApiKey(_ApiKeyFields, frozen=True, kw_only=True):
    """[[api_key]]: who may log on. Its secret is kept only as a hash, whichever of the two the file has."""

    secret_hash: SecretHash


class _ApiKeyTable(_ApiKeyFields, frozen=True, kw_only=True):
    """[[api_key]] as it stands in the file: with one of the two."""

    secret: Secret | None = None
    secret_hash: SecretHash | None = None


class MmpGroup(Struct, frozen=True, kw_only=True):
    """[[mmp_group]]: market-maker protection, of quotes by `id` or of orders by `currency_pair_id`. Limits in 1e-9."""

    portfolio: Id
    id: Id | None = None
    currency_pair_id: Id | None = None
    quantity_limit: PositiveMantissa | None = None
    delta_limit: PositiveMantissa | None = None
    vega_limit: PositiveMantissa | None = None
    interval_ms: Milliseconds
    frozen_ms: Annotated[int, Meta(ge=limits.MMP_FREEZE_LEAST_MS, le=limits.TIMEOUT_MOST_MS)]

    @property
    def group_id(self) -> int:
        """What its group is named by on the wire: mmpGroupId, or the currencyPairId of a group of orders."""
        return self.id or self.currency_pair_id or 0


class Config(Struct, frozen=True, kw_only=True):
    """The whole file. The tuples keep the order of the file's tables."""

    gateway: Gateway = Gateway()
    rate_limit: RateLimit | None = None
    tls: Tls | None = None
    instruments: tuple[Instrument, ...] = ()
    portfolios: tuple[Portfolio, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()
    mmp_groups: tuple[MmpGroup, ...] = ()


NOT_BUILT: Final = ("gateway.tls",)
"""Settings of features that are not built yet: refused unless they have their default value, tables unless absent."""

# Loading ------------------------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> Config:
    """The configuration in a file.

    Raises:
        ConfigError: naming everything that is wrong with it, each with its place.
    """
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise ConfigError(os.fspath(path), [Problem("", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(os.fspath(path), [Problem("", f"wanted UTF-8, but byte {error.start} is not")]) from None
    return parse(text, os.fspath(path))


def parse(text: str, source: str = "configuration") -> Config:
    """The configuration in a text; `source` is its name in errors.

    Raises:
        ConfigError: naming everything that is wrong with it, each with its place.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.count(chr(10)) + 1}, the end"
        raise ConfigError(source, [Problem("", f"not TOML: {error}".replace("at end of document", last))]) from None
    reader = _Reader(raw)
    if reader.problems:
        raise ConfigError(source, reader.problems)
    return reader.config()


def development() -> tuple[Config, list[tuple[str, str]]]:
    """The set-up that `breakwire serve` runs without a file, and its keys as (client_id, secret), new each time."""
    keys: list[tuple[str, int, Role]] = [
        ("trader-1", 1, "trader"),
        ("trader-2", 1, "trader"),
        ("drop-copy-1", 1, "drop_copy"),
        ("trader-3", 2, "trader"),
        ("drop-copy-2", 2, "drop_copy"),
    ]
    secrets = [(client_id, generate_secret()) for client_id, _, _ in keys]
    config = Config(
        gateway=Gateway(name="development", data_dir=""),
        instruments=(
            _development_instrument(1, "BTC-PERPETUAL", 1, "futures", "0.5", "0.001"),
            _development_instrument(2, "ETH-PERPETUAL", 2, "futures", "0.05", "0.01"),
            _development_instrument(3, "BTC-25DEC26-100000-C", 1, "options", "0.0001", "0.1"),
            _development_instrument(4, "BTC_USDC", 1, "spot", "0.01", "0.0001"),
        ),
        portfolios=(Portfolio(id=1), Portfolio(id=2)),
        mmp_groups=tuple(
            MmpGroup(id=1, portfolio=portfolio, quantity_limit=mantissa("100"), interval_ms=1_000, frozen_ms=1_000)
            for portfolio in (1, 2)
        ),
        api_keys=tuple(
            ApiKey(client_id=client_id, portfolio=portfolio, role=role, secret_hash=hash_secret(secret))
            for (client_id, portfolio, role), (_, secret) in zip(keys, secrets, strict=True)
        ),
    )
    return config, secrets


def _development_instrument(
    id: int, symbol: str, currency_pair_id: int, product_type: ProductType, tick_size: str, lot_size: str
) -> Instrument:
    return Instrument(
        id=id,
        symbol=symbol,
        currency_pair_id=currency_pair_id,
        product_type=product_type,
        tick_size=mantissa(tick_size),
        lot_size=mantissa(lot_size),
    )


_Values = dict[str, Any]


class _Table(NamedTuple):
    """A table of the file: its place, and those of its values that are right. `raw` is as tomllib made it."""

    place: str
    raw: Any
    values: _Values


_TABLES: Final[dict[str, type[Struct]]] = {"gateway": Gateway, "gateway.rate_limit": RateLimit, "gateway.tls": Tls}
_ARRAYS: Final[dict[str, type[Struct]]] = {
    "instrument": Instrument,
    "portfolio": Portfolio,
    "api_key": _ApiKeyTable,
    "mmp_group": MmpGroup,
}
_COUNT_MAX: Final = {
    "instrument": limits.INSTRUMENTS_MAX,
    "portfolio": limits.PORTFOLIOS_MAX,
    "api_key": limits.API_KEYS_MAX,
    "mmp_group": limits.MMP_GROUPS_MAX,
}
_CANARY_HAS: Final = frozenset({"instrument", "portfolio", "api_key"})
"""Tables of which the canary has one of its own, although not in the file."""


class _Reader:
    """Reads every table of a parsed file, then what must hold between them, and collects the problems on the way.

    Until it is known that there are none a table is a dict of the values that are right: one error in a table must
    neither hide the others nor make a reference to that table look wrong.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        self.problems = unknown_keys(raw, ["gateway", *_ARRAYS])
        self._tables: dict[str, list[_Table]] = {}
        for name, table in _single_tables(raw).items():
            self._tables[name] = [] if table is None else [self._read(_TABLES[name], name, table)]
        for name, struct in _ARRAYS.items():
            self._tables[name] = [
                self._read(struct, f"{name}[{index}]", table)
                for index, table in enumerate(array_of_tables(raw.get(name, []), name, self.problems))
            ]
        for name in NOT_BUILT:
            self._check_not_built(name)
        for name in _COUNT_MAX:
            self._check_count(name)
        self._check_heartbeat()
        self._check_canary()
        self._check_ports()
        self._check_cpu()
        self._check_price_bands()
        self._check_icebergs()
        self._check_unique("instrument", "id")
        self._check_unique("instrument", "symbol")
        self._check_unique("portfolio", "id")
        self._check_unique("api_key", "client_id")
        self._check_unique("mmp_group", "portfolio", "id")
        self._check_unique("mmp_group", "portfolio", "currency_pair_id")
        self._check_reference("api_key", "portfolio")
        self._check_reference("mmp_group", "portfolio")
        self._check_secrets()
        self._check_mmp_groups()

    def config(self) -> Config:
        """The tree. Only when there are no problems."""
        (gateway,) = self._tables["gateway"]
        if "logon_timeout_s" not in gateway.raw:
            gateway.values["logon_timeout_s"] = 2.0 * gateway.values["heartbeat_interval_s"]
        return Config(
            gateway=Gateway(**gateway.values),
            rate_limit=next((RateLimit(**values) for values in self._values("gateway.rate_limit")), None),
            tls=next((Tls(**values) for values in self._values("gateway.tls")), None),
            instruments=tuple(Instrument(**values) for values in self._values("instrument")),
            portfolios=tuple(Portfolio(**values) for values in self._values("portfolio")),
            api_keys=tuple(_api_key(values) for values in self._values("api_key")),
            mmp_groups=tuple(MmpGroup(**values) for values in self._values("mmp_group")),
        )

    def _values(self, name: str) -> list[_Values]:
        return [table.values for table in self._tables[name]]

    def _read(self, struct: type[Struct], place: str, raw: object) -> _Table:
        return _Table(place, raw, read_table(struct, raw, place, self.problems))

    def _problem(self, place: str, wanted: str, was: object = None) -> None:
        self.problems.append(Problem(place, wanted, "" if was is None else shown(was)))

    # Checks that hold for every table ---------------------------------------------------------------------------------

    def _check_count(self, name: str) -> None:
        has_canary = any(values.get("canary_interval_s") for values in self._values("gateway"))
        most = _COUNT_MAX[name] - (has_canary and name in _CANARY_HAS)
        if len(self._tables[name]) > most:
            self._problem(name, f"wanted at most {most} tables", len(self._tables[name]))

    def _check_not_built(self, name: str) -> None:
        for table in self._tables.get(name, []):
            self._problem(table.place, "this table's feature is not built yet: wanted no such table")
        if name in self._tables:
            return
        owner, _, key = name.rpartition(".")
        default = next(field.default for field in structs.fields((_TABLES | _ARRAYS)[owner]) if field.name == key)
        for place, raw, values in self._tables[owner]:
            if values.get(key, default) != default:
                wanted = "no such key" if default is None else f"its default, {shown(default)}"
                self._problem(f"{place}.{key}", f"this setting's feature is not built yet: wanted {wanted}", raw[key])

    def _check_unique(self, name: str, *keys: str) -> None:
        first: dict[tuple[object, ...], str] = {}
        for place, _, values in self._tables[name]:
            own = tuple(values.get(key) for key in keys)
            if None in own:
                continue
            if own in first:
                words = " in its portfolio" if len(keys) > 1 else ""
                self._problem(
                    f"{place}.{keys[-1]}", f"wanted one that no other has{words}, but {first[own]} has it", own[-1]
                )
            first.setdefault(own, place)

    def _check_reference(self, name: str, key: str) -> None:
        known = {values.get("id") for values in self._values("portfolio")}
        if None in known:
            return  # a portfolio whose id is wrong may be the one that is meant
        for place, _, values in self._tables[name]:
            if key in values and values[key] not in known:
                self._problem(f"{place}.{key}", "wanted the id of a [[portfolio]]", values[key])

    # Contradictions of single tables ----------------------------------------------------------------------------------

    def _check_heartbeat(self) -> None:
        for place, _, values in self._tables["gateway"]:
            probe, lapse = values.get("heartbeat_probe_factor"), values.get("heartbeat_lapse_factor")
            if probe is not None and lapse is not None and lapse <= probe:
                self._problem(
                    f"{place}.heartbeat_lapse_factor", f"wanted more than heartbeat_probe_factor, {shown(probe)}", lapse
                )

    def _check_canary(self) -> None:
        for place, raw, values in self._tables["gateway"]:
            if 0 < values.get("canary_interval_s", 0) < limits.CANARY_INTERVAL_LEAST_S:
                self._problem(
                    f"{place}.canary_interval_s",
                    f"wanted 0 or at least {limits.CANARY_INTERVAL_LEAST_S}",
                    raw["canary_interval_s"],
                )

    def _check_ports(self) -> None:
        for place, _, values in self._tables["gateway"]:
            if values.get("port") and values["port"] == values.get("metrics_port"):
                self._problem(f"{place}.metrics_port", "wanted another port than that of the gateway", values["port"])

    def _check_cpu(self) -> None:
        usable = sorted(os.sched_getaffinity(0))
        for place, _, values in self._tables["gateway"]:
            if values.get("cpu", -1) != -1 and values["cpu"] not in usable:
                self._problem(f"{place}.cpu", f"wanted -1 or a processor that may be used, of {usable}", values["cpu"])

    def _check_price_bands(self) -> None:
        for place, raw, values in self._tables["instrument"]:
            least, most = values.get("min_price"), values.get("max_price")
            if least is not None and most is not None and most <= least:
                self._problem(f"{place}.max_price", "wanted more than min_price", raw["max_price"])

    def _check_icebergs(self) -> None:
        for place, _, values in self._tables["instrument"]:
            product_type = values.get("product_type")
            if values.get("iceberg_allowed") and product_type not in (None, "futures", "spot"):
                self._problem(f"{place}.iceberg_allowed", f"wanted false for product_type {product_type}", True)

    def _check_secrets(self) -> None:
        for place, _, values in self._tables["api_key"]:
            if "secret" not in values or "secret_hash" not in values:
                continue  # one of them is wrong and has been told
            if (values["secret"] is None) == (values["secret_hash"] is None):
                had = "neither" if values["secret"] is None else "both"
                self._problem(place, f"wanted one of secret and secret_hash, but it has {had}")

    def _check_mmp_groups(self) -> None:
        for place, _, values in self._tables["mmp_group"]:
            if values.keys() >= {"id", "currency_pair_id"} and (values["id"] is None) == (
                values["currency_pair_id"] is None
            ):
                had = "neither" if values["id"] is None else "both"
                self._problem(
                    place, f"wanted one of id (for quotes) and currency_pair_id (for orders), but it has {had}"
                )
            bounds = ("quantity_limit", "delta_limit", "vega_limit")
            if all(key in values and values[key] is None for key in bounds):
                self._problem(place, f"wanted at least one of {', '.join(bounds)}")
            for name in ("delta", "vega"):
                if values.get(f"{name}_limit") is not None and not self._protects(name, values):
                    self._problem(
                        f"{place}.{name}_limit", f"wanted none, since no instrument of the group has a {name}"
                    )

    def _protects(self, name: str, group: _Values) -> bool:
        """Whether a limit of delta or vega can ever be reached; a value that is wrong may have been one that counts."""
        pair = group.get("currency_pair_id")
        return any(
            values.get(name, 1) and pair in (None, values.get("currency_pair_id", pair))
            for values in self._values("instrument")
        )


def _single_tables(raw: dict[str, Any]) -> dict[str, object]:
    """[gateway] and the tables inside it, by their full names; None where there is none. [gateway] may be left out."""
    gateway = raw.get("gateway", {})
    if not isinstance(gateway, dict):
        return dict.fromkeys(_TABLES) | {"gateway": gateway}
    inner = {name: gateway.get(name.removeprefix("gateway.")) for name in _TABLES if name != "gateway"}
    own = {key: value for key, value in gateway.items() if f"gateway.{key}" not in inner}
    return {"gateway": own, **inner}


def _api_key(values: _Values) -> ApiKey:
    """The key as the tree has it: the plain secret of a development set-up ends here."""
    secret = values.pop("secret")
    if secret is not None:
        values["secret_hash"] = hash_secret(secret)
    return ApiKey(**values)
