"""`windhover serve` with nothing said and nothing allowed: the portal on localhost."""

import contextlib
import hashlib
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

import pytest
from conftest import check_end, require, require_program
from harness import netns, wrk
from harness.backends import PORT, REPOSITORY
from harness.crowd import Crowd, raise_file_limit
from harness.http import get
from harness.site import PAGE_SEEN, public_folder, write_large
from harness.wait import wait_until
from test_browser import FLAGS

CONFINED = REPOSITORY / "tests" / "live" / "programs" / "confined.py"
LISTENING = re.compile(r"Now listening on: (http://\S+)")


class Confined:
    """A server that may do nothing, in a folder with the site as its `www`. `arguments` go behind `serve`."""

    def __init__(self, namespace, folder, program, arguments=()):
        self._namespace, self._folder = namespace, folder
        self._log = tempfile.NamedTemporaryFile(mode="w+", prefix="windhover-portal-")
        self._process = namespace.popen(sys.executable, "-B", CONFINED, program, "serve", *arguments, cwd=folder,
                                        stdout=self._log, stderr=subprocess.STDOUT)

    @property
    def output(self):
        return pathlib.Path(self._log.name).read_text(encoding="utf-8")

    @property
    def url(self):
        wait_until(lambda: LISTENING.search(self.output) or self._process.poll() is not None, 60,
                   lambda: f"'Now listening on'\n{self.output}")
        assert self._process.poll() is None, self.output
        return LISTENING.search(self.output).group(1)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self._process.terminate()
        return self._process.wait(45)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


@pytest.fixture(scope="class")
def home(site):
    """A folder that nobody may read, with the site and the program in it."""
    program = require_program("windhover")
    with public_folder("home") as folder:
        shutil.copytree(site.root, folder / "www")
        shutil.copy(program, folder / "windhover")
        yield folder


@pytest.fixture(scope="class")
def place(home):
    why = netns.unavailable_because()
    require(why is None, why)
    with netns.Namespace("portal") as namespace:
        yield namespace


@pytest.fixture(scope="class")
def large(home):
    """256 MiB, and their sum."""
    return write_large(home / "www" / "large.bin", 256 << 20)


@pytest.fixture(scope="class")
def server(home, place, large):
    made = Confined(place, home, home / "windhover")
    try:
        assert made.url == f"http://localhost:{PORT}"
        yield made
        status = made.stop()
        check_end(made.output, status, None, False)
    finally:
        made.kill()


def connect(place, host="127.0.0.1"):
    return place.connect(host, PORT, 20.0)


def read_all(connection):
    data = b""
    while part := connection.recv(1 << 20):
        data += part
    return data


