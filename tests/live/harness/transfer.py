"""The program `transfer`: its clients, and the line on which a kernel serves them for comparison."""

import contextlib
import dataclasses
import re
import subprocess

from . import backends, netns
from .wait import wait_until

PROGRAM = "transfer"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a client has seen. `digest` was computed where the bytes arrived, `wanted` where they came from."""

    size: int
    seconds: float
    retransmitted: int
    digest: str
    wanted: str

    @property
    def goodput(self):
        """Bytes a second."""
        return self.size / self.seconds


_OUTCOME = re.compile(
    r"bytes=(?P<size>\d+) seconds=(?P<seconds>[\d.]+) retransmitted=(?P<retransmitted>\d+) "
    r"sha256=(?P<digest>\w*) wanted=(?P<wanted>\w+)")


class Client:
    """A transfer under way in a namespace. `verb` is get, put or sip (programs/protocol.h); a slow one reads at less
    than 50 MB/s."""

    def __init__(self, namespace, verb, address, size, congestion_control="cubic", slowly=False):
        self._what = f"{verb} {size} of {address} with {congestion_control}"
        self._process = namespace.popen(
            backends.binary("release", PROGRAM), verb, address, backends.PORT, size, "--congestion-control",
            congestion_control, *(("--slowly",) if slowly else ()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)

    def running(self):
        return self._process.poll() is None

    def finish(self, timeout_seconds):
        """Waits, and returns the Outcome of a transfer in which every byte is right."""
        try:
            printed, _ = self._process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self._what}: not within {timeout_seconds} s") from None
        found = _OUTCOME.search(printed)
        assert found, f"{self._what}: {printed}"
        outcome = Outcome(int(found["size"]), float(found["seconds"]), int(found["retransmitted"]), found["digest"],
                          found["wanted"])
        assert outcome.digest == outcome.wanted and self._process.returncode == 0, f"{self._what}: {printed}"
        return outcome

    def kill(self):
        self._process.kill()
        self._process.wait()


def run(namespace, verb, address, size, congestion_control="cubic", timeout_seconds=120):
    return Client(namespace, verb, address, size, congestion_control).finish(timeout_seconds)


@contextlib.contextmanager
def kernel_line(veth=backends.Veth()):
    """A veth pair of its own with the kernel at both ends; yields (client's, server's) namespace."""
    with contextlib.ExitStack() as resources:
        client = resources.enter_context(netns.Namespace("kernel"))
        server = resources.enter_context(netns.Namespace("kernel-far"))
        backends.join_by_veth(client, server, veth)
        process = server.popen(backends.binary("release", PROGRAM), "kernel", "::", backends.PORT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        resources.callback(process.wait)
        resources.callback(process.kill)
        wait_until(lambda: server.run("ss", "-Htln").stdout, 10, "the kernel's server listening")
        yield client, server


def send_single_frames(namespace, device):
    """Keeps the kernel from putting frames together, before it sends them and after they have come: iptables then loses
    frames, as a wire does, and not sixty kilobytes at once."""
    namespace.run("ip", "link", "set", "dev", device, "gso_max_segs", 1)
    namespace.run("ethtool", "-K", device, "gro", "off")
