"""Our stack and the kernel's, both ways, beside the same between two kernels.

Figures are noted and never decide. Each pair is ours and the kernel's one after the other, because the machine's speed
changes within a minute."""

import dataclasses
import itertools
import math
import statistics

import pytest
from conftest import require_program
from harness import transfer
from harness.backends import DEVICE, PEER_DEVICE, SERVER_V4, SERVER_V6

MIB = 1 << 20
FULL_SIZE = 256 * MIB
ADDRESSES = {"v4": SERVER_V4, "v6": SERVER_V6}


@dataclasses.dataclass(frozen=True)
class Cell:
    """`verb`: get, we send; put, we receive; sip, we receive and stop reading again and again."""

    verb: str
    congestion_control: str  # The client's.
    family: str
    loss: float = 0

    def __str__(self):
        return f"{self.verb} {self.congestion_control} {self.family}" + (f" {self.loss:.0%}" if self.loss else "")


def cells(verbs, losses, full):
    """Every combination, or two of congestion control and family that have nothing in common."""
    peers = itertools.product(("cubic", "bbr"), ADDRESSES) if full else (("cubic", "v4"), ("bbr", "v6"))
    return [Cell(verb, *peer, loss) for loss, verb, peer in itertools.product(losses, verbs, list(peers))]


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        each = cells(metafunc.cls.verbs, metafunc.cls.losses, metafunc.config.getoption("--full"))
        metafunc.parametrize("cell", each, ids=str)


@pytest.fixture(scope="class")
def kernel(live):
    """(client's, server's) namespace of two kernels with nothing else between them."""
    require_program(transfer.PROGRAM)
    with transfer.kernel_line() as line:
        yield line


def measure_pairs(live, kernel, cell, size, rounds, timeout_seconds):
    """[(ours, the kernel's), ...], in turns."""
    lines = live.namespace, kernel[0]
    return [[transfer.run(line, cell.verb, ADDRESSES[cell.family], size, cell.congestion_control, timeout_seconds)
             for line in lines] for _ in range(rounds)]


def as_text(pairs):
    ratios = [ours.goodput / theirs.goodput for ours, theirs in pairs]
    ours, theirs = (statistics.fmean(each.goodput for each in side) / 1e6 for side in zip(*pairs))
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    return (f"{pairs[0][0].size / MIB:g} MiB: {ours:,.1f} MB/s, between kernels {theirs:,.1f} MB/s; ratio {mean:.2f} "
            f"({min(ratios):.2f} .. {max(ratios):.2f}, {len(ratios)} pairs)")


@pytest.mark.on("tun", "udp", "xdp")
class TestTransfer:
    """On a clean line, with offloads as they come."""

    program = transfer.PROGRAM
    verbs, losses = ("get", "put", "sip"), (0,)

    def test_every_byte_arrives(self, live, kernel, measured, request, cell):
        size = FULL_SIZE if request.config.getoption("--full") else 16 * MIB if cell.verb == "sip" else 64 * MIB
        measured(as_text(measure_pairs(live, kernel, cell, size, 3, 120)))


@pytest.mark.on("tun", "udp", "xdp")
class TestFrameByFrame:
    """Without super-frames, as on a wire, so that each frame has its own luck when some get lost, each way."""

    program = transfer.PROGRAM
    verbs, losses = ("get", "put"), (0, 0.01, 0.05)
    SIZES = {0: 32 * MIB, 0.01: 8 * MIB, 0.05: MIB}

    @staticmethod
    def settings(backend):
        if backend.tunnel:
            return ()
        return ("backend.bulk=off",) if backend.veth else ("backend.offload=false",)

    @pytest.fixture(scope="class", autouse=True)
    def single_frames(self, live, kernel):
        for namespace, device in ((live.namespace, DEVICE), (kernel[0], DEVICE), (kernel[1], PEER_DEVICE)):
            transfer.send_single_frames(namespace, device)

    def test_every_byte_arrives(self, live, kernel, measured, request, cell):
        full = request.config.getoption("--full")
        for namespace in (live.namespace, kernel[0]):
            namespace.lose(DEVICE, cell.loss)
        try:
            pairs = measure_pairs(live, kernel, cell, FULL_SIZE if full else self.SIZES[cell.loss], 3 if full else 2,
                                  1200 if full else 120)
            for namespace in (live.namespace, kernel[0]):
                assert bool(namespace.lost()) == bool(cell.loss), "the loss did not take place as it should"
        finally:
            for namespace in (live.namespace, kernel[0]):
                namespace.lose(DEVICE, 0)
        measured(as_text(pairs))
