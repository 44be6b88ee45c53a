"""Hostile frames, put straight into the device from the kernel's side, against the build with sanitizers."""

import contextlib
import errno
import itertools
import random
import select
import socket
import struct
import time

import pytest
from harness import frames
from harness.backends import DEVICE, PORT, SERVER_V4, SERVER_V6
from harness.wait import wait_until

FRAME_COUNT = 10_000
FRAMES_AHEAD_MAX = 200  # Below the device's queue (500), where the kernel would drop what the server is to see.
FLOW_COUNT = 16
FRAMES_PER_FLOW = 50
PEER_V4, PEER_V6 = "10.66.0.77", "fd66::77"
PEER_MAC = bytes.fromhex("020000006677")
ETH_P_ALL = 0x0003
VXLAN_FRAME_MIN = 18 + 40  # The kernel's vxlan device takes no IP packet without a whole header.


class Injector:
    """Puts packets into the transmit path of wh0: what it sends is what the server reads."""

    def __init__(self, live):
        self._live = live
        self._plain = live.namespace.call(frames.packet_socket, DEVICE)
        self._with_header = live.namespace.call(frames.packet_socket, DEVICE, 0, True)
        self._link = self._link_addresses() if live.backend.ethernet else None
        self._may_be_lost = 0

    def close(self):
        self._plain.close()
        self._with_header.close()

    def _link_addresses(self):
        namespace = self._live.namespace
        namespace.run("ping", "-n", "-c", 1, "-W", 5, SERVER_V4)
        words = namespace.run("ip", "neigh", "show", SERVER_V4, "dev", DEVICE).stdout.split()
        own = namespace.run("cat", f"/sys/class/net/{DEVICE}/address").stdout.strip()
        return tuple(bytes.fromhex(text.replace(":", "")) for text in (words[words.index("lladdr") + 1], own))

    def framed(self, packet, rnd=None):
        """The packet behind a link header where the device has one; with `rnd`, not always the right one."""
        if self._link is None:
            return packet
        to, own = self._link
        kind = frames.ETHERTYPE_V6 if packet[0] >> 4 == 6 else frames.ETHERTYPE_V4
        fate = rnd.random() if rnd else 1.0
        if fate < 0.05:
            return frames.ethernet(rnd.choice((to, b"\xff" * 6)), PEER_MAC, frames.ETHERTYPE_ARP,
                                   frames.arp(rnd, PEER_MAC, PEER_V4, SERVER_V4)[: rnd.choice((28, 28, 28, 27, 8, 0))])
        if fate < 0.10:
            tagged = frames.tagged(packet, kind, rnd.randrange(65536))
            return frames.ethernet(to, own, 0x8100, tagged[: rnd.choice((9999, 3, 0))])
        if fate < 0.15:
            return frames.ethernet(rnd.choice((rnd.randbytes(6), b"\xff" * 6)), rnd.randbytes(6), rnd.randrange(65536),
                                   packet)
        return frames.ethernet(to, own, kind, packet)

    def send(self, frame, vnet=False):
        """False when the kernel would not take it."""
        kind = frames.ETHERTYPE_V6 if frame[10 if vnet else 0] >> 4 == 6 else frames.ETHERTYPE_V4
        if vnet:
            # What the kernel segments itself, it does at once: more than the queue of a veth pair holds may come of it.
            gso_size = struct.unpack_from("<H", frame, 4)[0]
            self._may_be_lost += 1 + (len(frame) // gso_size if gso_size else 0)
        elif self._live.backend.tunnel and len(frame) < VXLAN_FRAME_MIN:
            self._may_be_lost += 1
        try:
            (self._with_header if vnet else self._plain).sendto(frame, (DEVICE, kind))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM):
                raise
            return False
        return True

    def flood(self, source):
        """Sends until the server has read FRAME_COUNT frames, never more ahead of it than its queue holds."""
        taken_before, lost_before = self._counts()

        def arrived():
            return self._counts()[0] - taken_before

        def settled():
            taken, lost = self._counts()
            return taken - taken_before + lost - lost_before

        sent = 0
        for frame, vnet in source:
            sent += self.send(frame, vnet)
            if sent % (FRAMES_AHEAD_MAX // 2) == 0:
                wait_until(lambda: settled() >= sent - FRAMES_AHEAD_MAX // 2, 60,
                           lambda: f"{settled()} of {sent} frames read")
                if arrived() >= FRAME_COUNT:
                    break

    def _counts(self):
        """(frames that the server has read, frames that the kernel dropped instead). It drops what it cannot segment as
        a virtio-net header says; anything else it must deliver."""
        device = self._live.namespace.interface(DEVICE)
        assert device.refused <= self._may_be_lost, f"{device.refused} frames never reached the server"
        return device.sent, device.refused


def open_flow(live, injector, peer, server, port):
    """Does the handshake of a TCP connection by hand and returns it as a flow of harness.frames.Packets."""
    with live.namespace.call(frames.packet_socket, DEVICE, ETH_P_ALL) as listener:
        seq = 1_000_000
        injector.send(injector.framed(frames.ip(peer, server, frames.TCP, frames.tcp(port, PORT, seq, 0, frames.SYN))))
        deadline = time.monotonic() + 10
        while select.select([listener], [], [], max(0, deadline - time.monotonic()))[0]:
            frame, sender = listener.recvfrom(65536)
            packet = frame[14:] if live.backend.ethernet else frame
            segment = packet[20:] if packet[0] >> 4 == 4 else packet[40:]
            if sender[2] != socket.PACKET_OUTGOING and len(segment) >= 20 and segment[13] & 0x12 == 0x12:
                sport, dport, theirs = struct.unpack(">HHI", segment[:8])
                if (sport, dport) == (PORT, port):
                    ack = (theirs + 1) & 0xFFFFFFFF
                    injector.send(injector.framed(
                        frames.ip(peer, server, frames.TCP, frames.tcp(port, PORT, seq + 1, ack, frames.ACK))))
                    return peer, server, port, seq + 1, ack
    raise AssertionError(f"no SYN-ACK for {peer} port {port}")


def silence_peers(live):
    """Gives the host the peers' addresses, so that they can be resolved, and keeps its TCP from answering for them. The
    IPv6 address is deprecated, or the host would choose it for its own connections."""
    live.namespace.run("ip", "addr", "add", f"{PEER_V4}/32", "dev", DEVICE)
    live.namespace.run("ip", "addr", "add", f"{PEER_V6}/128", "dev", DEVICE, "nodad", "preferred_lft", 0)
    for command, address in (("iptables", PEER_V4), ("ip6tables", PEER_V6)):
        live.namespace.run(command, "-w", "-A", "INPUT", "-d", address, "-p", "tcp", "-j", "DROP")


class TestHostileFrames:
    pytestmark = pytest.mark.smoke
    build = "dev"
    settings = ("limits.shutdownTimeout=1s",)  # The peers made by hand will not answer a FIN.

    @pytest.fixture(scope="class")
    def injector(self, live):
        silence_peers(live)
        with contextlib.closing(Injector(live)) as injector:
            yield injector

    def _still_serves(self, live, site):
        for base in (live.v4, live.v6):
            assert live.curl(f"{base}/hello.txt").encode() == site.read("hello.txt")
        live.namespace.run("ping", "-n", "-c", 1, "-W", 5, SERVER_V4)
        live.namespace.run("ping", "-n", "-c", 1, "-W", 5, SERVER_V6)

    def _pairs(self):
        return (PEER_V4, SERVER_V4), (PEER_V6, SERVER_V6)

    def test_noise_and_spoiled_packets_do_no_harm(self, live, site, injector, seed):
        """Every frame stands for itself: no connection is open."""
        packets = frames.Packets(seed, PORT, *self._pairs())
        rnd = random.Random(seed)
        injector.flood((injector.framed(packet, rnd), False) for packet in packets)
        self._still_serves(live, site)

    def test_spoiled_segments_of_open_connections_do_no_harm(self, live, site, injector, seed):
        """The frames hit connections in all states that a peer can bring about, with sequence numbers that fit."""
        flows = [open_flow(live, injector, *self._pairs()[number % 2], 20_000 + number) for number in range(FLOW_COUNT)]
        packets = iter(frames.Packets(seed + 1, PORT, *self._pairs(), flows))
        rnd = random.Random(seed + 1)
        link_size = 14 if live.backend.ethernet else 0

        def mixture():
            for number in itertools.count(1):
                # Most flows do not survive for long what is done to them.
                if number % FRAMES_PER_FLOW == 0:
                    flows[number // FRAMES_PER_FLOW % FLOW_COUNT] = open_flow(
                        live, injector, *self._pairs()[number // FRAMES_PER_FLOW % 2], 21_000 + number)
                fate = rnd.random()
                if fate < 0.05:
                    packet = frames.super_frame(rnd, rnd.choice(flows), PORT)
                    yield frames.with_vnet_header(rnd, injector.framed(packet), link_size), True
                elif fate < 0.10:
                    yield frames.with_vnet_header(rnd, injector.framed(next(packets)), link_size), True
                else:
                    yield injector.framed(next(packets), rnd), False

        injector.flood(mixture())
        self._still_serves(live, site)
