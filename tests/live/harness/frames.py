"""Packets made by hand: well-formed ones of every kind that a stack meets, and ways to spoil them."""

import ipaddress
import random
import socket
import struct

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ETHERTYPE_V4, ETHERTYPE_V6, ETHERTYPE_ARP = 0x0800, 0x86DD, 0x0806


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def raw(address):
    return ipaddress.ip_address(address).packed


def _pseudo(source, destination, protocol, size):
    if len(source) == 4:
        return source + destination + struct.pack(">BBH", 0, protocol, size)
    return source + destination + struct.pack(">IHBB", size, 0, 0, protocol)


_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}


def complete(protocol, source, destination, payload):
    """The payload with its transport checksum filled in, where it has one and is long enough to hold it."""
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(payload) < at + 2:
        return payload
    blank = payload[:at] + b"\0\0" + payload[at + 2 :]
    pseudo = b"" if protocol == ICMP else _pseudo(source, destination, protocol, len(payload))
    return payload[:at] + struct.pack(">H", checksum(pseudo + blank)) + payload[at + 2 :]


def ip(source, destination, protocol, payload, options=b"", fragment=0x4000, hops=64, extensions=(), first=None):
    """An IPv4 or IPv6 packet, all checksums right. `extensions`: IPv6 extension headers as (number, bytes after the
    next-header octet)."""
    source, destination = raw(source), raw(destination)
    payload = complete(protocol, source, destination, payload)
    if len(source) == 4:
        words = 5 + len(options) // 4
        head = struct.pack(">BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), 0x1234, fragment, hops, protocol, 0)
        head += source + destination + options
        return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload
    following = protocol if first is None else first
    for number, body in reversed(extensions):
        payload = bytes([following]) + body + payload
        following = number
    return struct.pack(">IHBB", 6 << 28, len(payload), following, hops) + source + destination + payload


def tcp(sport, dport, seq, ack, flags, data=b"", options=b"", window=65535, urgent=0):
    words = 5 + len(options) // 4
    return struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, flags, window, 0,
                       urgent) + options + data


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def icmp(kind, code, rest, data=b""):
    return struct.pack(">BBHI", kind, code, 0, rest) + data


