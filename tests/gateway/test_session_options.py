"""SessionOptionsRequest (4000): what a connection asks for, and for how long it has it."""

from support.core_driver import CoreDriver
from support.receipts import asking, copied, with_orders

from codec.layout import SessionOptions


def test_unknown_options_come_back_off() -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    maker.send("SessionOptionsRequest", correlation_id=7, options=0xFFFF)
    maker.send("SessionOptionsRequest", correlation_id=8, options=0xFFFE)
    answers = [fields for _, name, fields in maker.read() if name == "SessionOptionsResponse"]
    assert answers == [
        {"correlation_id": 7, "session_epoch": 1, "options": SessionOptions.RECEIPTS},
        {"correlation_id": 8, "session_epoch": 1, "options": 0},
    ]


def test_the_last_request_decides() -> None:
    driver = CoreDriver()
    maker = asking(driver, "maker-1")
    maker.send("SessionOptionsRequest", correlation_id=2, options=0)
    maker.half_close()
    driver.settle()
    assert maker.names() == ["SessionOptionsResponse"]


def test_options_are_off_at_every_logon_and_the_epoch_counts_them() -> None:
    driver = CoreDriver()
    asking(driver, "maker-1").lose()
    driver.settle()
    again = driver.logged_on("maker-1", reset=False, number=3)
    again.half_close()
    driver.settle()
    assert again.names() == []
    third = driver.logged_on("maker-1", reset=False, number=4)
    third.send("SessionOptionsRequest", correlation_id=9, options=1)
    assert third.read() == [(6, "SessionOptionsResponse", {"correlation_id": 9, "session_epoch": 3, "options": 1})]


def test_a_drop_copy_session_may_not_ask() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    watcher.send("SessionOptionsRequest", correlation_id=1, options=1)
    ((_, name, fields),) = watcher.read()
    assert (name, fields["reason"]) == ("Reject", 5)


def test_a_receipt_is_resent_byte_for_byte_and_the_answer_to_options_is_not() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    with_orders(asking(driver, "maker-1"), 1).lose()
    driver.settle()
    shown = {number: frame for _, number, frame in copied(watcher)}
    again = driver.logged_on("maker-1", reset=False, number=4)
    again.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    resent = again.take()
    assert [(frame.header.sequence_number, frame.name) for frame in resent] == [
        (1, "GapFill"),
        (3, "NewOrderResponse"),
        (4, "OrdersCanceled"),
        (5, "CancelOnDisconnectReceipt"),
        (6, "GapFill"),
    ]
    assert [frame.fields for frame in resent[1:4]] == [shown[number].fields for number in (3, 4, 5)]
