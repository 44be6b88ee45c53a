"""What the log says at level debug of connections that end badly."""

import contextlib
import socket
import struct

import pytest
from harness.http import get
from harness.wait import wait_until
from test_hostile_peers import Deafness


def blocks(live):
    """The reports of connections that the server has printed: a first line with what is indented below it."""
    found = []
    for line in live.server.output.splitlines():
        if line.startswith("debug: "):
            found.append([line])
        elif line.startswith("  ") and found:
            found[-1].append(line)
        else:
            found.append([])
    return [block for block in found if block]


@pytest.mark.on("tun", "xdp")
@pytest.mark.ours
class TestFlightRecorder:
    settings = ("log.level=debug", "tcp.userTimeout=1s")

    def told(self, live, beginning):
        """The report whose first line has that in it, once there is one."""
        wait_until(lambda: any(beginning in block[0] for block in blocks(live)), 10, f"a report: {beginning}")
        return next(block for block in blocks(live) if beginning in block[0])

    def reset(self, live):
        """Sends nine bytes and a reset; returns what a report of that begins with."""
        client = live.connect()
        port = client.getsockname()[1]
        client.sendall(get("/hello.txt")[:9])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        return f":{port} ended: peer_reset"

    def test_peer_that_resets_is_told_with_its_last_segments(self, live):
        block = self.told(live, self.reset(live))
        assert block[1].startswith("  ESTABLISHED "), block
        assert any(" < P 1:10 ack 1 " in line for line in block), block
        assert any(" < R 10 " in line for line in block[-2:]), block

    def test_peer_that_vanishes_is_told_with_what_was_tried(self, live):
        with contextlib.closing(live.connect()) as client:
            with contextlib.closing(Deafness(live)):
                client.sendall(get("/hello.txt"))
                block = self.told(live, " ended: user_timed_out")
        assert any(" timeout outstanding " in line or " probe outstanding " in line for line in block), block

    def test_orderly_end_is_not_told(self, live):
        before = len(blocks(live))
        assert live.curl(f"{live.v4}/hello.txt") == "Hello, World!"
        self.told(live, self.reset(live))
        assert len(blocks(live)) == before + 1
