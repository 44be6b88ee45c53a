"""What is particular to UDP: no privilege, datagrams that nobody should send, peers that go away."""

import hashlib
import random
import re
import shlex
import struct
import subprocess

import pytest
from conftest import require_program
from harness import backends, netns
from harness.backends import LISTENING, PORT, SERVER_V4, SERVER_V6, Tunnel
from harness.site import public_folder
from harness.wait import wait_until

NOBODY = 65534
PEER_PORT = 4789


def vxlan(frame, vni=Tunnel.VNI, flags=0x08):
    return struct.pack(">II", flags << 24, vni << 8) + frame


# What a host of its own does inside: the kernel's vxlan device on loopback, and a server beside it.
ALONE = """set -eu
ip link set lo up
{device}
{server} & server=$!
trap 'kill $server; wait $server' EXIT
for try in $(seq 200); do
  curl -fsS --max-time 5 -o /dev/null http://{v4}:{port}/hello.txt 2>/dev/null && break
  kill -0 $server
  sleep 0.05
done
curl -fsS --max-time 10 http://{v4}:{port}/hello.txt; echo
curl -gfsS --max-time 10 'http://[{v6}]:{port}/hello.txt'; echo
curl -fsS --max-time 60 http://{v4}:{port}/large.bin | sha256sum
wrk -t1 -c64 -d{seconds}s http://{v4}:{port}/hello.txt
ethtool -K wh0 gro off
iptables -A INPUT -i wh0 -m statistic --mode random --probability 0.01 -j DROP
curl -fsS --max-time 120 http://{v4}:{port}/large.bin | sha256sum
iptables -L INPUT -vxn
"""


class TestAlone:
    """Without any privilege, in namespaces of a user's own: the kernel's device over loopback."""

    SIZE = 256 << 20

    @pytest.fixture
    def root(self):
        with public_folder("alone") as folder:
            yield folder

    def test_ordinary_user_serves_through_the_kernels_device(self, root, quick):
        program = require_program("windhover")
        data = random.Random(1).randbytes(1 << 20) * (self.SIZE >> (22 if quick else 20))
        (root / "hello.txt").write_bytes(b"Hello, World!")
        (root / "large.bin").write_bytes(data)
        server = [program, "serve", "--config", backends.REPOSITORY / "config" / "udp.json", "--root", root]
        for setting in backends.LOOPBACK_SETTINGS:
            server += ["--set", setting]
        script = ALONE.format(
            device="\n".join(shlex.join(map(str, command)) for command in backends.loopback_tunnel()),
            server=shlex.join(map(str, server)), v4=SERVER_V4, v6=SERVER_V6, port=PORT, seconds=2 if quick else 10)
        path = root / "alone.sh"
        path.write_text(script)
        as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all",
                     "--bounding-set=-all", "--no-new-privs")
        probe = subprocess.run((*as_nobody, "unshare", "-Urn", "true"), capture_output=True, check=False)
        if probe.returncode != 0:  # Some systems grant user namespaces to nobody who has given up everything.
            as_nobody = as_nobody[:4]
        done = subprocess.run((*as_nobody, "unshare", "-Urn", "bash", path), capture_output=True, text=True,
                              timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert LISTENING in done.stdout + done.stderr
        assert done.stdout.count("Hello, World!") == 2, done.stdout
        digests = re.findall(r"^([0-9a-f]{64})", done.stdout, re.MULTILINE)
        assert digests == [hashlib.sha256(data).hexdigest()] * 2, done.stdout + done.stderr
        assert netns.lost_of(done.stdout) > 0, done.stdout
        assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
        counters = backends.parse_summary(done.stdout + done.stderr)
        assert not [name for name in counters if name.startswith("vxlan.") and name != "vxlan.receive_overruns"]


@pytest.mark.on("udp", "udp-2-lanes")
class TestDatagrams:
    """Datagrams that nobody should send are counted under their names, and do nothing else. The sender may be anybody
    on the line below."""

    COUNT = 200

    @pytest.fixture
    def send(self, live):
        """A function that sends from a peer's address, or from another one; the server cannot tell who it is."""
        family = "-6" if live.backend.tunnel.v6 else "-4"
        ours, theirs = live.backend.tunnel.ends
        stranger, width = ("2001:db8::9", 64) if live.backend.tunnel.v6 else ("192.0.2.9", 24)
        under = live.backend.tunnel.DEVICE
        live.namespace.run("ip", family, "addr", "replace", f"{stranger}/{width}", "dev", under,
                           *(("nodad",) if live.backend.tunnel.v6 else ()))

        def made(address):
            udp = live.namespace.socket(2 if family == "-4" else 10, 2)
            udp.bind((address, 0))
            return udp

        with made(ours) as peer, made(stranger) as other:
            yield lambda datagram, known=True: (peer if known else other).sendto(datagram, (theirs, PEER_PORT))

    def test_each_is_dropped_under_its_name(self, live, send):
        frame = bytes.fromhex("0200000000020200000000010800") + b"x" * 50
        rnd = random.Random(7)
        for _ in range(self.COUNT):
            send(vxlan(frame)[: rnd.randrange(22)])
            send(vxlan(frame, flags=rnd.choice((0, 0xF7, 4))))
            send(vxlan(frame, vni=rnd.choice((0, 41, 43, 0xFFFFFF))))
            send(vxlan(frame), known=False)
            send(b"\0" + rnd.randbytes(65000))
            send(b"\x08" + rnd.randbytes(65000), known=False)
            if rnd.random() < 0.1:
                assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
        assert live.curl(f"{live.v6}/hello.txt") == "Hello, World!"
        assert live.server.stop() == 0
        counters = backends.parse_summary(live.server.output)
        lost = counters.get("vxlan.receive_overruns", 0)
        expected = {"malformed": 3 * self.COUNT, "wrong_vni": self.COUNT, "unknown_peer": 2 * self.COUNT}
        found = {name: counters.get(f"vxlan.{name}", 0) for name in expected}
        assert all(found[name] <= expected[name] for name in expected), found
        assert sum(expected.values()) - sum(found.values()) <= lost, (found, lost)
        assert sum(found.values()) == counters["device.received_dropped"]


@pytest.mark.on("udp")
class TestClosedPeer:
    """A peer that goes away answers with ICMP errors: the server does not mind."""

    def test_server_outlives_its_peer(self, live):
        assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
        with live.connect() as open_connection:
            live.namespace.run("ip", "link", "set", backends.DEVICE, "down")
            wait_until(lambda: not live.namespace.run("ss", "-Hunl", "sport", "=", f":{PEER_PORT}").stdout, 5,
                       "the kernel's device has closed its socket")
            live.namespace.run("ip", "link", "set", backends.DEVICE, "up")
            open_connection.sendall(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            assert open_connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
