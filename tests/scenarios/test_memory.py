"""Memory does not grow with time or traffic: bounded soaks whose slope must be flat."""

from collections.abc import Callable

from support.connection import Connection, message
from support.frames import order
from support.scene import Scene

# The least depth, so that streams are full, and stop growing, within the first round.
DEPTH_BYTES = 65536
ROUNDS = 6
# A day of heartbeats, one in 5 s each way, is 17,280 of each: every round is more than that.
HEARTBEATS_PER_ROUND = 20_000
ORDERS_PER_ROUND = 5_000
LOGONS_PER_ROUND = 200
# Allocators keep some pages back; what leaks with every message would be far above this.
SLACK_BYTES = 512 * 1024


def flat(scene: Scene, one_round: Callable[[], None]) -> None:
    """Run rounds; after two of them the process must not grow any more."""
    sizes = []
    for _ in range(ROUNDS):
        one_round()
        sizes.append(scene.gateway.resident_bytes())
    assert sizes[-1] - sizes[1] <= SLACK_BYTES, sizes


def counted(connection: Connection, total: int, *lines: str) -> None:
    """Send lines quietly and wait until `total` answers have come in all."""
    connection.process.command(connection.command("quiet", "1"), *lines, connection.command("reached", str(total)))
    assert connection.event()["event"] == "reached"


def test_days_of_heartbeats_need_no_more_memory(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(resend_depth_bytes=DEPTH_BYTES)
    connection = scene.trader("maker-1")
    done = 0

    def one_round() -> None:
        nonlocal done
        done += HEARTBEATS_PER_ROUND
        counted(
            connection,
            done,
            f"repeat {HEARTBEATS_PER_ROUND} send {connection.number} Heartbeat correlationId=0",
            f"repeat {HEARTBEATS_PER_ROUND} send {connection.number} TestRequest correlationId=1",
        )

    flat(scene, one_round)


def test_orders_that_come_and_go_need_no_more_memory(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(resend_depth_bytes=DEPTH_BYTES)
    connection = scene.trader("maker-1")
    done = 0

    def one_round() -> None:
        nonlocal done
        done += 2 * ORDERS_PER_ROUND
        enter = message("NewOrderRequest", order(1 + done, price="1"))
        cancel = message("CancelOrderRequest", {"clientOrderId": 1 + done, "correlationId": 1, "instrumentId": 1})
        counted(
            connection,
            done,
            f"repeat {ORDERS_PER_ROUND} send {connection.number} {enter}",
            f"repeat {ORDERS_PER_ROUND} send {connection.number} {cancel}",
        )

    flat(scene, one_round)


def test_sessions_that_come_and_go_need_no_more_memory(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(resend_depth_bytes=DEPTH_BYTES)

    def one_round() -> None:
        for number in range(LOGONS_PER_ROUND):
            connection = scene.connect()
            connection.logon("maker-1")
            connection.order(order(1, price="1"))
            connection.until(lambda frame: frame.name == "NewOrderResponse")
            connection.do("half_close" if number % 2 else "close")
            connection.to_the_end()

    flat(scene, one_round)
