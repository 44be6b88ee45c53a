"""windhover on AF_XDP beside other servers on the same veth pair."""

import contextlib
import dataclasses
import shutil
import subprocess

import measure
from harness import backends, netns
from harness.site import Site, public_folder
from harness.wait import wait_until

OURS, CEILING = "windhover", "responder"
SUMMARY = ("rate_per_cpu", "rate", "p50_us")
LEGEND = f"""\
Line      wrk -> kernel TCP -> veth pair, offloads as they come -> the server on AF_XDP, or behind the kernel's TCP; in
          two namespaces. Each server is started for its turn and ended after it, on the same pair and the same address.
Servers   windhover  AF_XDP in native copy mode, address shared with the host
          nginx      one worker, sendfile
          epoll      tests/bench/epoll_server.cc: one read and one write a request, answers ready in memory
          responder  tests/bench/xdp_responder.cc: AF_XDP with no TCP behind it, the ceiling of the path; no 1 MB
"""
PINNED = (f"Client    wrk, one thread, pinned to CPU {measure.CLIENT_CPU}; "
          f"the server is pinned to CPU {measure.SERVER_CPU}.")
UNPINNED = "Client    wrk, two threads, on the two CPUs that two lanes run on; one lane runs on the second of them."


class Program:
    """One of the small servers: `processes` of it share the port. It says "ready" when it is."""

    def __init__(self, namespace, scratch, arguments, cpus):
        self._namespace = namespace
        self._scratch = scratch
        self._arguments = arguments
        self._cpus = cpus
        self._processes = []

    @property
    def pids(self):
        return [process.pid for process in self._processes]

    @property
    def output(self):
        return "".join(path.read_text() for path in sorted(self._scratch.glob("output-*")))

    def start(self):
        for cpu in self._cpus:
            with open(self._scratch / f"output-{cpu}", "wb") as file:
                self._processes.append(self._namespace.popen("taskset", "-c", cpu, *self._arguments, stdout=file,
                                                             stderr=subprocess.STDOUT))
        wait_until(lambda: self.output.count("ready") == len(self._cpus) or not self.alive(), 10,
                   lambda: f"'ready'\n{self.output}")
        assert self.alive(), self.output

    def alive(self):
        return all(process.poll() is None for process in self._processes)

    def stop(self):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=10)

    def kill(self):
        for process in self._processes:
            process.kill()
            process.wait()


@dataclasses.dataclass(frozen=True)
class Subject:
    """A server to be started again for each turn. `queues` of the veth pair are in use while it runs."""

    name: str
    make: object  # A function from an empty folder to a server.
    queues: int = 1
    bodies: tuple = tuple(measure.BODIES)
    client: object = None  # The namespace of its clients, unless it is the line's.
    address: str = backends.SERVER_V4


class Line:
    """The two namespaces and what lies between them."""

    def __init__(self, stack, queues):
        self.client = stack.enter_context(netns.Namespace("client"))
        self.server = stack.enter_context(netns.Namespace("server"))
        backends.join_by_veth(self.client, self.server, backends.Veth(queues=queues))
        self._most, self._now = queues, queues

    def use_queues(self, count):
        if self._most == 1 or count == self._now:
            return
        for namespace, device in ((self.client, backends.DEVICE), (self.server, backends.PEER_DEVICE)):
            namespace.run("ethtool", "-L", device, "rx", str(count), "tx", str(count))
        self._now = count


def _windhover(line, site, options, lanes):
    backend = dataclasses.replace(
        backends.BACKENDS["xdp"],
        settings=(f"backend.interface={backends.PEER_DEVICE}", "backend.mode=nativeCopy", f"lane.count={lanes}"))
    cpu = measure.SERVER_CPU if lanes == 1 else None
    return lambda scratch: backends.Windhover(line.server, backend, site.root, scratch, options.build,
                                              tuple(options.set), cpu)


def program(namespace, name, arguments, options, cpus=(measure.SERVER_CPU,)):
    """Makes one of the small servers in a namespace."""
    path = backends.binary(options.build).with_name(name)
    assert path.exists(), f"{path} is not built: ./dev build"
    return lambda scratch: Program(namespace, scratch, [path, *arguments], cpus)


