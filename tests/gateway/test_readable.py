"""gateway/readable.py: decoded messages as people and programs read them."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.captures import golden_frames

from codec import messages, wire
from codec.layout import MESSAGES
from codec.values import INT64_NULL, Decimal72
from gateway.readable import decimal_text, lines_of, plain_text, readable, sender_of, time_text, value_problem

HEADER: dict[str, Any] = {
    "flags": [],
    "version": 17,
    "sequence_number": 2,
    "last_processed_seq_no": 1,
    "send_time": "2027-01-15T08:00:00.000000007Z",
}
SENT: dict[str, Any] = {"sequence_number": 2, "last_processed_seq_no": 1, "send_time_ns": 1_800_000_000_000_000_007}


def read(name: str, fields: dict[str, Any], **header: Any) -> dict[str, Any]:
    return readable(messages.decode(wire.encode(name, fields, **(SENT | header))))


@pytest.mark.parametrize(
    ("mantissa", "exponent", "text"),
    [
        (0, -9, "0"),
        (0, 3, "0"),
        (100_500_000_000, -9, "100.5"),
        (1, -9, "0.000000001"),
        (-1, -9, "-0.000000001"),
        (-7_500_000_000, -9, "-7.5"),
        (1_000_000_000, -9, "1"),
        (10, 0, "10"),
        (10, 2, "1000"),
        (2**63 - 1, -9, "9223372036.854775807"),
        (1, -128, "0." + "0" * 127 + "1"),
        (9, 127, "9" + "0" * 127),
    ],
)
def test_a_decimal_is_written_exactly(mantissa: int, exponent: int, text: str) -> None:
    assert decimal_text(mantissa, exponent) == text


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-128, 127))
def test_any_decimal_is_read_back_as_the_same_number(mantissa: int, exponent: int) -> None:
    text = decimal_text(mantissa, exponent)
    assert Decimal(text).as_tuple() == Decimal(text).normalize().as_tuple() or "." not in text
    assert Decimal(text) == Decimal((mantissa < 0, tuple(map(int, str(abs(mantissa)))), exponent))


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_800_000_000_123_456_789, "2027-01-15T08:00:00.123456789Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (-(2**63), "1677-09-21T00:12:43.145224192Z"),
    ],
)
def test_a_time_is_written_with_all_its_nanoseconds(time_ns: int, text: str) -> None:
    assert time_text(time_ns) == text


def test_bytes_that_are_not_ascii_are_written_as_escapes() -> None:
    assert plain_text(b"caf\xc3\xa9".decode("ascii", "surrogateescape")) == "caf\\xc3\\xa9"


def test_a_request_is_read_with_decimals_names_and_flags() -> None:
    fields = {
        "client_order_id": 2**63 - 1,
        "correlation_id": 7,
        "instrument_id": 1,
        "price": 100_500_000_000,
        "quantity": Decimal72(25, -2),
        "side": -1,
        "time_in_force": 0,
        "flags": 6,
        "self_trading_mode": 1,
    }

    assert read("NewOrderRequest", fields) == {
        "message": "NewOrderRequest",
        "header": HEADER | {"message_length": 96, "message_type_id": 100},
        "fields": {
            "client_order_id": 2**63 - 1,
            "correlation_id": 7,
            "instrument_id": 1,
            "price": "100.5",
            "quantity": "0.25",
            "show_qty": None,
            "self_match_prevention_id": None,
            "side": "SELL",
            "time_in_force": "GTC",
            "flags": ["POST_ONLY", "POST_ONLY_REJECT"],
            "self_trading_mode": "CANCEL_MAKER",
        },
    }


def test_values_that_the_schema_does_not_name_stay_numbers() -> None:
    one = read("NewOrderRequest", {"side": 5, "time_in_force": 3, "flags": 0x8001, "self_trading_mode": -128}, flags=3)

    assert [one["fields"][name] for name in ("side", "time_in_force", "flags", "self_trading_mode")] == [
        *(5, "3_DAYS", ["CANCEL_ON_DISCONNECT", 0x8000], -128)
    ]
    assert one["header"]["flags"] == ["RESEND", 2]


def test_a_null_is_told_even_where_the_field_must_not_be_null() -> None:
    fields = read("AmendOrderRequest", {"price": INT64_NULL, "quantity": Decimal72(INT64_NULL, 0)})["fields"]

    assert (fields["price"], fields["quantity"], fields["show_qty"]) == (None, None, None)


def test_a_number_that_json_does_not_have_is_written_as_text() -> None:
    fields = read("OrdersMmpTriggered", {"quantity_level": 1.5, "delta_level": float("nan"), "vega_level": -1e999})[
        "fields"
    ]

    assert [fields[name] for name in ("quantity_level", "delta_level", "vega_level")] == [1.5, "nan", "-inf"]


def test_no_secret_is_ever_written() -> None:
    fields = read(
        "Logon", {"client_id": "maker-1", "secret": "open sesame", "reset_seq_num": 1, "cancel_on_disconnect": 2}
    )

    assert fields["fields"] == {
        "client_id": "maker-1",
        "secret": "***",
        "reset_seq_num": True,
        "schema_version": 0,
        "cancel_on_disconnect": 2,
    }
    assert "sesame" not in "\n".join(lines_of(fields))


@pytest.mark.parametrize(
    ("frame", "enclosed"),
    [
        (
            wire.encode("OrdersCanceled", {"orders": [{"order_id": 5, "cancel_reason": 7}]}, **SENT),
            {
                "message": "OrdersCanceled",
                "header": HEADER | {"message_length": 88, "message_type_id": 310},
                "fields": {
                    "timestamp": "1970-01-01T00:00:00.000000000Z",
                    "exec_id": 0,
                    "flags": [],
                    "orders": [
                        {
                            "client_order_id": 0,
                            "order_id": 5,
                            "instrument_id": 0,
                            "total_filled": "0",
                            "cancel_reason": "CLIENT_DISCONNECT",
                            "flags": [],
                        }
                    ],
                },
            },
        ),
        (b"\xdb", {"problem": {"offset": 2, "detail": "wanted a frame of 32 bytes or more, was 1"}}),
        (
            wire.encode("DropCopyEvent", {}),
            {"problem": {"offset": 0, "detail": "DropCopyEvent cannot be enclosed"}},
        ),
    ],
    ids=["a sound frame", "bad bytes", "another event"],
)
def test_the_frame_inside_a_drop_copy_event_is_read_too(frame: bytes, enclosed: dict[str, Any]) -> None:
    assert read("DropCopyEvent", {"frame": frame})["fields"]["frame"] == enclosed


def test_a_value_in_an_enclosed_frame_that_is_not_allowed_is_told() -> None:
    frame = wire.encode("OrdersCanceled", {"orders": [{"cancel_reason": 99}]})

    assert read("DropCopyEvent", {"frame": frame})["fields"]["frame"]["problem"] == {
        "offset": 86,
        "detail": "orders.cancelReason at offset 86: wanted a value of CancelReason, was 99",
    }


@pytest.mark.parametrize("frame", golden_frames(), ids=lambda frame: frame[4:6].hex())
def test_every_message_is_read_without_a_problem_and_fits_into_json(frame: bytes) -> None:
    message = messages.decode(frame)

    one = readable(message)

    assert value_problem(frame, message) is None
    assert msgspec.json.decode(msgspec.json.encode(one)) == one


@pytest.mark.parametrize(
    ("name", "present", "absent", "version"),
    [
        ("LogonConf", ["heartbeat_interval_seconds"], ["schema_version"], 12),
        ("CancelOrderResponse", ["receive_time"], ["quantity", "total_filled"], 16),
        ("OrderPlaced", ["cancel_reason"], ["correlation_id"], 8),
    ],
)
def test_a_field_that_a_frame_of_the_server_is_too_old_for_is_left_out(
    name: str, present: list[str], absent: list[str], version: int
) -> None:
    old, new = (
        read(name, {}, version=one, root_version=one)["fields"].keys() & {*present, *absent}
        for one in (version - 1, version)
    )

    assert (old, new) == ({*present}, {*present, *absent})


def test_a_field_that_a_frame_of_a_client_is_too_short_for_is_left_out() -> None:
    lengths = {}
    for version, length in ((1, 97), (12, 99), (13, 100), (1, 104)):
        one = read("Logon", {"client_id": "maker-1"}, version=17, root_version=version, padded=length % 8 == 0)
        lengths[length] = (one["header"]["message_length"], list(one["fields"])[2:])

    assert lengths == {
        97: (97, ["reset_seq_num"]),
        99: (99, ["reset_seq_num", "schema_version"]),
        100: (100, ["reset_seq_num", "schema_version", "cancel_on_disconnect"]),
        104: (104, ["reset_seq_num", "schema_version", "cancel_on_disconnect"]),
    }


def test_every_message_has_a_sender() -> None:
    senders = {message.name: sender_of(message.name) for message in MESSAGES}

    assert [name for name, sender in senders.items() if sender is None] == ["Heartbeat", "TestRequest"]
    assert (senders["NewOrderRequest"], senders["NewOrderResponse"]) == ("client", "server")


def test_a_frame_is_written_as_a_line_for_the_header_one_for_the_root_and_one_for_each_entry() -> None:
    canceled = wire.encode(
        "OrdersCanceled",
        {"exec_id": 9, "flags": 1, "orders": [{"order_id": 5, "cancel_reason": 7}, {"order_id": 6, "flags": 1}]},
        **SENT,
    )
    event = read("DropCopyEvent", {"origin_client_id": "maker 1", "origin_sequence_number": None, "frame": canceled})

    assert list(lines_of(event | {"problem": {"offset": 3, "detail": "such as this"}})) == [
        "DropCopyEvent flags=none message_length=208 message_type_id=4050 version=17 sequence_number=2"
        " last_processed_seq_no=1 send_time=2027-01-15T08:00:00.000000007Z",
        '    origin_client_id="maker 1" portfolio_id=0 session_epoch=0 origin_sequence_number=null',
        "    frame:",
        "        OrdersCanceled flags=none message_length=128 message_type_id=310 version=17 sequence_number=2"
        " last_processed_seq_no=1 send_time=2027-01-15T08:00:00.000000007Z",
        "            timestamp=1970-01-01T00:00:00.000000000Z exec_id=9 flags=IS_LAST_MESSAGE",
        "            orders[0] client_order_id=0 order_id=5 instrument_id=0 total_filled=0"
        " cancel_reason=CLIENT_DISCONNECT flags=none",
        "            orders[1] client_order_id=0 order_id=6 instrument_id=0 total_filled=0"
        " cancel_reason=UNKNOWN flags=IS_QUOTE",
        "    problem at offset 3 of this frame: such as this",
    ]


def test_text_that_could_be_taken_for_something_else_stands_in_quotes() -> None:
    reason = '\x1b[2J until "tomorrow"\n=5'

    assert list(lines_of(read("LoggedOut", {"reason": reason})))[1] == (
        '    reason="\\u001b[2J until \\"tomorrow\\"\\n=5"'
    )
    assert list(lines_of(read("LoggedOut", {"reason": ""})))[1] == '    reason=""'
