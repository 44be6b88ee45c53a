"""Peers that do not read, vanish, or move: what they were sent is neither lost nor kept for ever."""

import contextlib
import time

import pytest
from conftest import require, require_program
from harness import transfer, wrk
from harness.backends import DEVICE, HOST_V4, HOST_V6, PEER_DEVICE, PORT, SERVER_V4, SERVER_V6
from harness.crowd import Crowd, raise_file_limit
from harness.http import get
from harness.wait import wait_until

MIB = 1 << 20


def crowd_of_readers(live):
    """Clients of a large file with room for little of it."""
    live.namespace.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_rmem=4096 16384 16384")
    return contextlib.closing(Crowd(live.namespace, (SERVER_V4, SERVER_V6), PORT, get("/1m.bin"), None))


def frames(live):
    """How many have crossed the line, both ways."""
    device = live.namespace.interface(DEVICE)
    return device.received + device.sent


def let_pass(seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 1, "the time")


@pytest.mark.on("tun", "udp", "xdp")
@pytest.mark.ours
class TestPatientServer:
    """Asked to wait for ever, it does, at no cost for others."""

    settings = ("limits.minResponseDataRate.bytesPerSecond=0",)

    def test_thousands_that_never_read_cost_little(self, live, quick, measured):
        count = 1_000 if quick else 4_000
        require(raise_file_limit(count), f"cannot open {count} files: raise the limit (ulimit -Hn)")
        wrk.run(live.namespace, f"{live.v4}/1m.bin", 64, 1)  # Touches what serving touches anyway.
        before = live.server.resident_bytes
        with crowd_of_readers(live) as crowd:
            crowd.open(count, 60)
            crowd.ask()
            result = wrk.run(live.namespace, f"{live.v4}/hello.txt", 64, 2 if quick else 4)
            taken = live.server.resident_bytes - before
            assert result.socket_errors == 0 and result.bad_statuses == 0, result.text
            assert crowd.aborted() == 0
        measured(f"{count:,} clients with a megabyte each that they never read: {taken / MIB:.1f} MiB, "
                 f"{result.rate:,.0f} requests/s for others")
        assert taken < 64 * MIB
        assert live.curl(f"{live.v6}/hello.txt") == "Hello, World!"


COUNT = 300  # As many as the two servers below have room for.


def is_full(live):
    return live.namespace.run("curl", "-sS", "--max-time", 5, f"{live.v4}/hello.txt", check=False).returncode != 0


@pytest.mark.on("tun", "udp", "xdp")
@pytest.mark.ours
class TestImpatientServer:
    settings = (f"limits.maxConcurrentConnections={COUNT}", "limits.minResponseDataRate.gracePeriod=2s")

    def test_clients_that_never_read_are_aborted(self, live):
        with crowd_of_readers(live) as crowd:
            crowd.open(COUNT, 30)
            assert is_full(live)
            crowd.ask()
            wait_until(lambda: not is_full(live), 30, "an answer to somebody else")
            wait_until(crowd.aborted, 10, "a client that is told")


@pytest.mark.on("tun", "udp", "xdp")
@pytest.mark.ours
class TestVanishedClients:
    """Nothing but TCP's own patience ends a connection here."""

    settings = (f"limits.maxConcurrentConnections={COUNT}", "limits.minResponseDataRate.bytesPerSecond=0",
                "tcp.retransmissionsMax=3")
    GIVEN_UP_SECONDS = 4  # 200 ms, doubled for each of three retransmissions, are 3 s.

    def test_their_places_are_given_to_others(self, live):
        with crowd_of_readers(live) as crowd:
            crowd.open(COUNT, 30)
            assert is_full(live)
            with contextlib.closing(Deafness(live)):
                crowd.ask()
                let_pass(self.GIVEN_UP_SECONDS)
            wait_until(lambda: not is_full(live), 3, "an answer to somebody else")