def mended(packet):
    """The packet with its checksums made right again as far as its own words let one find them, so that what was
    spoiled gets past the first check."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        if size < 20 or size > len(packet):
            return packet
        head = packet[:10] + b"\0\0" + packet[12:size]
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return head + complete(packet[9], packet[12:16], packet[16:20], packet[size:])
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        return packet[:40] + complete(packet[6], packet[8:24], packet[24:40], packet[40:])
    return packet


SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 00010203 00000000 01 030307")
CURIOUS = (0, 1, 2, 4, 7, 8, 15, 16, 19, 20, 21, 39, 40, 41, 59, 60, 127, 128, 255, 256, 1460, 1500, 0x7FFF, 0x8000,
           0xFFFE, 0xFFFF)


class Packets:
    """Endless packets towards one server, from a seed.

    `flows`: established connections, each (peer address, server address, peer port, sequence number the server expects
    next, acknowledgement it would accept). The list is the caller's, who may exchange flows in it."""

    def __init__(self, seed, port, v4, v6, flows=()):
        self._random = random.Random(seed)
        self._port = port
        self._pairs = (v4, v6)
        self._flows = flows

    def _pair(self, family):
        return self._pairs[0] if family == 4 else self._pairs[1]

    def _opening(self):
        rnd = self._random
        peer, server = self._pair(rnd.choice((4, 6)))
        flags = rnd.choice((SYN, SYN, SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK, SYN | FIN, 0, 0xFF,
                            FIN | PSH | URG, SYN | 0xC0))
        options = rnd.choice((b"", SYN_OPTIONS, b"\x02\x04\0\0", b"\x02\x00\0\0", b"\x08\x0a\0\0", b"\x03\x03\xff\0",
                              rnd.randbytes(4 * rnd.randrange(11))))
        port = rnd.choice((self._port, self._port, 9, rnd.randrange(65536)))
        return ip(peer, server, TCP, tcp(rnd.randrange(65536), port, rnd.getrandbits(32), rnd.getrandbits(32), flags,
                                        rnd.randbytes(rnd.choice((0, 0, 10))), options, rnd.choice((0, 1, 65535))))

    def _on_a_flow(self):
        rnd = self._random
        if not self._flows:
            return self._opening()
        peer, server, port, seq, ack = rnd.choice(self._flows)
        near = (0, 0, 1, -1, 100, -100, 1460, 65535, 1 << 19, 1 << 20, 1 << 30, 1 << 31)
        flags = rnd.choice((ACK, ACK, ACK | PSH, ACK | PSH, ACK | FIN, ACK | URG, SYN, SYN | ACK, RST, 0, PSH))
        data = rnd.choice((b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /4k.bin HTTP/1.1\r\n",
                           rnd.randbytes(rnd.randrange(1400))))
        options = rnd.choice((b"", b"\x01\x01\x08\x0a" + rnd.randbytes(8), b"\x01\x01\x05\x0a" + rnd.randbytes(8)))
        # A RST exactly in place would end the flow and all that it is good for.
        offset = rnd.choice(near[2:] if flags & (RST | SYN | FIN) else near)
        return ip(peer, server, TCP, tcp(port, self._port, seq + offset, ack + rnd.choice(near), flags, data, options,
                                        rnd.choice((0, 1, 1000, 65535)), rnd.randrange(65536)))

    def _control(self):
        rnd = self._random
        peer, server = self._pair(4)
        flow = rnd.choice(self._flows or [(peer, server, 4000, 1, 1)])
        quoted = ip(flow[1], flow[0], TCP, tcp(self._port, flow[2], flow[4], flow[3], ACK))
        quoted = quoted[: rnd.choice((28, 40, 48, 64))]
        if ":" not in flow[0]:
            kind, code = rnd.choice(((8, 0), (0, 0), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0),
                                     (12, 0), (13, 0), (17, 0)))
            data = quoted if kind in (3, 4, 5, 11, 12) else rnd.randbytes(rnd.randrange(200))
            return ip(peer, server, ICMP, icmp(kind, code, rnd.choice((0, 68, 576, 1400, 0xFFFF, rnd.getrandbits(32))),
                                               data))
        peer, server = self._pair(6)
        kind, code = rnd.choice(((128, 0), (129, 0), (1, 0), (1, 4), (2, 0), (3, 0), (4, 1), (130, 0), (143, 0),
                                 (200, 0)))
        data = quoted if kind < 128 else rnd.randbytes(rnd.randrange(200))
        return ip(peer, server, ICMP6, icmp(kind, code, rnd.choice((0, 1280, 1400, 0xFFFFFFFF)), data))

    def _discovery(self):
        rnd = self._random
        peer, server = self._pair(6)
        kind = rnd.choice((133, 134, 135, 135, 136, 136, 137))
        target = rnd.choice((raw(server), raw(peer), raw("fe80::1"), raw("ff02::1"), bytes(16)))
        link = rnd.choice((b"\x01\x01", b"\x02\x01", b"\x01\x00", b"\x01\xff", b"\x05\x01"))
        link += bytes.fromhex("020000006677")
        body = target + rnd.choice((b"", link, link + link))
        solicited = "ff02::1:ff" + server.rsplit(":", 1)[-1].zfill(6)[:2] + ":" + server.rsplit(":", 1)[-1].zfill(4)
        return ip(rnd.choice((peer, "::", "fe80::77")), rnd.choice((server, solicited, "ff02::1", "ff02::2")), ICMP6,
                  icmp(kind, 0, rnd.choice((0, 0xE0000000)), body), hops=rnd.choice((255, 255, 64)))

    def _datagram(self):
        rnd = self._random
        peer, server = self._pair(rnd.choice((4, 6)))
        packet = udp(rnd.randrange(65536), rnd.choice((53, 9, self._port, 0)), rnd.randbytes(rnd.randrange(300)))
        protocol = rnd.choice((UDP, UDP, UDP, 2, 47, 50, 132, 255))
        return ip(peer, server, protocol, packet)

    def _extended(self):
        rnd = self._random
        peer, server = self._pair(6)
        padding = b"\x00\x01\x04\0\0\0\0"
        kinds = {0: padding, 60: padding, 43: b"\x02\x00\x01\0\0\0\0" + raw(server), 44: b"\0\0\x01" + rnd.randbytes(4),
                 51: b"\x04\0\0" + rnd.randbytes(20), 135: padding}
        names = rnd.choices(list(kinds), k=rnd.randrange(1, 6))
        inner = rnd.choice((tcp(1234, self._port, 1, 0, SYN), udp(1, 9, b"x"), icmp(128, 0, 7)))
        protocol = {20: TCP, 9: UDP, 8: ICMP6}[len(inner)]
        return ip(peer, server, protocol, inner, extensions=[(name, kinds[name]) for name in names])

    def _fragment(self):
        rnd = self._random
        peer, server = self._pair(4)
        options = rnd.choice((b"", b"\x01\x01\x01\0", b"\x07\x07\x04" + bytes(5), b"\x83\x03\x04\0", b"\x44\x00\0\0"))
        return ip(peer, server, rnd.choice((TCP, UDP, ICMP)), rnd.randbytes(rnd.randrange(200)), options=options,
                  fragment=rnd.choice((0x2000, 0x2001, 0x1FFF, 0x3FFF, 0x0001, 0x4000, 0x8000)),
                  hops=rnd.choice((0, 1, 64)))

    def _claims(self):
        """From addresses that nobody may claim, or to ones that are not the server's."""
        rnd = self._random
        source = rnd.choice(("0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", self._pairs[0][1], "10.66.0.255"))
        if rnd.random() < 0.5:
            return ip(source, rnd.choice((self._pairs[0][1], "10.66.0.255", "255.255.255.255", "10.66.0.3")), TCP,
                      tcp(1, self._port, 1, 1, SYN))
        source = rnd.choice(("::", "::1", "ff02::1", self._pairs[1][1], "::ffff:10.66.0.1"))
        return ip(source, rnd.choice((self._pairs[1][1], "ff02::1", "fd66::3")), TCP, tcp(1, self._port, 1, 1, SYN))

    def _well_formed(self):
        rnd = self._random
        kinds = (self._opening, self._on_a_flow, self._control, self._discovery, self._datagram, self._extended,
                 self._fragment,
                 self._claims)
        return rnd.choices(kinds, (3, 6, 3, 2, 1, 2, 2, 1))[0]()

    def _spoiled(self, packet):
        rnd = self._random
        data = bytearray(packet)
        for _ in range(rnd.choice((1, 1, 1, 2, 4, 16))):
            at = rnd.randrange(len(data)) if rnd.random() < 0.3 else min(len(data) - 1, int(rnd.expovariate(1 / 24)))
            what = rnd.randrange(7)
            if what == 0:
                data[at] ^= 1 << rnd.randrange(8)
            elif what == 1:
                data[at] = rnd.randrange(256)
            elif what == 2 and at + 2 <= len(data):
                struct.pack_into(">H", data, at, rnd.choice(CURIOUS))
            elif what == 3 and len(data) > 2:
                del data[rnd.randrange(1, len(data)) :]
            elif what == 4:
                data += rnd.randbytes(rnd.choice((1, 2, 3, 8, 64)))
            elif what == 5:
                data[at:at] = rnd.randbytes(rnd.choice((1, 2, 4)))
            else:
                del data[at : at + rnd.choice((1, 2, 4))]
                data = data or bytearray(b"\x45")
        return bytes(data)

    def __iter__(self):
        rnd = self._random
        while True:
            fate = rnd.random()
            if fate < 0.08:
                yield rnd.randbytes(rnd.randrange(1, 1400))
            elif fate < 0.16:
                yield bytes([rnd.choice((0x45, 0x46, 0x4F, 0x60))]) + rnd.randbytes(rnd.randrange(120))
            elif fate < 0.3:
                yield self._well_formed()
            else:
                spoiled = self._spoiled(self._well_formed())
                yield mended(spoiled) if rnd.random() < 0.6 else spoiled


