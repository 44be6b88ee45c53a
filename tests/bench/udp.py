"""windhover on a UDP socket behind the kernel's vxlan device, beside servers over the kernel's own TCP on loopback."""

import contextlib

import measure
import xdp
from harness import backends, netns
from harness.site import Site, public_folder

LOOPBACK = "127.0.0.1"
OURS = "windhover"
SERVERS = (OURS, "windhover/veth", "epoll", "nginx")
LEGEND = f"""\
Line      windhover       wrk -> kernel TCP -> vxlan -> kernel UDP -> lo -> UDP socket -> windhover, in one namespace
          windhover/veth  the same with a veth pair in the place of lo, in two namespaces
          epoll, nginx    wrk -> kernel TCP -> lo -> kernel TCP -> the server, in one namespace
          Each server is started for its turn and ended after it.
Servers   epoll is tests/bench/epoll_server.cc: one read and one write a request, answers ready in memory
          nginx has one worker, and sendfile
{xdp.PINNED}
{measure.CPU_TIME}"""


def make_subjects(stack, site, options):
    """By name, in the order of their turns; ours first."""
    cpu = measure.SERVER_CPU
    tunnelled = stack.enter_context(netns.Namespace("udp-lo"))
    for command in backends.loopback_tunnel():
        tunnelled.run(*command)
    client = stack.enter_context(netns.Namespace("udp-client"))
    server = stack.enter_context(netns.Namespace("udp-server"))
    plain = stack.enter_context(netns.Namespace("lo"))
    on_veth = backends.BACKENDS["udp"]
    on_loopback = backends.Backend("udp-lo", ethernet=True, settings=backends.LOOPBACK_SETTINGS, config="udp.json",
                                   tunnel=backends.Tunnel())
    backends.join(client, server, on_veth)

    def windhover(namespace, backend):
        return lambda scratch: backends.Windhover(namespace, backend, site.root, scratch, options.build,
                                                  tuple(options.set), cpu)

    listen = (LOOPBACK, backends.PORT)
    subjects = [
        xdp.Subject(OURS, windhover(tunnelled, on_loopback), client=tunnelled),
        xdp.Subject("windhover/veth", windhover(server, on_veth), client=client),
        xdp.Subject("epoll", xdp.program(plain, "epoll_server", (*listen, site.root), options), client=plain,
                    address=LOOPBACK),
        xdp.Subject("nginx", lambda scratch: backends.Nginx(plain, site.root, scratch, [listen], cpu=cpu),
                    client=plain, address=LOOPBACK)]
    return [subject for subject in subjects if subject.name in options.servers or subject.name.startswith(OURS)]


def run(options):
    """Measures every cell: everybody in turns."""
    print(LEGEND)
    cells = []
    with public_folder("bench") as scratch, contextlib.ExitStack() as stack:
        subjects = make_subjects(stack, Site(scratch / "root"), options)
        for body in options.bodies:
            for connections in options.connections:
                cells.append(xdp.cell(None, subjects, body, connections, options, scratch / "turn"))
    xdp.show_summary(cells)
    return cells
