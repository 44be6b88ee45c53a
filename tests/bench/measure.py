"""Figures about a server under load: rates, latency, and the CPU time that it took."""

import contextlib
import dataclasses
import math
import os
import pathlib
import statistics

from harness import wrk

CLIENT_CPU, SERVER_CPU = 0, 1
BODIES = {"13b": ("13 B", "hello.txt"), "4k": ("4 KB", "4k.bin"), "50k": ("50 KB", "50k.bin"),
          "1m": ("1 MB", "1m.bin")}
CPU_TIME = """\
CPU time  rate/cpu is requests per CPU-second that /proc/PID/stat charges to the server (user and system) and to
          ksoftirqd of its CPU. The kernel does receive work in the context of whoever transmits. So the client's TCP
          receive work is charged to the server, whichever it is; but the receive work of nginx's TCP is charged to wrk,
          while windhover's own TCP runs in windhover. `busy` is how busy the server's CPU was as a whole, other
          processes included: far above what the server needs, it says that the machine was not quiet.
Ratio     geometric mean over the pairs of windhover / other measured next to each other, with the smallest and largest
          pair."""


@dataclasses.dataclass(frozen=True)
class Sample:
    rate: float
    rate_per_cpu: float
    busy: float
    p50_us: float
    p99_us: float
    errors: int
    text: str = ""


FIGURES = ("rate", "rate_per_cpu", "busy", "p50_us", "p99_us")


@dataclasses.dataclass(frozen=True)
class Load:
    """wrk's, on one CPU or on several ("0,1")."""

    connections: int
    seconds: int
    threads: int = 1
    cpus: str = str(CLIENT_CPU)

    def put_on(self, namespace, url, seconds=None):
        return wrk.run(namespace, url, self.connections, seconds or self.seconds, self.cpus, self.threads)


def unavailable_because():
    """Why a client and a server cannot be measured here, or None."""
    return None if os.cpu_count() >= 2 else "needs two CPUs, one for the client and one for the server"


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


def measure(namespace, url, pids, load):
    """One sample of a server, after a second that warms caches and congestion windows."""
    load.put_on(namespace, url, 1)
    charged = pids + ksoftirqd(SERVER_CPU)
    used, (busy, ticks) = process_cpu_seconds(charged), cpu_seconds(SERVER_CPU)
    result = load.put_on(namespace, url)
    used = process_cpu_seconds(charged) - used
    busy_after, ticks_after = cpu_seconds(SERVER_CPU)
    return Sample(result.rate, result.requests / max(used, 0.01), (busy_after - busy) / max(1, ticks_after - ticks),
                  result.p50_us, result.p99_us, result.socket_errors + result.bad_statuses, result.text)


def spread(ratios):
    return {"geometric_mean": math.exp(statistics.fmean(map(math.log, ratios))), "min": min(ratios), "max": max(ratios),
            "pairs": len(ratios)}


def ratios(ours, theirs, keys=("rate", "rate_per_cpu")):
    """Ours / theirs, pair by pair; None where nothing was answered."""
    pairs = list(zip(ours, theirs))
    if not pairs or not all(getattr(sample, key) for pair in pairs for sample in pair for key in keys):
        return None
    return {key: spread([getattr(mine, key) / getattr(other, key) for mine, other in pairs]) for key in keys}


def as_row(sample):
    row = dataclasses.asdict(sample)
    del row["text"]
    return row


def show_samples(samples):
    """Medians of every subject, in a table; for the rates the spread too."""
    width = max(map(len, samples))
    print(f"  {'medians':{width}}{'requests/s':>13}{'rate/cpu':>11}{'(smallest .. largest)':>24}{'busy':>7}"
          f"{'p50':>12}{'p99':>12}")
    for name, taken in samples.items():
        rate, per_cpu, busy, p50, p99 = (statistics.median(getattr(sample, key) for sample in taken) for key in FIGURES)
        all_per_cpu = [sample.rate_per_cpu for sample in taken]
        ends = f"({min(all_per_cpu):,.0f} .. {max(all_per_cpu):,.0f})"
        errors = sum(sample.errors for sample in taken)
        print(f"  {name:{width}}{rate:13,.0f}{per_cpu:11,.0f}{ends:>24}{busy:7.0%}{p50:9,.0f} us{p99:9,.0f} us"
              f"{f'   {errors} ERRORS' if errors else ''}")


RATIO_LABELS = {"rate_per_cpu": "per server-CPU-second", "rate": "requests/s", "p50_us": "p50"}


def show_ratios(found):
    for peer, ratio in found.items():
        for key, label in RATIO_LABELS.items():
            if key in ratio:
                value = ratio[key]
                print(f"  ratio to {peer:18} {label:22} {value['geometric_mean']:6.2f}   "
                      f"({value['min']:.2f} .. {value['max']:.2f}, {value['pairs']} pairs)")