def make_subjects(line, site, options):
    """By name, in the order of their turns; ours first."""
    where = (backends.SERVER_V4, backends.PORT)
    listen = (*where, site.root)
    if options.lanes:
        return [Subject("1 queue, 1 lane", _windhover(line, site, options, 1)),
                Subject("1 queue, 2 lanes", _windhover(line, site, options, 2)),
                Subject("2 queues, 2 lanes", _windhover(line, site, options, 2), queues=2),
                Subject("epoll, 2 processes", program(line.server, "epoll_server", listen, options, (0, 1)))]
    subjects = [
        Subject(OURS, _windhover(line, site, options, 1)),
        Subject("nginx", lambda scratch: backends.Nginx(line.server, site.root, scratch, [where],
                                                        cpu=measure.SERVER_CPU)),
        Subject("epoll", program(line.server, "epoll_server", listen, options)),
        Subject(CEILING, program(line.server, "xdp_responder", (backends.PEER_DEVICE, *listen), options),
                bodies=("13b", "4k", "50k"))]
    return [subject for subject in subjects if subject.name in options.servers]


def take_turn(line, subject, file, load, scratch, verbose):
    """Starts the server, measures it, and ends it."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    if line:
        line.use_queues(subject.queues)
    server = subject.make(scratch)
    try:
        server.start()
        url = f"http://{subject.address}:{backends.PORT}/{file}"
        sample = measure.measure(subject.client or line.client, url, server.pids, load)
        assert server.alive(), f"{subject.name} ended under load\n{server.output}"
        server.stop()
    finally:
        server.kill()
    if sample.errors:
        print(f"  {subject.name}: {sample.errors} errors under load\n{sample.text}")
    if sample.errors or verbose:
        print(f"\n{subject.name} said:\n{server.output}")
    return sample


def cell(line, subjects, body, connections, options, scratch):
    """One body size and number of connections: everybody in turns."""
    load = measure.Load(connections, options.seconds)
    if options.lanes:
        load = dataclasses.replace(load, threads=2, cpus="0,1")
    label, file = measure.BODIES[body]
    taking_part = [subject for subject in subjects if body in subject.bodies]
    samples = {subject.name: [] for subject in taking_part}
    for _ in range(options.rounds):
        for subject in taking_part:
            samples[subject.name].append(take_turn(line, subject, file, load, scratch, options.verbose))
    print(f"\n{label} bodies, {connections} connection{'s' if connections > 1 else ''}")
    measure.show_samples(samples)
    first, *others = (subject.name for subject in taking_part)
    ratios = {peer: measure.ratios(samples[first], samples[peer], SUMMARY) for peer in others}
    ratios = {peer: found for peer, found in ratios.items() if found}
    measure.show_ratios(ratios)
    return {"body": body, "connections": connections, "ratios": ratios,
            "samples": {name: [measure.as_row(sample) for sample in taken] for name, taken in samples.items()}}


def show_summary(cells):
    """Each cell's ratios on one line."""
    peers = list(dict.fromkeys(peer for each in cells for peer in each["ratios"]))
    if not peers:
        return
    first = next(iter(cells[0]["samples"]))
    width = max(24, *(len(peer) + 2 for peer in peers))
    print(f"\nThe first ({first}) / each other: per server-CPU-second, requests/s, p50")
    print(f"  {'body':>6}{'connections':>13}" + "".join(f"{peer:>{width}}" for peer in peers))
    for each in cells:
        row = f"  {measure.BODIES[each['body']][0]:>6}{each['connections']:13}"
        for peer in peers:
            found = each["ratios"].get(peer)
            figures = [f"{found[key]['geometric_mean']:.2f}" for key in SUMMARY] if found else ["-"]
            row += f"{'  '.join(figures):>{width}}"
        print(row)


def wanted_cells(options):
    """(body, connections), without the one cell that says nothing unless it was asked for alone."""
    for body in options.bodies:
        for connections in options.connections:
            if (body, connections) == ("1m", 512) and len(options.bodies) * len(options.connections) > 1:
                print("\n1 MB bodies, 512 connections: left out, half a gigabyte under way says nothing that 64 do not")
                continue
            yield body, connections


def run(options):
    """Measures every cell; returns what goes into the report."""
    print(LEGEND + (UNPINNED if options.lanes else PINNED))
    print(measure.CPU_TIME)
    cells = []
    try:
        with public_folder("bench") as scratch, contextlib.ExitStack() as stack:
            site = Site(scratch / "root")
            line = Line(stack, queues=2 if options.lanes else 1)
            print(f"Congestion control of the kernel: {line.client.congestion_control}")
            subjects = make_subjects(line, site, options)
            for body, connections in wanted_cells(options):
                cells.append(cell(line, subjects, body, connections, options, scratch / "turn"))
    except KeyboardInterrupt:
        print("\nstopped; what was measured so far:")
    show_summary(cells)
    return cells
