"""Some cells of the simulator's table (tests/stack/lane/netsim.golden), and what two Linux kernels make of the same
line: TUN devices in two namespaces with a program between them that delays, loses and queues as the simulator does."""

import contextlib
import dataclasses
import re
import statistics
import subprocess

from harness import backends, netns, transfer
from harness.wait import wait_until

GOLDEN = backends.REPOSITORY / "tests" / "stack" / "lane" / "netsim.golden"
RATE = 2_500_000  # As in tests/sim/table.cc, and so the two below.
SECONDS = 20
PAYLOAD_OF_PACKET = (1500 - 52) / 1500
SENDER = "10.77.0.1"


@dataclasses.dataclass(frozen=True)
class Cell:
    """Percentages, milliseconds, KiB."""

    loss: float
    rtt: float
    queue: int
    reorder: int = 0

    def __str__(self):
        order = f"{self.reorder} % reordered" if self.reorder else "in order"
        return f"RTT {self.rtt:>5g} ms, queue {self.queue:>3} KiB, {order}, loss {self.loss:g} %"


CELLS = [Cell(loss, rtt, queue) for rtt, queue in ((10, 16), (10, 256), (100, 256)) for loss in (0, 0.1, 1, 3, 10)]
CELLS += [Cell(loss, 10, 256, 5) for loss in (0, 1)]


def golden_goodput(cell):
    """The checked-in goodput, in per cent of the line's."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    losses = next(line for line in lines if re.match(r" +0 %", line))
    columns = [float(number) for number in re.findall(r"([\d.]+) %", losses)]
    start = str(cell).rpartition(",")[0]
    row = next(line for line in lines if line.startswith(start))
    return float(row[len(start):].split()[columns.index(cell.loss)])


@contextlib.contextmanager
def kernels(cell, seed):
    """Two kernels with the line between them; yields the receiver's namespace."""
    with contextlib.ExitStack() as resources:
        sender = resources.enter_context(netns.Namespace("line"))
        receiver = resources.enter_context(netns.Namespace("line-far"))
        line = subprocess.Popen(
            [backends.binary("release", "line"), *(f"/run/netns/{each.name}" for each in (sender, receiver)),
             "--loss", str(cell.loss / 100), "--reorder", str(cell.reorder / 100), "--rtt", str(cell.rtt),
             "--rate", str(RATE), "--queue", str(cell.queue << 10), "--seed", str(seed)], stdout=subprocess.PIPE,
            text=True)
        resources.callback(line.wait)
        resources.callback(line.kill)
        assert line.stdout.readline(), "the line did not start"
        server = sender.popen(backends.binary("release", transfer.PROGRAM), "kernel", SENDER, backends.PORT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        resources.callback(server.wait)
        resources.callback(server.kill)
        wait_until(lambda: sender.run("ss", "-Htln").stdout, 10, "the kernel's server listening")
        yield receiver


def run(options):
    """Prints ours beside the kernel's; each cell takes about twenty seconds a round."""
    print(f"Goodput of one flow in per cent of the line's ({RATE * 8 // 1_000_000} Mbit/s, CUBIC): the stack's in "
          f"virtual time, two kernels' on the same line, {options.rounds} rounds (smallest .. largest)", flush=True)
    results = {}
    for cell in CELLS:
        ours = golden_goodput(cell)
        size = max(int(RATE * PAYLOAD_OF_PACKET * SECONDS * ours / 100), 1 << 20)
        shares = []
        for seed in range(1, options.rounds + 1):
            with kernels(cell, seed) as receiver:
                outcome = transfer.run(receiver, "get", SENDER, size, timeout_seconds=600)
            shares.append(100 * outcome.goodput / (RATE * PAYLOAD_OF_PACKET))
        kernel = statistics.mean(shares)
        results[str(cell)] = {"ours": ours, "kernel": shares}
        print(f"{str(cell):<60} ours {ours:>5.1f}   kernel {kernel:>5.1f} ({min(shares):.1f} .. {max(shares):.1f})   "
              f"ratio {ours / kernel:.2f}", flush=True)
    return results
