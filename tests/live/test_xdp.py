"""What is special about AF_XDP: a host that keeps its addresses, an interface that changes, ends of every kind."""

import contextlib
import json
import os
import re
import socket
import threading
import time

import pytest
from conftest import require
from harness import backends, wrk
from harness.backends import DEVICE, HOST_V4, HOST_V6, PEER_DEVICE, PORT, SERVER_V4, SERVER_V6
from harness.balancer import Balancer
from harness.crowd import Crowds, raise_file_limit
from harness.http import get
from harness.wait import wait_until

HOST_PORT = 8081  # The host's own web server, on the address that it shares.


@contextlib.contextmanager
def loading(live, seconds, connections=64):
    """wrk in the background; yields a list that holds its Result afterwards."""
    results = []
    load = threading.Thread(
        target=lambda: results.append(wrk.run(live.namespace, f"{live.v4}/hello.txt", connections, seconds)))
    load.start()
    try:
        yield results
    finally:
        load.join()


def xdp_of(live):
    """What is attached to the server's interface: {"mode": ..., "prog": ...}, or None."""
    return json.loads(live.far.run("ip", "-j", "-d", "link", "show", "dev", PEER_DEVICE).stdout)[0].get("xdp")


class UdpEcho:
    """A UDP service of the host, on the thread of a context manager."""

    def __init__(self, live, address):
        self._socket = live.far.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self):
        while True:
            data, sender = self._socket.recvfrom(2048)
            if data == b"end":
                return
            self._socket.sendto(data, sender)

    def __exit__(self, *_):
        self._socket.sendto(b"end", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.mark.on("xdp", "xdp-generic-shared")
class TestSharedAddress:
    def test_host_keeps_working_while_the_server_is_loaded(self, live, site, quick, tmp_path, measured):
        """nginx on another port of the same address, ping and UDP."""
        nginx = backends.Nginx(live.far, site.root, tmp_path, [(SERVER_V4, HOST_PORT), (SERVER_V6, HOST_PORT)])
        rounds = 0
        try:
            nginx.start()
            with UdpEcho(live, SERVER_V4) as echo, loading(live, 3 if quick else 8) as results:
                with live.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(5)
                    while not results:
                        rounds += 1
                        for host in (SERVER_V4, f"[{SERVER_V6}]"):
                            assert live.curl(f"http://{host}:{HOST_PORT}/hello.txt") == "Hello, World!"
                        live.namespace.run("ping", "-n", "-c", 1, "-W", 5, SERVER_V4)
                        client.sendto(b"%d" % rounds, (SERVER_V4, echo.port))
                        assert client.recv(100) == b"%d" % rounds
        finally:
            nginx.stop()
        measured(f"{rounds} rounds of nginx, ping and UDP beside {results[0].rate:,.0f} requests/s")
        assert results[0].socket_errors == 0 and results[0].bad_statuses == 0, results[0].text

    def test_connections_of_the_host_are_left_alone(self, live):
        """The host as a client, to a listener at the client's end."""
        with live.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((HOST_V4, 0))
            listener.listen()
            with live.far.connect(HOST_V4, listener.getsockname()[1]) as client:
                accepted, _ = listener.accept()
                with accepted:
                    client.sendall(b"from the host")
                    assert accepted.recv(100) == b"from the host"


@pytest.mark.on("xdp", "xdp-generic", "xdp-2-lanes")
class TestKill:
    def test_kill_under_load_leaves_the_interface_clean(self, live, tmp_path, measured):
        assert xdp_of(live)
        with loading(live, 2):
            wait_until(lambda: live.curl(f"{live.v4}/hello.txt"), 5, "an answer")
            live.server.kill()
            killed = time.monotonic()
            wait_until(lambda: xdp_of(live) is None, 5, "an interface without a program")
            clean_after = time.monotonic() - killed
            again = live.server.again(tmp_path)
            started = time.monotonic()
            again.start()
            assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
            served_after = time.monotonic() - started
        measured(f"clean after {clean_after * 1000:.0f} ms, serves {served_after * 1000:.0f} ms after the next start")
        assert again.stop() == 0
        assert xdp_of(live) is None


@pytest.mark.on("xdp", "xdp-generic", "xdp-2-lanes")
class TestInterface:
    settings = ("limits.shutdownTimeout=1s",)

    def _serves(self, live):
        return live.curl("--retry", 8, "--retry-all-errors", "--retry-delay", 0, "--connect-timeout", 1,
                         f"{live.v4}/hello.txt") == "Hello, World!"

    def test_second_server_is_refused_and_the_first_goes_on(self, live, tmp_path):
        second = live.server.again(tmp_path)
        with pytest.raises(AssertionError, match="ended at start"):
            second.start()
        assert PEER_DEVICE in second.output and "EBUSY" in second.output or "busy" in second.output
        assert self._serves(live)

    def test_interface_goes_down_and_comes_up(self, live):
        live.far.run("ip", "link", "set", PEER_DEVICE, "down")
        wait_until(lambda: "is down" in live.server.output, 5, lambda: f"a word about it\n{live.server.output}")
        live.far.run("ip", "link", "set", PEER_DEVICE, "up")
        assert self._serves(live)

    def test_smaller_mtu_is_told_and_a_restored_one_serves(self, live):
        mtu = live.backend.veth.mtu
        live.far.run("ip", "link", "set", PEER_DEVICE, "mtu", 1400)
        wait_until(lambda: "1400" in live.server.output, 5, lambda: f"a word about it\n{live.server.output}")
        live.far.run("ip", "link", "set", PEER_DEVICE, "mtu", mtu)
        assert self._serves(live)
        assert len(live.curl(f"{live.v4}/1m.bin", "-o", "/dev/null", "-w", "%{size_download}")) > 0


@pytest.mark.on("xdp", "xdp-generic")
class TestDeletedInterface:
    @pytest.fixture(scope="class", autouse=True)
    def another(self, live, tmp_path_factory):
        """The class's server has to end well; what is deleted is another one's interface."""
        assert live.server.stop() == 0
        server = live.server.again(tmp_path_factory.mktemp("deleted"))
        server.start()
        yield server
        server.kill()
        backends.join_by_veth(live.namespace, live.far, live.backend.veth)  # The end looks at its counters.

    def test_server_ends_with_a_clear_message(self, live, another):
        live.far.run("ip", "link", "delete", PEER_DEVICE)
        wait_until(lambda: not another.alive(), 10, lambda: f"an end\n{another.output}")
        assert another.stop() == 1
        assert f"{PEER_DEVICE}" in another.output and "lost" in another.output, another.output


@pytest.mark.on("xdp", "xdp-generic")
class TestPrivileges:
    """Three capabilities are enough, and none is left while serving."""

    NEEDED = ("net_raw", "net_admin", "bpf")

    def _as_nobody(self, live, *capabilities):
        named = ",".join(f"+{name}" for name in capabilities) or "-all"
        return ["setpriv", "--reuid", 65534, "--regid", 65534, "--clear-groups",
                "--inh-caps", f"-all{',' + named if capabilities else ''}",
                "--ambient-caps", f"-all{',' + named if capabilities else ''}", "--bounding-set", "-all," + named
                if capabilities else "-all"]

    def test_three_capabilities_are_enough_and_none_is_kept(self, live, tmp_path):
        assert live.server.stop() == 0
        os.chmod(tmp_path, 0o755)
        server = live.server.again(tmp_path)
        server.prefix = [str(word) for word in self._as_nobody(live, *self.NEEDED, "ipc_lock")]
        try:
            server.start()
            assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
            for pid in server.pids:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
                    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
                    assert status["Uid"].split()[0] == "65534"
            assert server.stop() == 0
        finally:
            server.kill()

    @pytest.mark.parametrize("missing", NEEDED)
    def test_missing_capability_is_named(self, live, tmp_path, missing):
        live.server.stop()
        os.chmod(tmp_path, 0o755)
        server = live.server.again(tmp_path)
        server.prefix = [str(word) for word in self._as_nobody(
            live, *(name for name in self.NEEDED if name != missing))]
        with pytest.raises(AssertionError, match="ended at start"):
            server.start()
        assert f"CAP_{missing.upper()}" in server.output, server.output


@pytest.mark.on("xdp", "xdp-2-lanes")
class TestDirectServerReturn:
    """Behind a balancer that tunnels: what it sends comes in IPIP or IP6IP6, the answers go straight to the client."""

    VIP_V4, VIP_V6 = "192.0.2.80", "2001:db8::80"
    settings = (f'backend.serviceAddresses=["{VIP_V4}", "{VIP_V6}"]',)

    @pytest.mark.parametrize("service, server, source", ((VIP_V4, SERVER_V4, HOST_V4), (VIP_V6, SERVER_V6, HOST_V6)),
                             ids=("IPIP", "IP6IP6"))
    def test_service_address_is_served_through_the_tunnel(self, live, site, service, server, source):
        host = f"[{service}]" if ":" in service else service
        with Balancer(live.namespace, service, server, source) as balancer:
            for scope in ("all", DEVICE):
                live.namespace.run("sysctl", "-qw", f"net.ipv4.conf.{scope}.rp_filter=0")
            got = live.curl(f"http://{host}:{PORT}/1m.bin", "-o", "/dev/null", "-w", "%{size_download}")
            assert int(got) == len(site.read("1m.bin"))
            assert balancer.forwarded > 0
        assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"

    def test_service_address_outside_of_a_tunnel_is_not_ours(self, live):
        live.namespace.run("ip", "route", "add", self.VIP_V4, "via", SERVER_V4, "dev", DEVICE)
        try:
            done = live.namespace.run("curl", "-sS", "--max-time", 2, f"http://{self.VIP_V4}:{PORT}/", check=False)
            assert done.returncode != 0
        finally:
            live.namespace.run("ip", "route", "delete", self.VIP_V4)


@pytest.mark.on("xdp", "xdp-2-lanes")
class TestManyConnections:
    def test_20000_connections(self, live, quick, measured):
        count = 2_000 if quick else 20_000
        processes = 2
        files = count // processes
        require(raise_file_limit(files), f"cannot open {files} files: raise the limit (ulimit -Hn)")
        live.namespace.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
        request = get("/hello.txt")
        with live.connect() as probe:
            probe.sendall(request)
            size = len(probe.recv(65536))
        everywhere = SERVER_V4, SERVER_V6
        with contextlib.closing(Crowds(processes, live.namespace, everywhere, PORT, request, size)) as crowd:
            crowd.open(count, 120)
            seconds = [crowd.ask_all(120) for _ in range(3)]
            assert crowd.ended() == 0
        measured(f"{count:,} connections answered in {', '.join(f'{each:.2f}' for each in seconds)} s")


@pytest.mark.on("xdp", "xdp-2-lanes")
class TestQueues:
    """The client's kernel moves a flow to another of its queues when a segment has to be sent again."""

    def test_loss_moves_flows_between_queues_and_nothing_is_lost(self, live, site):
        live.namespace.run("sysctl", "-qw", "net.core.txrehash=1")
        live.namespace.lose(DEVICE, 0.05)
        try:
            for _ in range(10):
                done = live.namespace.run(
                    "curl", "-sS", "--max-time", 60, "--parallel", "--parallel-max", 8, "-o", "/dev/null", "-w",
                    "%{http_code} %{size_download}\\n", f"{live.v4}/1m.bin?[1-8]", timeout=70).stdout
                assert re.findall(r"\d+ \d+", done) == [f"200 {len(site.read('1m.bin'))}"] * 8
        finally:
            live.namespace.lose(DEVICE, 0)


@pytest.mark.on("xdp")
class TestDoctor:
    def test_ladder_names_every_mode_and_why(self, live):
        done = live.far.run(backends.binary("release"), "doctor", "--interface", PEER_DEVICE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        text = done.stdout.lower()
        for word in ("zero-copy", "native", "generic", "tun", "queues", "mtu", "huge", "locked memory", "veth"):
            assert word in text, f"{word} is missing in\n{done.stdout}"
