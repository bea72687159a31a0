"""TCP segments out of pcap and pcapng files.

scapy reads the files, and takes apart every packet that is not plain: VLAN tags, IP in IP, IP fragments, extension
headers, rare link layers. It does so at a few thousand packets a second. The plain ones (TCP or UDP in one unfragmented
IPv4 or IPv6 packet, on Ethernet, on Linux's `any` device or on a raw link) are read here, many times as fast, with the
same outcome. The bytes of a direction are put in order by segments.py and not by scapy's TCPSession: that one, as of
2.8.0, reads zeros where a late segment is to come, loses frames without a word where one is missing, and lets no number
wrap.

scapy is an optional dependency, the extra `capture`.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from gateway.errors import CaptureError
from gateway.limits import CAPTURE_FRAGMENTED_PACKETS_MAX, CAPTURE_PACKET_MAX_BYTES
from gateway.segments import Segment

MAGICS: Final = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a",
)
"""How a pcap file begins, in either byte order, with microseconds or nanoseconds; and a pcapng file."""

_NS_PER_S: Final = 1_000_000_000
_TCP: Final = 6
_UDP: Final = 17
_SYN: Final = 2
_FRAGMENT_BITS: Final = 0x3FFF
"""More fragments to come, or not the first one."""

_TCP_HEAD: Final = struct.Struct(">HHIIBB")
_TCP_LEAST_BYTES: Final = 20
_IPV4_LEAST_BYTES: Final = 20
_IPV6_BYTES: Final = 40
_RAW_LINKS: Final = (12, 101, 228, 229)
_TYPED_LINKS: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Link type of a capture: where the EtherType stands, where the IP packet begins."""
_IPV4_TYPE: Final = b"\x08\x00"
_IPV6_TYPE: Final = b"\x86\xdd"


class Packet(NamedTuple):
    """A packet as it stands in the capture; `time_ns` since the Unix epoch, None where the capture does not say."""

    time_ns: int | None
    link_type: int
    data: bytes


def segments(file: BinaryIO) -> Iterator[Segment]:
    """The TCP segments of a capture file, in its order. Packets that are no TCP are left out.

    Raises:
        CaptureError: when scapy is not installed, or the file is no capture that can be read.
    """
    dissector: Dissector | None = None
    for packet in packets(file):
        found = plain_segments(packet)
        if found is None:
            dissector = dissector or Dissector()
            found = dissector.segments(packet)
        yield from found


def packets(file: BinaryIO) -> Iterator[Packet]:
    """The packets of a capture file, in its order. Raises CaptureError as `segments` does."""
    try:
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapReader
    except ImportError:
        raise CaptureError("reading pcap files needs scapy: pip install 'breakwire[capture]'") from None
    try:
        reader = RawPcapReader(file)
    except Scapy_Exception as error:
        raise CaptureError(f"not a capture that can be read: {error}") from None
    while True:
        try:
            # Its public methods cut packets at 65,535 bytes, or leave their times out.
            data, about = reader._read_packet(CAPTURE_PACKET_MAX_BYTES)
        except EOFError:
            return
        except Scapy_Exception as error:
            raise CaptureError(f"not a capture that can be read: {error}") from None
        yield _packet(reader, data, about)


