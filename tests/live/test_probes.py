"""What a network administrator tries first: ping, closed ports, neighbours."""

import errno
import re
import socket

import pytest
from harness.backends import DEVICE, PORT, SERVER_V4, SERVER_V6

CLOSED_PORT = 9


class TestProbes:
    pytestmark = pytest.mark.smoke

    # 1472 and 1452 bytes fill an MTU of 1500; 0 leaves no room for ping's own time stamp.
    @pytest.mark.parametrize("size", (0, 1, 56, 57, 512, 1400, 1472))
    def test_ping(self, live, size):
        self._ping(live, "-4", SERVER_V4, size)

    @pytest.mark.parametrize("size", (0, 1, 56, 57, 512, 1400, 1452))
    def test_ping_6(self, live, size):
        self._ping(live, "-6", SERVER_V6, size)

    # Questions that the kernel sends in fragments, and reads the answers to; 65507 is the largest there is in IPv4.
    @pytest.mark.parametrize("size", (1473, 5000, 65507))
    def test_ping_in_fragments(self, live, size):
        self._ping(live, "-4", SERVER_V4, size, "dont")

    @pytest.mark.parametrize("size", (1453, 5000, 65487))
    def test_ping_6_in_fragments(self, live, size):
        self._ping(live, "-6", SERVER_V6, size, "dont")

    def _ping(self, live, family, address, size, discovery="do"):
        # With -w, ping waits for its five answers; without it, no longer than for two round trips after the last.
        done = live.namespace.run("ping", family, "-n", "-c", 5, "-i", "0.05", "-w", 10, "-M", discovery, "-s", size,
                                  "-p", "a5", address, check=False)
        answered = re.findall(r"icmp_seq=(\d+) ", done.stdout)
        assert answered == ["1", "2", "3", "4", "5"], done.stdout + done.stderr
        assert "wrong data byte" not in done.stdout, done.stdout

    @pytest.mark.parametrize("family, address", ((socket.AF_INET, SERVER_V4), (socket.AF_INET6, SERVER_V6)),
                             ids=("v4", "v6"))
    @pytest.mark.parametrize("question", (b"anybody there?", b"anybody there?" * 500), ids=("whole", "in fragments"))
    def test_udp_to_a_closed_port_gives_port_unreachable(self, live, family, address, question):
        with live.namespace.socket(family, socket.SOCK_DGRAM) as probe:
            probe.settimeout(5)
            probe.connect((address, CLOSED_PORT))
            probe.send(question)
            with pytest.raises(ConnectionRefusedError):
                probe.recv(100)

    @pytest.mark.parametrize("family, address", ((socket.AF_INET, SERVER_V4), (socket.AF_INET6, SERVER_V6)),
                             ids=("v4", "v6"))
    def test_tcp_to_a_closed_port_is_refused(self, live, family, address):
        with live.namespace.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            assert probe.connect_ex((address, CLOSED_PORT)) == errno.ECONNREFUSED

    @pytest.mark.ours
    def test_other_addresses_do_not_answer(self, live):
        with live.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            assert probe.connect_ex(("10.66.0.3", PORT)) != 0


class TestNeighbours:
    pytestmark = pytest.mark.ethernet

    @pytest.mark.parametrize("family, address", (("-4", SERVER_V4), ("-6", SERVER_V6)), ids=("ARP", "NDP"))
    def test_forgotten_neighbour_is_found_again(self, live, family, address):
        """The kernel keeps no entry: the ping can only be answered after ARP or NDP was."""
        for _ in range(3):
            live.namespace.run("ip", family, "neigh", "flush", "dev", DEVICE)
            live.namespace.run("ping", family, "-n", "-c", 1, "-W", 5, address)
            entry = live.namespace.run("ip", family, "neigh", "show", address, "dev", DEVICE).stdout
            assert "lladdr" in entry and "FAILED" not in entry

    def test_both_families_have_one_link_address(self, live):
        found = set()
        for family, address in (("-4", SERVER_V4), ("-6", SERVER_V6)):
            live.namespace.run("ping", family, "-n", "-c", 1, "-W", 5, address)
            words = live.namespace.run("ip", family, "neigh", "show", address, "dev", DEVICE).stdout.split()
            found.add(words[words.index("lladdr") + 1])
        assert len(found) == 1

    @pytest.mark.parametrize("family, address", (("-4", "10.66.0.77"), ("-6", "fd66::77")), ids=("ARP", "NDP"))
    def test_address_that_is_not_ours_is_not_claimed(self, live, family, address):
        done = live.namespace.run("ping", family, "-n", "-c", 1, "-W", 1, address, check=False)
        assert done.returncode != 0
        assert "lladdr" not in live.namespace.run("ip", family, "neigh", "show", address, "dev", DEVICE).stdout


class TestMovedHost:
    """A namespace of its own: for a while after a move the server still speaks to where the host was."""

    pytestmark = pytest.mark.ethernet

    @pytest.mark.parametrize("family, address, mac", (("-4", SERVER_V4, "02:00:00:00:66:04"),
                                                      ("-6", SERVER_V6, "02:00:00:00:66:06")), ids=("v4", "v6"))
    def test_changed_link_address_of_the_host_is_learned(self, live, family, address, mac):
        """The server does not believe the first claim, but must follow once the old link address stays silent."""
        live.namespace.run("ping", family, "-n", "-c", 1, "-w", 20, address)
        live.namespace.run("ip", "link", "set", "dev", DEVICE, "address", mac)
        live.namespace.run("ip", family, "neigh", "flush", "dev", DEVICE)
        # With -w, ping asks once a second until it has an answer.
        live.namespace.run("ping", family, "-n", "-c", 1, "-w", 20, address)
