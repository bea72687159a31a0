"""The demo's set: its gateway's configuration, who is there, and what they trade. Amounts are counts of 1e-9."""

from typing import Any, Final

HEARTBEAT_INTERVAL_S: Final = 1
LAPSE_FACTOR: Final = 1.5

MAKER: Final = "maker"
TAKER: Final = "taker"
BYSTANDER: Final = "bystander"
WATCHER: Final = "watcher"
PORTFOLIO_OF: Final = {MAKER: 1, BYSTANDER: 1, WATCHER: 1, TAKER: 2}

BUY: Final = 1
SELL: Final = -1
UNIT: Final = 1_000_000_000
INSTRUMENTS: Final = (1, 2, 3)
MIDDLE: Final = 1000 * UNIT
TICK: Final = UNIT // 2
MAKER_LEVELS: Final = 50
BYSTANDER_LEVELS: Final = 10
BYSTANDER_DISTANCE: Final = 400 * UNIT
TAKEN: Final = 24 * UNIT // 10
SHOT: Final = UNIT // 10

Record = dict[str, Any]


def configuration(secrets: dict[str, str]) -> str:
    """The gateway, as TOML: any free port, nothing kept, heartbeats quick enough to watch."""
    tables = [
        f"""\
[gateway]
name = "demo"
host = "127.0.0.1"
port = 0
data_dir = ""
heartbeat_interval_s = {HEARTBEAT_INTERVAL_S}
heartbeat_lapse_factor = {LAPSE_FACTOR}
"""
    ]
    for instrument in INSTRUMENTS:
        tables.append(f"""\
[[instrument]]
id = {instrument}
symbol = "DEMO-{instrument}"
currency_pair_id = {instrument}
product_type = "futures"
tick_size = "0.5"
lot_size = "0.1"
""")
    for portfolio in sorted(set(PORTFOLIO_OF.values())):
        tables.append(f"[[portfolio]]\nid = {portfolio}\nmax_open_orders = 2000\n")
    for client_id, portfolio in PORTFOLIO_OF.items():
        tables.append(f"""\
[[api_key]]
client_id = "{client_id}"
portfolio = {portfolio}
role = "{"drop_copy" if client_id == WATCHER else "trader"}"
secret = "{secrets[client_id]}"
""")
    return "\n".join(tables)


def maker_orders() -> list[Record]:
    """One unit on each of `MAKER_LEVELS` prices, both sides of every instrument, from the middle outwards."""
    return _ladder(MAKER_LEVELS, 0)


def bystander_orders() -> list[Record]:
    """The same further out, where no price of the taker reaches."""
    return _ladder(BYSTANDER_LEVELS, BYSTANDER_DISTANCE)


def taker_orders() -> list[Record]:
    """Against each side of every instrument: two of the maker's orders in full and part of a third."""
    return _against(TAKEN)


def shots() -> list[Record]:
    """A tenth of an order against each side of every instrument."""
    return _against(SHOT)


def _ladder(levels: int, distance: int) -> list[Record]:
    return [
        _order(instrument, side, MIDDLE - side * (distance + level * TICK), UNIT)
        for level in range(1, levels + 1)
        for instrument in INSTRUMENTS
        for side in (BUY, SELL)
    ]


def _against(quantity: int) -> list[Record]:
    """At the price of the maker's last level, so that any of its orders would do."""
    reach = MAKER_LEVELS * TICK
    return [
        _order(instrument, side, MIDDLE + side * reach, quantity) for instrument in INSTRUMENTS for side in (BUY, SELL)
    ]


def _order(instrument: int, side: int, price: int, quantity: int) -> Record:
    return {"instrument_id": instrument, "side": side, "price": price, "quantity": quantity}