def _packet(reader: Any, data: bytes, about: Any) -> Packet:
    if hasattr(about, "sec"):
        fraction_ns = about.usec if reader.nano else about.usec * 1_000
        return Packet(about.sec * _NS_PER_S + fraction_ns, reader.linktype, data)
    if about.tshigh is None:
        return Packet(None, about.linktype, data)
    return Packet((about.tshigh << 32 | about.tslow) * _NS_PER_S // about.tsresol, about.linktype, data)


# Plain packets


def plain_segments(packet: Packet) -> list[Segment] | None:
    """The segment of a plain packet, nothing of a plain one without TCP, None for a packet that is left to scapy."""
    at = _ip_at(packet)
    if at is None or len(packet.data) < at + _IPV4_LEAST_BYTES:
        return None
    version = packet.data[at] >> 4
    if version == 4:
        return _ipv4_segments(packet, at)
    return _ipv6_segments(packet, at) if version == 6 else None


def _ip_at(packet: Packet) -> int | None:
    """Where the IP packet begins, if that can be told at once."""
    if packet.link_type in _RAW_LINKS:
        return 0
    if packet.link_type not in _TYPED_LINKS:
        return None
    type_at, at = _TYPED_LINKS[packet.link_type]
    return at if packet.data[type_at : type_at + 2] in (_IPV4_TYPE, _IPV6_TYPE) else None


def _ipv4_segments(packet: Packet, at: int) -> list[Segment] | None:
    data = packet.data
    header_length = (data[at] & 0xF) * 4
    if int.from_bytes(data[at + 6 : at + 8], "big") & _FRAGMENT_BITS or header_length < _IPV4_LEAST_BYTES:
        return None
    if data[at + 9] != _TCP:
        return [] if data[at + 9] == _UDP else None
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    end = at + length if length else len(data)  # 0: the sending machine left the length to its network card
    source, destination = socket.inet_ntoa(data[at + 12 : at + 16]), socket.inet_ntoa(data[at + 16 : at + 20])
    return _tcp_segments(packet.time_ns, source, destination, data[at + header_length : end])


def _ipv6_segments(packet: Packet, at: int) -> list[Segment] | None:
    data = packet.data
    tcp_at = at + _IPV6_BYTES
    if len(data) < tcp_at or data[at + 6] != _TCP:
        return [] if data[at + 6] == _UDP else None
    length = int.from_bytes(data[at + 4 : at + 6], "big")
    end = tcp_at + length if length else len(data)
    addresses = data[at + 8 : at + 24], data[at + 24 : tcp_at]
    source, destination = (f"[{socket.inet_ntop(socket.AF_INET6, address)}]" for address in addresses)
    return _tcp_segments(packet.time_ns, source, destination, data[tcp_at:end])


def _tcp_segments(time_ns: int | None, source: str, destination: str, content: bytes) -> list[Segment]:
    """The segment whose TCP header and payload are `content`; nothing when that cannot be a TCP header."""
    if len(content) < _TCP_LEAST_BYTES:
        return []
    source_port, destination_port, sequence, _, words, flags = _TCP_HEAD.unpack_from(content)
    header_length = (words >> 4) * 4
    if header_length < _TCP_LEAST_BYTES:
        return []
    is_first = bool(flags & _SYN)
    payload = content[header_length:]
    source, destination = f"{source}:{source_port}", f"{destination}:{destination_port}"
    return [_segment(time_ns, source, destination, sequence, is_first, payload)]


def _segment(
    time_ns: int | None, source: str, destination: str, sequence: int, is_first: bool, payload: bytes
) -> Segment:
    """A SYN has a number of its own, in front of the first byte."""
    return Segment(time_ns, source, destination, (sequence + is_first) & 0xFFFF_FFFF, is_first, payload)


# All others


class Dissector:
    """Takes packets apart with scapy; puts fragments of IPv4 packets together."""

    def __init__(self) -> None:
        from scapy.config import conf
        from scapy.layers.inet import IP, TCP
        from scapy.layers.inet6 import IPv6
        from scapy.packet import Raw
        from scapy.sessions import IPSession

        # What fills an Ethernet frame up to its least length would end up in the payload, or between two fragments.
        conf.padding = False
        self._layers = conf.l2types.num2layer
        self._raw: Any = Raw
        self._ip: Any = IP
        self._ipv6: Any = IPv6
        self._tcp: Any = TCP
        self._session: Any = IPSession()

    def segments(self, packet: Packet) -> list[Segment]:
        """The segment in the packet, or in the fragments that it completes; nothing when there is none."""
        layer = self._layers.get(packet.link_type, self._raw)
        try:
            dissected = self._session.process(layer(packet.data, stop_dissection_after=self._tcp))
        except (
            Exception
        ):  # Whatever comes of bytes that end too early: scapy does not say, and its own reader does this.
            return []
        fragments = self._session.fragments
        while len(fragments) > CAPTURE_FRAGMENTED_PACKETS_MAX:
            del fragments[next(iter(fragments))]
        if dissected is None or self._tcp not in dissected:
            return []
        tcp = dissected[self._tcp]
        network = tcp.underlayer
        while network is not None and not isinstance(network, (self._ip, self._ipv6)):
            network = network.underlayer
        if network is None:
            return []
        form = "{}:{}" if isinstance(network, self._ip) else "[{}]:{}"
        source, destination = form.format(network.src, tcp.sport), form.format(network.dst, tcp.dport)
        payload = bytes(tcp.payload)
        return [_segment(packet.time_ns, source, destination, tcp.seq, bool(tcp.flags.S), payload)]
