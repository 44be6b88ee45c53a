"""Network namespaces: made, entered, always deleted.

A name is PREFIX + the maker's process id + a number, so that several runs may share a machine and a run that was killed
can be told from one that still works."""

import ctypes
import ctypes.util
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import typing

PREFIX = "wh-live-"
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_NETNS_FOLDER = "/var/run/netns"
_libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
_numbers = itertools.count(1)


class Counters(typing.NamedTuple):
    """Frames of an interface. `backlogged`: arrived and found the kernel's queue for its CPU full. `refused`: were not
    sent."""

    received: int
    backlogged: int
    sent: int
    refused: int


def lost_of(listing):
    """How many packets rules that drop at random have taken, by what `iptables -L -vxn` printed."""
    return sum(map(int, re.findall(r"^\s*(\d+)\s+\d+\s+DROP\b.*statistic", listing, re.MULTILINE)))


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(*args, check=True, timeout=30, **more):
    """Runs a command of the host and returns its CompletedProcess, output as text."""
    done = subprocess.run(args, capture_output=True, text=True, timeout=timeout, check=False, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)} exited with {done.returncode}: {done.stderr.strip()}")
    return done


def _stealing(probability):
    """A classic BPF program that takes that share of what is sent without the sender's knowledge. A rule that drops
    would tell it: TCP then waits for the next acknowledgement, which is nothing that a wire could do to it."""
    random_number, stolen, accepted = 0xFFFFF000 + 56, 4, 0  # SKF_AD_OFF + SKF_AD_RANDOM; TC_ACT_STOLEN, TC_ACT_OK
    return (f"4,32 0 0 {random_number},53 1 0 {min(round(probability * 2**32), 2**32 - 1)},6 0 0 {stolen},"
            f"6 0 0 {accepted}")


def unavailable_because():
    """Why namespaces cannot be made here, or None when they can."""
    if os.geteuid() != 0:
        return "needs root to make network namespaces"
    probe = f"{PREFIX}{os.getpid()}-probe"
    made = run("ip", "netns", "add", probe, check=False)
    if made.returncode != 0:
        return f"cannot make a network namespace: {made.stderr.strip()}"
    run("ip", "netns", "delete", probe, check=False)
    return None


def sweep():
    """Deletes the namespaces, and the processes in them, of earlier runs whose maker no longer lives."""
    for name in re.findall(rf"^{PREFIX}\d+\S*", run("ip", "netns", "list", check=False).stdout, re.MULTILINE):
        maker = re.match(rf"{PREFIX}(\d+)", name).group(1)
        if not os.path.exists(f"/proc/{maker}"):
            _delete(name)


def _delete(name):
    for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    run("ip", "netns", "delete", name, check=False)


class Namespace:
    """A network namespace with loopback up, IPv6 on and a congestion control without pacing. A context manager: leaving
    it deletes it."""

    def __init__(self, label="ns"):
        self.name = f"{PREFIX}{os.getpid()}-{next(_numbers)}-{label}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        try:
            for scope in ("all", "default"):
                self.run("sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=0")
            # The host's default may be one that paces by timers, which would decide every comparison by itself. Which
            # others are allowed here is the host's decision too; without loss these two are alike.
            self.congestion_control = next(filter(self._control_congestion_by, ("cubic", "reno")))
            self.run("ip", "link", "set", "lo", "up")
        except BaseException:
            _delete(self.name)
            raise
        return self

    def __exit__(self, *_):
        _delete(self.name)

    def _control_congestion_by(self, name):
        return self.run("sysctl", "-qw", f"net.ipv4.tcp_congestion_control={name}", check=False).returncode == 0

    def _inside(self, args):
        return ["ip", "netns", "exec", self.name, *map(str, args)]

    def run(self, *args, **more):
        """run() inside."""
        return run(*self._inside(args), **more)

    def popen(self, *args, **more):
        """Starts a process inside; its pid is the command's own. It dies with the thread that called."""
        return subprocess.Popen(self._inside(args), preexec_fn=_die_with_parent, **more)

    def call(self, function, *args):
        """Runs a Python function on a thread that has entered the namespace. A socket that it makes stays inside for
        good."""
        outcome = {}

        def body():
            try:
                with open(f"{_NETNS_FOLDER}/{self.name}", "rb") as handle:
                    if _libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), f"setns {self.name}")
                outcome["result"] = function(*args)
            except BaseException as error:
                outcome["error"] = error

        thread = threading.Thread(target=body, name=self.name)
        thread.start()
        thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["result"]

    def socket(self, *args):
        """socket.socket(*args) inside."""
        return self.call(socket.socket, *args)

    def connect(self, address, port, timeout=10.0):
        """A TCP connection made inside."""
        return self.call(socket.create_connection, (address, port), timeout)

    def interface(self, name):
        """The Counters of an interface."""

        def read():
            with open("/proc/thread-self/net/dev", encoding="ascii") as file:
                for line in file:
                    device, _, numbers = line.partition(":")
                    if device.strip() == name:
                        fields = [int(number) for number in numbers.split()]
                        return Counters(fields[1], fields[3], fields[9], fields[11])
            raise RuntimeError(f"no interface {name}")

        return self.call(read)

    def unheard_datagrams(self):
        """How many UDP datagrams have come to ports where nobody listened."""
        listing = self.run("nstat", "-asz", "UdpNoPorts", "Udp6NoPorts").stdout
        return sum(map(int, re.findall(r"^Udp6?NoPorts\s+(\d+)", listing, re.MULTILINE)))

    def lose(self, device, probability):
        """Lets that share of the packets of `device` get lost at random, each way and in both families; 0 ends it."""
        self.run("tc", "qdisc", "delete", "dev", device, "clsact", check=False)
        for command in ("iptables", "ip6tables"):
            self.run(command, "-w", "-F", "INPUT")
        if not probability:
            return
        self.run("tc", "qdisc", "add", "dev", device, "clsact")
        for protocol in ("ip", "ipv6"):
            self.run("tc", "filter", "add", "dev", device, "egress", "protocol", protocol, "bpf", "direct-action",
                     "bytecode", _stealing(probability))
        for command in ("iptables", "ip6tables"):
            self.run(command, "-w", "-A", "INPUT", "-i", device, "-m", "statistic", "--mode", "random",
                     "--probability", str(probability), "-j", "DROP")

    def lost(self):
        """How many arriving packets have got lost since lose() was last called."""
        return sum(lost_of(self.run(command, "-w", "-L", "-vxn").stdout) for command in ("iptables", "ip6tables"))
