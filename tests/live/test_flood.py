"""A flood of SYNs from forged addresses, which nobody will ever answer for, while others are served."""

import contextlib
import math
import statistics
import time

import pytest
from conftest import require_program
from harness import flood, wrk
from harness.backends import HOST_V4, HOST_V6, PORT, SERVER_V4, SERVER_V6
from harness.crowd import Crowd, raise_file_limit
from harness.http import get

MIB = 1 << 20
SHARE_MIN = 0.2  # Far below what is measured: it says that the service has not collapsed, on a busy machine too.
RATE = 50_000  # A second: what takes no more than a tenth of two CPUs to send, beside wrk and a server.
ESTABLISHED = 500
NEW = 200


@pytest.mark.on("tun", "udp", "xdp")
class TestSynFlood:
    pytestmark = pytest.mark.ours

    @staticmethod
    def settings(backend):
        """Beyond the link answers need a gateway, unless they go where the question came from."""
        return () if backend.veth else (f"backend.gatewayV4={HOST_V4}", f"backend.gatewayV6={HOST_V6}")

    @pytest.fixture(scope="class", autouse=True)
    def prepared(self, live):
        require_program(flood.PROGRAM)
        assert raise_file_limit(ESTABLISHED + NEW)
        live.namespace.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")

    @staticmethod
    def crowd(live):
        request = get("/hello.txt")
        with live.connect() as probe:
            probe.sendall(request)
            size = len(probe.recv(65536))
        return contextlib.closing(Crowd(live.namespace, (SERVER_V4, SERVER_V6), PORT, request, size))

    def test_service_goes_on_under_a_million_forged_syns(self, live, quick, measured):
        """Connections made before the flood stay, memory does too, and after it everything is as before. How much of
        its speed the service keeps is noted."""
        seconds, rounds = (2, 1) if quick else (10, 2)
        url, ratios, resident, sent = f"{live.v4}/hello.txt", [], [], 0
        with self.crowd(live) as crowd:
            crowd.open(ESTABLISHED, 30)
            crowd.ask_all(30)
            for number in range(rounds):
                quiet = wrk.run(live.namespace, url, 64, seconds // 2)
                with flood.SynFlood(live, RATE * seconds, RATE, seed=number) as attack:
                    flooded = wrk.run(live.namespace, url, 64, seconds)
                assert flooded.socket_errors == 0 and flooded.bad_statuses == 0, flooded.text
                ratios.append(flooded.rate / quiet.rate)
                resident.append(live.server.resident_bytes)
                sent += attack.sent
                measured(f"{quiet.rate:,.0f} requests/s, {flooded.rate:,.0f} under {attack.sent / attack.seconds:,.0f} "
                         f"SYNs/s; {resident[-1] / MIB:.1f} MiB resident")
            assert crowd.ended() == 0
            crowd.ask_all(30)
        started = time.monotonic()
        assert live.curl("--connect-timeout", 1, url) == "Hello, World!"
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        measured(f"{sent:,} SYNs: service keeps {mean:.0%}; a connection after it took "
                 f"{(time.monotonic() - started) * 1000:.0f} ms")
        assert sent == RATE * seconds * rounds
        assert max(ratios) >= SHARE_MIN
        assert resident[-1] - resident[0] < 4 * MIB

    @pytest.mark.parametrize("address", (SERVER_V4, SERVER_V6), ids=("v4", "v6"))
    def test_new_connections_are_made_under_the_flood(self, live, measured, address):
        """Both families, whichever of them is flooded."""
        count = 3 * RATE
        with flood.SynFlood(live, count, RATE, address), self.crowd(live) as crowd:
            started = time.monotonic()
            crowd.open(NEW, 30)
            crowd.ask_all(30)
            seconds = time.monotonic() - started
        measured(f"{NEW} connections under the flood in {seconds:.2f} s")
