#!/usr/bin/python3
"""./dev bench: what a request costs, and how windhover compares with servers over the kernel's own TCP.

  instructions   per keep-alive request on the memory device, counted by callgrind: exact and repeatable.
  tun            over TUN beside nginx over loopback and veth.
  xdp            on AF_XDP beside nginx, a minimal epoll server and a stateless AF_XDP responder, on one veth pair.
  udp            on a UDP socket behind the kernel's vxlan device, beside nginx and the epoll server on loopback.
  memory         of a million idle connections on the memory device, and of ten thousand of them that wake.
  netsim         goodput on bad lines as the simulator has it, beside two kernels on the same line.

Without a name, the first two. Live figures are taken in turns (A B A B ...), because the speed of a shared machine
drifts by a factor of two within a minute. Only the ratios of neighbours mean anything."""

import argparse
import datetime
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))

import instructions  # noqa: E402
import measure  # noqa: E402
import memory  # noqa: E402
import netsim  # noqa: E402
import tun  # noqa: E402
import udp  # noqa: E402
import xdp  # noqa: E402
from harness import backends, netns  # noqa: E402

SERVERS = ("windhover", "nginx", "epoll", "responder")


def listed(kind, allowed=None):
    """A type for argparse: values with commas between them."""

    def parse(text):
        values = [kind(part) for part in text.split(",")]
        for value in values:
            if allowed and value not in allowed:
                raise argparse.ArgumentTypeError(f"{value} is none of {', '.join(allowed)}")
        return values

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="?", choices=("instructions", "tun", "xdp", "udp", "memory", "netsim"))
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--build", default="release", help="build folder of the server")
    parser.add_argument("--quick", action="store_true", help="two turns of one second: for a look, not for a claim")
    parser.add_argument("--rounds", "--pairs", type=int, help="turns of each server (tun 4, the others 3)")
    parser.add_argument("--connections", type=listed(int), help="such as 1,64,512 (xdp those three, the others 64)")
    parser.add_argument("--json", type=pathlib.Path, help="where all figures go (build/bench.json, bench-xdp.json)")
    only_xdp = parser.add_argument_group("xdp and udp")
    only_xdp.add_argument("--bodies", type=listed(str, measure.BODIES), default=list(measure.BODIES),
                          help="some of " + ",".join(measure.BODIES))
    only_xdp.add_argument("--servers", type=listed(str, SERVERS), default=list(SERVERS),
                          help="some of " + ",".join(SERVERS))
    only_xdp.add_argument("--lanes", action="store_true",
                          help="xdp: windhover with 1 or 2 queues and 1 or 2 lanes instead")
    only_xdp.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="given to windhover")
    only_xdp.add_argument("--verbose", action="store_true", help="show what the servers printed, counters included")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 1
    is_xdp = options.which == "xdp"
    options.rounds = options.rounds or (4 if options.which in (None, "tun") else 3)
    options.connections = options.connections or ([1, 64, 512] if is_xdp else [64])
    name = f"bench-{options.which}.json" if options.which in ("xdp", "udp", "memory", "netsim") else "bench.json"
    options.json = options.json or backends.REPOSITORY / "build" / name
    return options


def run_tun(options):
    """Over TUN one number of connections is measured."""
    options.connections = options.connections[0]
    return tun.run(options)


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "kernel": os.uname().release, "cpus": os.cpu_count(), "rounds": options.rounds,
              "seconds": options.seconds, "connections": options.connections}
    if options.which in (None, "instructions"):
        report["instructions"] = instructions.run(options.build)
    if options.which == "memory":
        report["memory"] = memory.run(options.build)
    elif options.which != "instructions":
        why = netns.unavailable_because() or measure.unavailable_because()
        if why:
            print(f"live comparison SKIPPED: {why}")
        else:
            netns.sweep()
            name, run = {"xdp": ("xdp", xdp.run), "udp": ("udp", udp.run), "netsim": ("netsim", netsim.run)}.get(
                options.which, ("live", run_tun))
            report[name] = run(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nAll figures: {options.json}")


if __name__ == "__main__":
    main()
