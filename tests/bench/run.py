#!/usr/bin/python3
"""./dev bench: what a request costs, and how windhover over TUN compares with nginx over the kernel's own paths.

Two kinds of figure, of unlike worth:
  instructions   per keep-alive request on the memory device, counted by callgrind: exact and repeatable.
  live           requests per second and per server-CPU-second, taken in turns (A B A B ...), because the speed of a
                 shared machine drifts by a factor of two within a minute. Only the ratios of neighbours mean anything.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import math
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))

from harness import backends, netns, wrk  # noqa: E402
from harness.site import Site  # noqa: E402

CLIENT_CPU, SERVER_CPU = 0, 1
BODIES = {"13 B": "hello.txt", "4 KB": "4k.bin", "50 KB": "50k.bin", "1 MB": "1m.bin"}
SUBJECTS = ("windhover/tun", "nginx/loopback", "nginx/veth")
OURS, PEERS = SUBJECTS[0], SUBJECTS[1:]
LEGEND = """\
Paths     windhover/tun   wrk -> kernel TCP -> wh0 (TUN with offloads) -> windhover's stack, in one namespace
          nginx/loopback  wrk -> kernel TCP -> lo -> kernel TCP -> nginx, in one namespace: the kernel's shortest path
          nginx/veth      wrk -> kernel TCP -> veth pair -> kernel TCP -> nginx, in two namespaces
Client    wrk, one thread, pinned to CPU {client}; the server is pinned to CPU {server}.
CPU time  rate/cpu is requests per CPU-second that /proc/PID/stat charges to the server (user and system) and to
          ksoftirqd of its CPU. The kernel does receive work in the context of whoever transmits. So the client's TCP
          receive work is charged to the server, whichever it is; but the receive work of nginx's TCP is charged to wrk,
          while windhover's own TCP runs in windhover. `busy` is how busy the server's CPU was as a whole, other
          processes included: far above what the server needs, it says that the machine was not quiet.
Ratio     geometric mean over the pairs of windhover / nginx measured next to each other, with the smallest and largest
          pair.
"""


@dataclasses.dataclass(frozen=True)
class Sample:
    rate: float
    rate_per_cpu: float
    busy: float
    p50_us: float
    p99_us: float


def process_cpu_seconds(pids):
    """User and system time of all threads of the processes."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def ksoftirqd(cpu):
    """The kernel thread that does a CPU's overdue network work; an empty list where it cannot be seen."""
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8").strip() == f"ksoftirqd/{cpu}":
                return [int(path.parent.name)]
    return []


def cpu_seconds(cpu):
    """(busy, all) time of a CPU."""
    for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name == f"cpu{cpu}":
            times = [int(field) for field in fields[:8]]
            return sum(times) - times[3] - times[4], sum(times)
    raise RuntimeError(f"no CPU {cpu}")


class Subject:
    """A server that stands still, stopped by signal, while another one is being measured."""

    def __init__(self, name, namespace, server, url):
        self.name = name
        self._namespace = namespace
        self._server = server
        self._url = url

    def signal(self, number):
        for pid in self._server.pids:
            os.kill(pid, number)

    def measure(self, file, connections, seconds):
        self.signal(signal.SIGCONT)
        try:
            # The first second warms caches and congestion windows.
            wrk.run(self._namespace, f"{self._url}/{file}", connections, 1, CLIENT_CPU)
            charged = self._server.pids + ksoftirqd(SERVER_CPU)
            used, (busy, ticks) = process_cpu_seconds(charged), cpu_seconds(SERVER_CPU)
            result = wrk.run(self._namespace, f"{self._url}/{file}", connections, seconds, CLIENT_CPU)
            used = process_cpu_seconds(charged) - used
            busy_after, ticks_after = cpu_seconds(SERVER_CPU)
        finally:
            self.signal(signal.SIGSTOP)
        if result.socket_errors or result.bad_statuses:
            raise RuntimeError(f"{self.name}: errors under load\n{result.text}\n{self._server.output}")
        return Sample(result.rate, result.requests / max(used, 0.01), (busy_after - busy) / max(1, ticks_after - ticks),
                      result.p50_us, result.p99_us)


@contextlib.contextmanager
def subjects(scratch, build):
    """Starts the three servers and yields them by name."""
    with contextlib.ExitStack() as stack:
        site = Site(scratch / "root")
        made = {}

        def add(name, namespace, server, url):
            stack.callback(server.kill)
            server.start()
            made[name] = Subject(name, namespace, server, url)
            # A stopped process does not take SIGTERM.
            stack.callback(made[name].signal, signal.SIGCONT)
            made[name].signal(signal.SIGSTOP)

        def folder(name):
            (scratch / name).mkdir()
            return scratch / name

        tun = stack.enter_context(netns.Namespace("tun"))
        print(f"Congestion control of the kernel: {tun.congestion_control}")
        url = f"http://{backends.SERVER_V4}:{backends.PORT}"
        if backends.binary(build).exists():
            server = backends.Windhover(tun, backends.BACKENDS["tun"], site.root, folder("tun"), build, cpu=SERVER_CPU)
            add(OURS, tun, server, url)
        loopback = stack.enter_context(netns.Namespace("lo"))
        server = backends.Nginx(loopback, site.root, folder("lo"), [("127.0.0.1", backends.PORT)], cpu=SERVER_CPU)
        add("nginx/loopback", loopback, server, f"http://127.0.0.1:{backends.PORT}")
        client = stack.enter_context(netns.Namespace("veth"))
        peer = stack.enter_context(netns.Namespace("peer"))
        backends.join_by_veth(client, peer)
        server = backends.Nginx(peer, site.root, folder("veth"), [(backends.SERVER_V4, backends.PORT)], cpu=SERVER_CPU)
        add("nginx/veth", client, server, url)
        yield made


