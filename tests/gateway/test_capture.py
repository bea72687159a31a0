"""gateway/capture.py: TCP segments out of capture files, plain packets with the same outcome as all others."""

import io
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import captures
from support.captures import (
    CLIENT,
    ETHERNET,
    GATEWAY,
    LINUX_COOKED,
    LINUX_COOKED_2,
    RAW,
    TIME_NS,
    ethernet,
    ipv4,
    ipv6,
    linux_cooked,
    linux_cooked_2,
    packet_of,
    pcap,
    pcapng,
    tcp,
)

from gateway.capture import MAGICS, Dissector, Packet, packets, plain_segments, segments
from gateway.errors import CaptureError
from gateway.limits import CAPTURE_FRAGMENTED_PACKETS_MAX, CAPTURE_PACKET_MAX_BYTES
from gateway.segments import Segment

CLIENT_6, GATEWAY_6 = ("fd00::1", 50_000), ("fd00::2", 4_210)
SEGMENT = Segment(TIME_NS, "10.0.0.1:50000", "10.0.0.2:4210", 1_000, False, b"payload")
SEGMENT_6 = SEGMENT._replace(source="[fd00::1]:50000", destination="[fd00::2]:4210")
IP_PACKET = ipv4(CLIENT, GATEWAY, tcp(CLIENT, GATEWAY, 1_000, b"payload"))
IP_PACKET_6 = ipv6(CLIENT_6, GATEWAY_6, tcp(CLIENT_6, GATEWAY_6, 1_000, b"payload"))