VNET_HEADER = struct.Struct("=BBHHHH")
NEEDS_CHECKSUM, GSO_NONE, GSO_TCP4, GSO_TCP6 = 1, 0, 1, 4


def with_vnet_header(rnd, frame, link_size=0):
    """The frame behind a virtio-net header that fits it more or less; the kernel refuses the impossible ones itself."""
    v4 = len(frame) > link_size and frame[link_size] >> 4 == 4
    start = link_size + (20 if v4 else 40)
    gso = rnd.choice((GSO_NONE, GSO_TCP4 if v4 else GSO_TCP6))
    size = rnd.choice((1, 8, 100, 536, 1448, 1460, 9000))
    return VNET_HEADER.pack(NEEDS_CHECKSUM, gso, start + 20, size if gso else 0, start,
                            rnd.choice((16, 16, 16, 6, 0))) + frame


def super_frame(rnd, flow, port):
    """A segment larger than the MTU, as a kernel that leaves segmentation to the device would send it."""
    peer, server, peer_port, seq, ack = flow
    data = rnd.randbytes(rnd.choice((1461, 3000, 20_000, 40_000)))
    offset = rnd.choice((0, 0, 1, 1000, 1 << 19, 1 << 30))
    return ip(peer, server, TCP, tcp(peer_port, port, seq + offset, ack, ACK | PSH, data))


def arp(rnd, peer_mac, peer, server):
    """An ARP packet that is nearly right."""
    operation = rnd.choice((1, 1, 1, 2, 2, 0, 3, 9))
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + peer_mac + raw(rnd.choice((peer, server, "0.0.0.0")))
    return body + bytes(6) + raw(rnd.choice((server, peer, "10.66.0.99")))


def ethernet(destination, source, kind, payload):
    return destination + source + struct.pack(">H", kind) + payload


def tagged(payload, kind, tag):
    """What follows the addresses of a frame with an 802.1Q tag, for kind 0x8100."""
    return struct.pack(">HH", tag, kind) + payload


def packet_socket(device, protocol=0, vnet=False):
    """A packet socket on a device of the namespace that the calling thread is in. With protocol 0 it hears nothing."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if vnet:
        made.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
    made.bind((device, protocol))
    return made