class Deafness:
    """From now until close(), nothing that the server sends arrives."""

    def __init__(self, live):
        self._live = live
        self._filter("-A")

    def close(self):
        self._filter("-D")

    def _filter(self, verb):
        for command in ("iptables", "ip6tables"):
            self._live.namespace.run(command, "-w", verb, "INPUT", "-i", DEVICE, "-j", "DROP")


class Interrupted:
    """Transfers with something that happens in their middle."""

    SIZE = 96 * MIB
    FRAMES_BEFORE = 200

    @pytest.fixture(scope="class", autouse=True)
    def program_is_built(self):
        require_program(transfer.PROGRAM)

    def survives(self, live, verb, address, interruption, measured):
        before = frames(live)
        client = transfer.Client(live.namespace, verb, address, self.SIZE, slowly=True)
        try:
            wait_until(lambda: frames(live) - before > self.FRAMES_BEFORE, 10, "a transfer in full swing")
            assert client.running()
            interruption()
            assert client.running(), "it was over before"
            measured(f"{client.finish(60).seconds:.1f} s in all")
        finally:
            client.kill()


BOTH_WAYS = pytest.mark.parametrize("verb, address", (("get", SERVER_V4), ("sip", SERVER_V6)), ids=("get v4", "sip v6"))


@pytest.mark.on("tun", "udp", "xdp")
class TestBrokenLine(Interrupted):
    """Data is in flight both ways of the break: what we have sent, and what we acknowledge."""

    program = transfer.PROGRAM
    SECONDS = 3

    @BOTH_WAYS
    def test_transfer_goes_on_after_silence(self, live, measured, verb, address):
        def silence():
            live.namespace.lose(DEVICE, 1)
            let_pass(self.SECONDS)
            live.namespace.lose(DEVICE, 0)

        self.survives(live, verb, address, silence, measured)

    @BOTH_WAYS
    @pytest.mark.ethernet
    def test_transfer_goes_on_after_the_link_was_down(self, live, measured, verb, address):
        live.namespace.run("sysctl", "-qw", f"net.ipv6.conf.{DEVICE}.keep_addr_on_down=1")

        def unplug():
            live.namespace.run("ip", "link", "set", DEVICE, "down")
            let_pass(self.SECONDS)
            live.namespace.run("ip", "link", "set", DEVICE, "up")

        self.survives(live, verb, address, unplug, measured)


@pytest.mark.on("xdp-generic")
class TestFlappingAddress(Interrupted):
    """Owned addresses: the server answers for its own, and has to find the client's again."""

    program = transfer.PROGRAM

    @BOTH_WAYS
    def test_client_loses_its_address_for_a_while(self, live, measured, verb, address):
        own = f"{HOST_V6}/64" if ":" in address else f"{HOST_V4}/24"

        def flap():
            live.namespace.run("ip", "addr", "del", own, "dev", DEVICE)
            let_pass(1)
            live.namespace.run("ip", "addr", "add", own, "dev", DEVICE, *(("nodad",) if ":" in address else ()))

        self.survives(live, verb, address, flap, measured)

    @BOTH_WAYS
    def test_client_moves_to_another_link_address(self, live, measured, verb, address):
        def move():
            live.namespace.run("ip", "link", "set", "dev", DEVICE, "address", "02:00:00:00:66:08")
            live.namespace.run("ip", "neigh", "flush", "dev", DEVICE)

        self.survives(live, verb, address, move, measured)

    @BOTH_WAYS
    def test_host_takes_the_address_for_a_while(self, live, measured, verb, address):
        """An operator's mistake: the log says so, and the connection does not notice."""
        taken = f"{address}/{64 if ':' in address else 24}"

        def take():
            live.far.run("ip", "addr", "add", taken, "dev", PEER_DEVICE)
            let_pass(1)
            live.far.run("ip", "addr", "del", taken, "dev", PEER_DEVICE)

        self.survives(live, verb, address, take, measured)