class TestPortal:
    def test_says_where_it_stands_and_what_would_be_higher(self, server):
        said = server.output
        assert "on 3 UDP with the portal" in said
        assert re.search(r"Not on 2 TUN: open /dev/net/tun: .* \(errno 2\)\. \S", said), said
        assert "Not on 1 AF_XDP: no interface is named. Name one" in said

    @pytest.mark.parametrize("host", ("localhost", "127.0.0.1", "[::1]"))
    def test_curl_is_served(self, server, place, host):
        done = place.run("curl", "-sS", "--max-time", 20, f"http://{host}:{PORT}/hello.txt")
        assert done.stdout == "Hello, World!"

    def test_a_browser_shows_the_page(self, server, place, tmp_path):
        require(shutil.which("chromium"), "chromium is not installed")
        done = place.run("chromium", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000",
                         "--dump-dom", f"{server.url}/", timeout=120, check=False)
        assert f'data-seen="{PAGE_SEEN}"' in done.stdout, done.stdout + done.stderr[-3000:]

    def test_a_large_file_comes_whole(self, server, place, large, tmp_path, measured):
        path = tmp_path / "large.bin"
        done = place.run("curl", "-sS", "--max-time", 300, "-o", path, "-w", "%{speed_download}",
                         f"{server.url}/large.bin", timeout=320)
        with open(path, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == large
        measured(f"256 MiB through the portal: {float(done.stdout) / 1e6:,.0f} MB/s")

    def test_wrk_sees_no_error(self, server, place, quick, measured):
        result = wrk.run(place, f"{server.url}/hello.txt", 64, 2 if quick else 10)
        measured(f"wrk -c64 through the portal: {result.rate:,.0f} requests/s, p99 {result.p99_us / 1000:.2f} ms")
        assert result.socket_errors == 0 and result.bad_statuses == 0, result.text

    def test_a_half_close_is_answered(self, server, place):
        with connect(place) as connection:
            connection.sendall(get("/50k.bin"))
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 200 ") and len(answer) > 50_000

    def test_a_reset_client_leaves_nothing(self, server, place):
        for _ in range(20):
            with connect(place) as connection:
                connection.sendall(get("/1m.bin"))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert place.run("curl", "-sS", "--max-time", 20, f"{server.url}/hello.txt").stdout == "Hello, World!"

    def test_a_slow_reader_gets_everything(self, server, place, home):
        with connect(place) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            connection.sendall(get("/1m.bin", "Connection: close"))
            data = b""
            while part := connection.recv(4096):
                data += part
        assert data.endswith((home / "www" / "1m.bin").read_bytes())

    def test_a_body_in_small_pieces_is_taken(self, server, place):
        with connect(place) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b"POST /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300\r\n\r\n"
            for byte in head + b"x" * 300:
                connection.sendall(bytes([byte]))
            assert read_all(connection).startswith(b"HTTP/1.1 405 ")

    def test_2000_connections_at_once(self, server, place, measured):
        require(raise_file_limit(2000), "cannot open 2000 files: raise the limit (ulimit -Hn)")
        request = get("/hello.txt")
        with connect(place) as probe:
            probe.sendall(request)
            size = len(probe.recv(65536))
        with contextlib.closing(Crowd(place, ("127.0.0.1", "::1"), PORT, request, size)) as crowd:
            crowd.open(2000, 60)
            first = crowd.ask_all(60)
            assert crowd.ended() == 0
            measured(f"2,000 connections through the portal: all answered in {first:.2f} s")


class TestPlaces:
    """Ports and ends, each with a server of its own."""

    def test_a_second_server_takes_the_next_port(self, home, place):
        with contextlib.ExitStack() as resources:
            servers = [Confined(place, home, home / "windhover")]
            resources.callback(servers[0].kill)
            assert servers[0].url == f"http://localhost:{PORT}"
            servers.append(Confined(place, home, home / "windhover"))
            resources.callback(servers[1].kill)
            assert servers[1].url == f"http://localhost:{PORT + 1}"
            assert f"Port {PORT} of localhost is taken" in servers[1].output
            for each in servers:
                assert place.run("curl", "-sS", "--max-time", 20, f"{each.url}/hello.txt").stdout == "Hello, World!"
            refused = Confined(place, home, home / "windhover", ("--set", f"portal.url=http://localhost:{PORT}"))
            resources.callback(refused.kill)
            wait_until(lambda: "errno 98" in refused.output, 30, lambda: f"a refusal\n{refused.output}")
            assert [each.stop() for each in servers] == [0, 0]

    def test_a_named_backend_is_not_replaced(self, home, place):
        server = Confined(place, home, home / "windhover", ("--set", "backend.type=tun"))
        try:
            wait_until(lambda: "error:" in server.output, 30, lambda: f"a refusal\n{server.output}")
            assert "/dev/net/tun" in server.output and "listening" not in server.output
        finally:
            server.kill()

    def test_sigterm_lets_a_download_finish(self, home, place):
        server = Confined(place, home, home / "windhover")
        try:
            curl = place.popen("curl", "-sS", "--max-time", 60, "--limit-rate", "300K", f"{server.url}/1m.bin",
                               stdout=subprocess.PIPE)
            first = curl.stdout.read(1)
            status = server.stop()
            whole = first + curl.stdout.read()
            assert curl.wait() == 0 and status == 0, server.output
            assert whole == (home / "www" / "1m.bin").read_bytes()
        finally:
            server.kill()
