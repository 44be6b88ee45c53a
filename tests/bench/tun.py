"""windhover over TUN beside nginx over the kernel's own paths."""

import contextlib
import os
import signal

import measure
from harness import backends, netns
from harness.site import Site, public_folder

SUBJECTS = ("windhover/tun", "nginx/loopback", "nginx/veth")
OURS, PEERS = SUBJECTS[0], SUBJECTS[1:]
LEGEND = f"""\
Paths     windhover/tun   wrk -> kernel TCP -> wh0 (TUN with offloads) -> windhover's stack, in one namespace
          nginx/loopback  wrk -> kernel TCP -> lo -> kernel TCP -> nginx, in one namespace: the kernel's shortest path
          nginx/veth      wrk -> kernel TCP -> veth pair -> kernel TCP -> nginx, in two namespaces
Client    wrk, one thread, pinned to CPU {measure.CLIENT_CPU}; the server is pinned to CPU {measure.SERVER_CPU}.
{measure.CPU_TIME}"""


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

    def measure(self, file, load):
        self.signal(signal.SIGCONT)
        try:
            sample = measure.measure(self._namespace, f"{self._url}/{file}", self._server.pids, load)
        finally:
            self.signal(signal.SIGSTOP)
        if sample.errors:
            raise RuntimeError(f"{self.name}: errors under load\n{sample.text}\n{self._server.output}")
        return sample


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
        url, cpu = f"http://{backends.SERVER_V4}:{backends.PORT}", measure.SERVER_CPU
        if backends.binary(build).exists():
            server = backends.Windhover(tun, backends.BACKENDS["tun"], site.root, folder("tun"), build, cpu=cpu)
            add(OURS, tun, server, url)
        loopback = stack.enter_context(netns.Namespace("lo"))
        server = backends.Nginx(loopback, site.root, folder("lo"), [("127.0.0.1", backends.PORT)], cpu=cpu)
        add("nginx/loopback", loopback, server, f"http://127.0.0.1:{backends.PORT}")
        client = stack.enter_context(netns.Namespace("veth"))
        peer = stack.enter_context(netns.Namespace("peer"))
        backends.join_by_veth(client, peer)
        server = backends.Nginx(peer, site.root, folder("veth"), [(backends.SERVER_V4, backends.PORT)], cpu=cpu)
        add("nginx/veth", client, server, url)
        yield made


def run(options):
    """Measures every subject with every body, in turns."""
    print(LEGEND)
    results = {}
    load = measure.Load(options.connections, options.seconds)
    with public_folder("bench") as scratch, subjects(scratch, options.build) as made:
        if OURS not in made:
            print(f"{backends.binary(options.build)} is not built: nginx alone is measured")
        for body, file in measure.BODIES.values():
            samples = {name: [] for name in made}
            for _ in range(options.rounds):
                for name, subject in made.items():
                    samples[name].append(subject.measure(file, load))
            print(f"\n{body} bodies")
            measure.show_samples(samples)
            found = {peer: measure.ratios(samples.get(OURS, []), samples[peer]) for peer in PEERS}
            found = {peer: ratio for peer, ratio in found.items() if ratio}
            measure.show_ratios(found)
            rows = {name: [measure.as_row(sample) for sample in taken] for name, taken in samples.items()}
            results[body] = {"samples": rows, "ratios": found}
    return results
