"""How receipts of cancel on disconnect, and the options of a connection, come onto the wire."""

from support.play import Play
from support.wire_receipts import RECEIPTS, receipt

LOGOUT = 4


def options(play: Play) -> None:
    play.send("SessionOptionsRequest", {"correlationId": 9, "options": 0xFFFF})
    play.told(("SessionOptionsResponse", {"correlationId": 9, "sessionEpoch": 1, "options": RECEIPTS}))


def receipts(play: Play) -> None:
    options(play)
    _, order_id = play.rest(1)
    play.send("Logout", {"reason": "done-for-today"})
    gone = play.gone(1, order_id, reason=7)
    cancel = play.told(("OrdersCanceled", {"flags": 1, "orders": [gone]}))
    told = receipt(
        f"maker-{play.stage.number}",
        LOGOUT,
        [gone],
        (cancel.number, cancel.number),
        portfolioId=play.stage.portfolio_id,
    )
    play.told(told)
    play.told(("LoggedOut", {"reason": "logout"}))


PLAYS = {
    "SessionOptionsRequest": options,
    "SessionOptionsResponse": options,
    "CancelOnDisconnectReceipt": receipts,
}
