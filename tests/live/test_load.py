"""Many requests, many connections."""

import contextlib

import pytest
from conftest import require
from harness import wrk
from harness.backends import PORT, SERVER_V4, SERVER_V6
from harness.crowd import Crowd, raise_file_limit
from harness.http import get


class TestLoad:
    @pytest.mark.parametrize("connections", (64, 1000))
    @pytest.mark.parametrize("family", ("v4", "v6"))
    def test_wrk_sees_no_error(self, live, quick, measured, connections, family):
        seconds = 2 if quick else 10
        result = wrk.run(live.namespace, f"{getattr(live, family)}/hello.txt", connections, seconds)
        measured(f"wrk -c{connections} {family}: {result.rate:,.0f} requests/s, p99 {result.p99_us / 1000:.2f} ms")
        assert result.socket_errors == 0 and result.bad_statuses == 0, result.text
        assert result.requests > connections, result.text

    def test_wrk_sees_no_error_on_large_bodies(self, live, quick, measured):
        result = wrk.run(live.namespace, f"{live.v4}/1m.bin", 64, 2 if quick else 5)
        measured(f"wrk -c64 1 MB bodies: {result.rate * 8.388608 / 1000:.2f} Gbit/s")
        assert result.socket_errors == 0 and result.bad_statuses == 0, result.text

    def test_connections_that_come_and_go(self, live, site, measured):
        """One connection a request: handshakes, closing and TIME-WAIT on both sides."""
        live.namespace.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
        count = 2000
        for number in range(count):
            with live.connect(SERVER_V6 if number % 2 else SERVER_V4) as connection:
                connection.sendall(get("/hello.txt", "Connection: close"))
                data = b""
                while part := connection.recv(65536):
                    data += part
                assert data.endswith(b"\r\n\r\n" + site.read("hello.txt")), f"connection {number}: {data!r}"


class TestIdleCrowd:
    def test_10000_idle_connections_stay_while_others_are_served(self, live, quick, measured):
        count = 2_000 if quick else 10_000
        require(raise_file_limit(count), f"cannot open {count} files: raise the limit (ulimit -Hn)")
        live.namespace.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
        request = get("/hello.txt")
        with live.connect() as probe:
            probe.sendall(request)
            size = len(probe.recv(65536))
        with contextlib.closing(Crowd(live.namespace, (SERVER_V4, SERVER_V6), PORT, request, size)) as crowd:
            crowd.open(count, 60)
            first = crowd.ask_all(60)
            result = wrk.run(live.namespace, f"{live.v4}/4k.bin", 64, 2 if quick else 5)
            assert result.socket_errors == 0 and result.bad_statuses == 0, result.text
            assert crowd.ended() == 0
            second = crowd.ask_all(60)
            measured(f"{count:,} idle connections: all answered in {first:.2f} s and again in {second:.2f} s, "
                     f"{result.rate:,.0f} requests/s for others in between")
