"""wrk, and what it prints."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    socket_errors: int
    bad_statuses: int
    p50_us: float
    p99_us: float
    text: str

    @property
    def rate(self):
        return self.requests / self.seconds


_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


def _number(pattern, text, default=None):
    found = re.search(pattern, text)
    if found is None:
        if default is None:
            raise AssertionError(f"wrk printed no {pattern!r}:\n{text}")
        return default
    return found


def _latency(percent, text):
    found = _number(rf"{percent}%\s+([\d.]+)(us|ms|s|m)\b", text)
    return float(found.group(1)) * _UNITS[found.group(2)]


def run(namespace, url, connections, seconds, cpu=None, threads=1):
    """Loads `url` for that long; `cpu` is one or several ("0,1")."""
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    # wrk gives up on a request after its timeout and counts it as a socket error.
    text = namespace.run(*pinned, "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "8s",
                         "--latency", url, timeout=seconds + 60).stdout
    total = _number(r"(\d+) requests in ([\d.]+)(s|m),", text)
    duration = float(total.group(2)) * (60 if total.group(3) == "m" else 1)
    errors = _number(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text, 0)
    bad = _number(r"Non-2xx or 3xx responses: (\d+)", text, 0)
    return Result(int(total.group(1)), duration, sum(map(int, errors.groups())) if errors else 0,
                  int(bad.group(1)) if bad else 0, _latency(50, text), _latency(99, text), text)