def spread(ratios):
    return {"geometric_mean": math.exp(statistics.fmean(map(math.log, ratios))), "min": min(ratios), "max": max(ratios),
            "pairs": len(ratios)}


def compare(samples):
    """Ratios ours / theirs, pair by pair, for each peer."""
    found = {}
    for peer in PEERS:
        if not samples.get(OURS) or not samples.get(peer):
            continue
        pairs = list(zip(samples[OURS], samples[peer]))
        found[peer] = {key: spread([getattr(ours, key) / getattr(theirs, key) for ours, theirs in pairs])
                       for key in ("rate", "rate_per_cpu")}
    return found


def show(body, samples, ratios):
    print(f"\n{body} bodies")
    print(f"  {'':16}{'requests/s':>14}{'rate/cpu':>14}{'busy':>8}{'p50':>11}{'p99':>11}   (medians)")
    for name, taken in samples.items():
        rate, per_cpu, busy, p50, p99 = (statistics.median(getattr(sample, field.name) for sample in taken)
                                         for field in dataclasses.fields(Sample))
        print(f"  {name:16}{rate:14,.0f}{per_cpu:14,.0f}{busy:8.0%}{p50:8,.0f} us{p99:8,.0f} us")
    for peer, ratio in ratios.items():
        for key, label in (("rate_per_cpu", "per server-CPU-second"), ("rate", "requests/s")):
            value = ratio[key]
            print(f"  ratio to {peer:15} {label:22} {value['geometric_mean']:6.2f}   "
                  f"({value['min']:.2f} .. {value['max']:.2f}, {value['pairs']} pairs)")


def live(options):
    """Measures every subject with every body, in turns."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="windhover-bench-"))
    results = {}
    try:
        with subjects(scratch, options.build) as made:
            if OURS not in made:
                print(f"{backends.binary(options.build)} is not built: nginx alone is measured")
            for body, file in BODIES.items():
                samples = {name: [] for name in made}
                for _ in range(options.pairs):
                    for name, subject in made.items():
                        samples[name].append(subject.measure(file, options.connections, options.seconds))
                ratios = compare(samples)
                show(body, samples, ratios)
                rows = {name: [dataclasses.asdict(sample) for sample in taken] for name, taken in samples.items()}
                results[body] = {"samples": rows, "ratios": ratios}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results


def instructions(build):
    """Counts, with callgrind, the instructions of one keep-alive request on the memory device, stack and HTTP."""
    program = backends.binary(build).with_name("request_bench")
    if not program.exists():
        print(f"{program} is not built: instructions are not counted")
        return None
    if not shutil.which("valgrind"):
        print("valgrind is not installed: instructions are not counted")
        return None
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           "--toggle-collect=*counted_serve*",
                           program, "1000"], capture_output=True, text=True, timeout=600, check=True)
    requests = int(re.search(r"requests: (\d+)", done.stdout).group(1))
    counted = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
    each = counted / requests
    print(f"Instructions of one keep-alive request and its answer (13 B), stack and HTTP, memory device: {each:.0f}")
    print(f"  ({counted} in {requests} requests, bursts of 32, software checksums, callgrind)")
    return each


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4, help="turns per body size")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--build", default="release", help="build folder of the server")
    parser.add_argument("--quick", action="store_true", help="two turns of one second: for a look, not for a claim")
    parser.add_argument("--only", choices=("instructions", "live"))
    parser.add_argument("--json", type=pathlib.Path, default=backends.REPOSITORY / "build" / "bench.json")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.seconds = 2, 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    report = {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "kernel": os.uname().release, "cpus": os.cpu_count(), "pairs": options.pairs, "seconds": options.seconds,
              "connections": options.connections}
    if options.only != "live":
        report["instructions"] = instructions(options.build)
    if options.only != "instructions":
        two_cpus = "needs two CPUs, one for the client and one for the server"
        why = netns.unavailable_because() or (os.cpu_count() < 2 and two_cpus)
        if why:
            print(f"live comparison SKIPPED: {why}")
        else:
            netns.sweep()
            print(LEGEND.format(client=CLIENT_CPU, server=SERVER_CPU))
            report["live"] = live(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nAll figures: {options.json}")


if __name__ == "__main__":
    main()