def fragments_of(packet: bytes, size: int = 24) -> list[bytes]:
    """An IPv4 packet cut into fragments with `size` bytes of content each; the first has the whole TCP header."""
    content = packet[20:]
    starts = range(0, len(content), size)
    return [
        ipv4(CLIENT, GATEWAY, content[start : start + size], fragment=(start != starts[-1]) << 13 | start // 8)
        for start in starts
    ]


@pytest.mark.parametrize(
    ("link_type", "data", "expected"),
    [
        pytest.param(ETHERNET, ethernet(IP_PACKET), [SEGMENT], id="Ethernet"),
        pytest.param(ETHERNET, ethernet(IP_PACKET_6), [SEGMENT_6], id="Ethernet, IPv6"),
        pytest.param(LINUX_COOKED, linux_cooked(IP_PACKET), [SEGMENT], id="Linux cooked"),
        pytest.param(LINUX_COOKED_2, linux_cooked_2(IP_PACKET), [SEGMENT], id="Linux cooked, version 2"),
        pytest.param(RAW, IP_PACKET, [SEGMENT], id="raw IP"),
        pytest.param(
            ETHERNET,
            packet_of(CLIENT, GATEWAY, 2**32 - 1, b"", captures.SYN),
            [SEGMENT._replace(sequence=0, is_first=True, payload=b"")],
            id="a SYN, whose number stands in front of the first byte",
        ),
        pytest.param(
            ETHERNET,
            packet_of(CLIENT, GATEWAY, 1_000, b""),
            [SEGMENT._replace(payload=b"")],
            id="filled up to the least length of Ethernet",
        ),
        pytest.param(ETHERNET, ethernet(IP_PACKET)[:-3], [SEGMENT._replace(payload=b"payl")], id="cut by the capture"),
        pytest.param(ETHERNET, ethernet(ipv4(CLIENT, GATEWAY, bytes(30), protocol=17)), [], id="UDP"),
        pytest.param(ETHERNET, ethernet(ipv6(CLIENT_6, GATEWAY_6, bytes(30), protocol=17)), [], id="UDP, IPv6"),
    ],
)
def test_a_plain_packet_is_read_as_scapy_reads_it(link_type: int, data: bytes, expected: list[Segment]) -> None:
    packet = Packet(TIME_NS, link_type, data)

    assert plain_segments(packet) == expected
    assert Dissector().segments(packet) == expected


def with_ip_options(packet: bytes) -> bytes:
    return b"\x46" + packet[1:2] + (len(packet) + 4).to_bytes(2, "big") + packet[4:20] + bytes(4) + packet[20:]


@pytest.mark.parametrize(
    ("link_type", "data", "expected"),
    [
        pytest.param(ETHERNET, ethernet(IP_PACKET, tags=[5]), [SEGMENT], id="a VLAN tag"),
        pytest.param(ETHERNET, ethernet(IP_PACKET, tags=[5, 6]), [SEGMENT], id="two VLAN tags"),
        pytest.param(0, b"\x02\0\0\0" + IP_PACKET, [SEGMENT], id="BSD loopback"),
        pytest.param(
            ETHERNET, ethernet(ipv4(("1.1.1.1", 0), ("2.2.2.2", 0), IP_PACKET, protocol=4)), [SEGMENT], id="IP in IP"
        ),
        pytest.param(
            ETHERNET,
            ethernet(ipv6(CLIENT_6, GATEWAY_6, b"\x06" + bytes(7) + IP_PACKET_6[40:], protocol=60)),
            [SEGMENT_6],
            id="an extension header of IPv6",
        ),
        pytest.param(ETHERNET, bytes(12) + b"\x08\x06" + bytes(28), [], id="ARP"),
        pytest.param(147, IP_PACKET, [], id="an unknown link type"),
        pytest.param(ETHERNET, ethernet(IP_PACKET)[:20], [], id="cut within its headers"),
        pytest.param(ETHERNET, b"", [], id="empty"),
    ],
)
def test_a_packet_that_is_not_plain_is_left_to_scapy(link_type: int, data: bytes, expected: list[Segment]) -> None:
    packet = Packet(TIME_NS, link_type, data)

    assert plain_segments(packet) is None
    assert Dissector().segments(packet) == expected


def test_options_of_ip_and_tcp_are_no_payload() -> None:
    segment = tcp(CLIENT, GATEWAY, 1_000, b"payload")
    with_tcp_options = ipv4(CLIENT, GATEWAY, segment[:12] + b"\x80" + segment[13:20] + b"\1" * 12 + segment[20:])
    both = [Packet(TIME_NS, RAW, with_ip_options(packet)) for packet in (IP_PACKET, with_tcp_options)]

    assert [plain_segments(packet) for packet in both] == [[SEGMENT], [SEGMENT]]
    assert [Dissector().segments(packet) for packet in both] == [[SEGMENT], [SEGMENT]]


@given(st.data())
def test_a_packet_of_any_bytes_is_read_or_left_out(data: st.DataObject) -> None:
    link_type, packet = data.draw(
        st.sampled_from(
            [
                (ETHERNET, ethernet(IP_PACKET)),
                (ETHERNET, ethernet(IP_PACKET_6)),
                (ETHERNET, ethernet(IP_PACKET, tags=[5])),
                (LINUX_COOKED, linux_cooked(IP_PACKET)),
                (RAW, IP_PACKET),
            ]
        )
    )
    content = bytearray(packet)
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[position] = data.draw(st.integers(0, 255))
    cut = Packet(TIME_NS, link_type, bytes(content[: data.draw(st.integers(0, len(content)))]))

    both = plain_segments(cut) or [], Dissector().segments(cut)

    assert all(isinstance(one, Segment) and len(one.payload) < len(cut.data) for found in both for one in found)


def test_a_length_that_was_left_to_the_network_card_is_that_of_the_packet() -> None:
    without_length = IP_PACKET[:2] + bytes(2) + IP_PACKET[4:]

    assert plain_segments(Packet(TIME_NS, RAW, without_length)) == [SEGMENT]


def test_fragments_of_a_packet_are_put_together() -> None:
    file = pcap(map(ethernet, fragments_of(IP_PACKET)))

    assert list(segments(io.BytesIO(file))) == [SEGMENT]


def test_fragments_that_are_never_completed_are_forgotten() -> None:
    dissector = Dissector()
    first, *rest = fragments_of(IP_PACKET)
    for number in range(CAPTURE_FRAGMENTED_PACKETS_MAX + 1):
        of_another = first[:4] + number.to_bytes(2, "big") + first[6:12] + b"\x01\x01\x01\x01" + first[16:]
        assert dissector.segments(Packet(TIME_NS, RAW, of_another)) == []

    completed = [dissector.segments(Packet(TIME_NS, RAW, one)) for one in (first, *rest)]

    assert completed == [*[[]] * len(rest), [SEGMENT]]


@pytest.mark.parametrize(
    ("write", "time_ns"),
    [
        pytest.param(lambda some: pcap(some), TIME_NS, id="pcap, nanoseconds"),
        pytest.param(lambda some: pcap(some, nano=False), TIME_NS // 1_000 * 1_000, id="pcap, microseconds"),
        pytest.param(lambda some: pcap(some, order=">"), TIME_NS, id="pcap, big-endian"),
        pytest.param(lambda some: pcap(some, order=">", nano=False), TIME_NS // 1_000 * 1_000, id="pcap, both"),
    ],
)
def test_a_pcap_file_is_read_in_every_form(write: Callable[[list[bytes]], bytes], time_ns: int) -> None:
    file = write([ethernet(IP_PACKET), b"", ethernet(IP_PACKET_6)])

    assert file[:4] in MAGICS
    assert list(packets(io.BytesIO(file))) == [
        Packet(time_ns, ETHERNET, data) for data in (ethernet(IP_PACKET), b"", ethernet(IP_PACKET_6))
    ]


def test_a_pcapng_file_is_read_with_the_times_that_it_has() -> None:
    file = pcapng([ethernet(IP_PACKET), ethernet(IP_PACKET_6), ethernet(IP_PACKET)])

    assert file[:4] in MAGICS
    assert list(segments(io.BytesIO(file))) == [SEGMENT, SEGMENT_6, SEGMENT._replace(time_ns=None)]


def test_a_packet_that_the_sending_machine_put_together_is_read_whole() -> None:
    payload = bytes(65_480)
    file = pcap([packet_of(CLIENT, GATEWAY, 1_000, payload)])

    assert list(segments(io.BytesIO(file))) == [SEGMENT._replace(payload=payload)]
    assert len(file) > 65_535
    assert len(file) < CAPTURE_PACKET_MAX_BYTES


def test_a_capture_that_ends_within_a_packet_is_read_to_its_end() -> None:
    file = pcap([ethernet(IP_PACKET), ethernet(IP_PACKET)])

    assert list(segments(io.BytesIO(file[: -len(ethernet(IP_PACKET)) - 5]))) == [SEGMENT]


def test_a_file_that_is_no_capture_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"^not a capture that can be read: "):
        list(segments(io.BytesIO(MAGICS[0])))


def test_without_scapy_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scapy", "scapy.error", "scapy.utils"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(CaptureError, match=r"^reading pcap files needs scapy: pip install 'breakwire\[capture\]'$"):
        list(segments(io.BytesIO(pcap([]))))
