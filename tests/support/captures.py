"""Captures made by hand: pcap and pcapng files, link layers, IP and TCP headers; and golden frames to put into them."""

import json
import socket
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

CLIENT = ("10.0.0.1", 50_000)
GATEWAY = ("10.0.0.2", 4_210)
TIME_NS = 1_800_000_000_123_456_789
TIME_TEXT = "2027-01-15T08:00:00.123456789Z"

SYN, ACK = 2, 16
ETHERNET, RAW, LINUX_COOKED, LINUX_COOKED_2 = 1, 101, 113, 276

Address = tuple[str, int]

_VECTORS = Path(__file__).parent.parent / "vectors"


def golden_frames() -> list[bytes]:
    """Every frame of tests/vectors: at least one of each message."""
    return [
        bytes.fromhex("".join(piece for _, piece in vector["bytes"]))
        for name in ("published", "extensions")
        for vector in json.loads((_VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    ]


# Packets


def tcp(source: Address, destination: Address, sequence: int, payload: bytes, flags: int = ACK) -> bytes:
    """A TCP header without options, and the payload."""
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence & 0xFFFF_FFFF, 0, 5 << 4, flags, 65_535, 0, 0)
    return head + payload


def ipv4(source: Address, destination: Address, content: bytes, *, protocol: int = 6, fragment: int = 0) -> bytes:
    """An IPv4 header and its content; `fragment` is the word of flags and offset."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 7, fragment, 64, protocol, 0) + addresses + content


def ipv6(source: Address, destination: Address, content: bytes, *, protocol: int = 6) -> bytes:
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, one[0]) for one in (source, destination))
    return struct.pack(">IHBB", 6 << 28, len(content), protocol, 64) + addresses + content


def ethernet(packet: bytes, *, tags: Sequence[int] = ()) -> bytes:
    """An Ethernet frame, with VLAN tags, filled up to its least length as a sending machine does."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    vlans = b"".join(b"\x81\x00" + struct.pack(">H", tag) for tag in tags)
    return (bytes(12) + vlans + kind + packet).ljust(60, b"\x5a")


def linux_cooked(packet: bytes) -> bytes:
    return bytes(14) + b"\x08\x00" + packet


def linux_cooked_2(packet: bytes) -> bytes:
    return b"\x08\x00" + bytes(18) + packet


def packet_of(source: Address, destination: Address, sequence: int, payload: bytes, flags: int = ACK) -> bytes:
    """A segment in an Ethernet frame."""
    return ethernet(ipv4(source, destination, tcp(source, destination, sequence, payload, flags)))


def conversation(
    source: Address, destination: Address, content: bytes, *, size: int = 100, sequence: int = 1_000
) -> list[bytes]:
    """A connection from its first packet on, in which `source` sends `content` in segments of `size` bytes."""
    packets = [packet_of(source, destination, sequence - 1, b"", SYN)]
    for start in range(0, len(content), size):
        packets.append(packet_of(source, destination, sequence + start, content[start : start + size]))
    return packets


# Files


def pcap(packets: Iterable[bytes], *, link_type: int = ETHERNET, order: str = "<", nano: bool = True) -> bytes:
    """A pcap file whose packets are all of TIME_NS."""
    magic, divisor = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1_000)
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)
    seconds, nanoseconds = divmod(TIME_NS, 1_000_000_000)
    for packet in packets:
        out += struct.pack(f"{order}IIII", seconds, nanoseconds // divisor, len(packet), len(packet)) + packet
    return out


def _block(kind: int, content: bytes) -> bytes:
    content = content.ljust(-(-len(content) // 4) * 4, b"\0")
    length = struct.pack("<I", len(content) + 12)
    return struct.pack("<I", kind) + length + content + length


def pcapng(packets: Iterable[bytes], *, link_type: int = ETHERNET) -> bytes:
    """A pcapng file with a nanosecond clock. Its packets are all of TIME_NS, but for the last, which has no time."""
    *timed, untimed = packets
    out = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += _block(1, struct.pack("<HHIHHB3xHH", link_type, 0, 262_144, 9, 1, 9, 0, 0))
    for packet in timed:
        head = struct.pack("<IIIII", 0, TIME_NS >> 32, TIME_NS & 0xFFFF_FFFF, len(packet), len(packet))
        out += _block(6, head + packet)
    return out + _block(3, struct.pack("<I", len(untimed)) + untimed)


def labels(value: Any) -> Any:
    """What a readable value looks like to people, as text: for comparison with what Wireshark shows."""
    if isinstance(value, dict):
        return {name: labels(one) for name, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [labels(one) for one in value]
    if isinstance(value, list):
        return "|".join(map(str, value)) or "none"
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
