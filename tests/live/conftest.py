"""The live suite: a real server in a network namespace of its own, with the Linux kernel's clients as its peer.

Every test class gets a namespace and a server (fixture `live`); the class may say how:

    settings = ("limits.keepAliveTimeout=2s",)   # --set arguments, or a function that makes them for a Backend
    build = "dev"                                # the build folder whose server runs, "release" unless told
    program = "transfer"                         # what serves, "windhover" unless told
"""

import contextlib
import itertools
import os
import pathlib
import signal

import pytest

from harness import backends, netns
from harness.site import Site, public_folder
from harness.wait import wait_until


def pytest_addoption(parser):
    group = parser.getgroup("windhover")
    group.addoption("--backend", action="append", choices=sorted(backends.BACKENDS),
                    help="which server to test (repeatable)")
    group.addoption("--quick", action="store_true", help="shorter load, smaller files, fewer connections")
    group.addoption("--full", action="store_true", help="every cell of the transfers, 256 MiB each")
    group.addoption("--seed", type=lambda text: int(text, 0), default=0x57494E44, help="seed of what is random")
    group.addoption("--artifacts", type=pathlib.Path, default=backends.REPOSITORY / "build" / "live",
                    help="folder for screenshots and measurements")


def _interrupt(*_):
    raise KeyboardInterrupt


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: runs on every backend, not just on the main one")
    config.addinivalue_line("markers", "ethernet: is about a device with link addresses")
    config.addinivalue_line("markers", "on(*backends): is about these and runs on no other")
    config.addinivalue_line("markers", "ours: says something about windhover only, so it is left out for a stand-in")
    # Ends by signal take the same way out as Ctrl-C, so that every namespace is deleted.
    signal.signal(signal.SIGTERM, _interrupt)
    if netns.unavailable_because() is None:
        netns.sweep()


def pytest_report_header(config):
    return f"seed: {config.getoption('--seed'):#x}"


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        names = metafunc.config.getoption("--backend") or backends.DEFAULT_BACKENDS
        metafunc.parametrize("backend", [backends.BACKENDS[name] for name in names], ids=names, scope="class")


def _belongs(item):
    callspec = getattr(item, "callspec", None)
    backend = callspec.params.get("backend") if callspec else None
    if backend is None:
        return True
    only = item.get_closest_marker("on")
    if only:
        return backend.name in only.args
    marked = {mark.name for mark in item.iter_markers()}
    if "ethernet" in marked and not backend.ethernet or "ours" in marked and not backend.ours:
        return False
    return not backend.smoke or bool(marked & {"smoke", "ethernet"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Leaves out what says nothing about its backend, and sorts so that every class starts one server per backend."""
    config.hook.pytest_deselected(items=[item for item in items if not _belongs(item)])
    groups = {}
    for item in filter(_belongs, items):
        callspec = getattr(item, "callspec", None)
        groups.setdefault((item.cls, callspec and callspec.params.get("backend")), []).append(item)
    items[:] = itertools.chain.from_iterable(groups.values())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the server printed beside a test that failed."""
    report = (yield).get_result()
    live = getattr(item, "funcargs", {}).get("live")
    if report.failed and live is not None:
        report.sections.append(("the server", live.server.output))


def require(condition, why):
    """Skips where `condition` does not hold, except in CI, where it must."""
    if not condition:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


def require_program(name, build="release"):
    """The path of one of ours, which has to be built."""
    path = backends.binary(build, name)
    require(os.access(path, os.X_OK), f"{path} is not built")
    return path


@pytest.fixture(scope="session")
def quick(request):
    return request.config.getoption("--quick")


@pytest.fixture(scope="session")
def seed(request):
    return request.config.getoption("--seed")


@pytest.fixture(scope="session")
def artifacts(request):
    folder = request.config.getoption("--artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def site():
    """The files that the servers serve."""
    with public_folder("live") as folder:
        yield Site(folder)


MEASURED = "measured"  # The property of a test's report that is a line of figures.


@pytest.fixture
def measured(request):
    """Notes a line for the end of the run and for build/live/measured.txt."""
    folder = request.getfixturevalue("artifacts")

    def note(text):
        line = f"{request.node.nodeid.split('::')[-1]}: {text}"
        request.node.user_properties.append((MEASURED, line))
        with open(folder / "measured.txt", "a", encoding="utf-8") as file:
            file.write(line + "\n")

    return note


def pytest_terminal_summary(terminalreporter):
    reports = itertools.chain(terminalreporter.getreports("passed"), terminalreporter.getreports("failed"))
    lines = [line for report in reports if report.when == "call" for key, line in report.user_properties
             if key == MEASURED]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


class Live:
    """A running server and the namespace that its clients live in. `v4` and `v6` are its base URLs. `far` is the
    server's namespace: the same one, unless it is apart."""

    def __init__(self, namespace, far, server, backend):
        self.namespace = namespace
        self.far = far
        self.server = server
        self.backend = backend
        self.v4 = f"http://{backends.SERVER_V4}:{backends.PORT}"
        self.v6 = f"http://[{backends.SERVER_V6}]:{backends.PORT}"

    def connect(self, address=backends.SERVER_V4, timeout=10.0):
        return self.namespace.connect(address, backends.PORT, timeout)

    def curl(self, *args, timeout=30, check=True):
        """curl's standard output as bytes."""
        done = self.namespace.run("curl", "-sS", "--max-time", timeout, *args, timeout=timeout + 5, check=False)
        assert not check or done.returncode == 0, f"curl exited with {done.returncode}: {done.stderr}"
        return done.stdout


def _server(namespace, request, backend, root, scratch):
    """The class's server, not started. `namespace` is where it is to live."""
    settings = getattr(request.cls, "settings", ())
    if callable(settings):
        settings = settings(backend)
    if backend.ours:
        build, program = getattr(request.cls, "build", "release"), getattr(request.cls, "program", "windhover")
        require_program(program, build)
        return backends.Windhover(namespace, backend, root, scratch, build, settings, program=program)
    namespace.run("sysctl", "-qw", "net.ipv4.tcp_max_syn_backlog=8192", "net.core.somaxconn=8192",
                  "net.ipv6.conf.all.accept_ra=0")
    listen = [(address, backends.PORT) for address in (backends.SERVER_V4, backends.SERVER_V6)]
    return backends.Nginx(namespace, root, scratch, listen,
                          keep_alive=backends.nginx_setting(settings, "limits.keepAliveTimeout", "130s"),
                          headers=backends.nginx_setting(settings, "limits.requestHeadersTimeout", "30s"))


@pytest.fixture(scope="class")
def live(request, backend, tmp_path_factory):
    """Starts the server, and at the end checks that it stops as it should: status 0, one summary line whose counters
    add up, no sanitizer report."""
    why = netns.unavailable_because()
    require(why is None, why)
    root = request.getfixturevalue(getattr(request.cls, "root", "site")).root
    scratch = tmp_path_factory.mktemp("server")
    with contextlib.ExitStack() as resources:
        namespace = far = resources.enter_context(netns.Namespace(backend.name))
        if backend.apart:
            far = resources.enter_context(netns.Namespace("far"))
            backends.join(namespace, far, backend)
        server = _server(far, request, backend, root, scratch)
        resources.callback(server.kill)
        server.start()
        if backend.ethernet:
            # What it is asked while it makes sure of its addresses, for a second, it cannot answer yet.
            ask = ("ping", "-6", "-n", "-c", 1, "-W", 1, backends.SERVER_V6)
            wait_until(lambda: namespace.run(*ask, check=False).returncode == 0, 15, "an answer to ping")
        yield Live(namespace, far, server, backend)
        if backend.ours and server.killed:
            return
        # Who has ended it may have put another in its place, which has counted for itself.
        ended = backend.tunnel and not server.alive()
        watch = FrameWatch(namespace)
        wait_until(watch.at_rest, 30, "the clients' last frames")
        status = server.stop(watch)
        if backend.ours:
            missed = lost_in_tunnel(far) if backend.tunnel else None
            check_end(server.output, status, None if ended else watch.taken, backend.veth is not None, missed)


class FrameWatch:
    """Called again and again while a server ends: remembers how many frames it has read from its device at the last."""

    def __init__(self, namespace):
        self._namespace = namespace
        self.taken = None
        self._quiet_calls = 0
        self()

    def at_rest(self):
        """No connection of a client is still being closed, and nothing has been read for the last few calls."""
        before = self.taken
        self()
        self._quiet_calls = self._quiet_calls + 1 if self.taken == before else 0
        return self._quiet_calls >= 5 and not self._connections()

    def _connections(self):
        return self._namespace.run("ss", "-Htn", "state", "all", "exclude", "time-wait", "exclude", "listening").stdout

    def __call__(self):
        with contextlib.suppress(RuntimeError):  # The device goes with the server.
            self.taken = self._namespace.interface(backends.DEVICE).sent


# What the kernel may send between the last look at its counter and the end of the device: ACKs, router solicitations.
UNSEEN_FRAMES_MAX = 16


def lost_in_tunnel(far):
    """Frames that have left the client's tunnel and not come to the server's socket: others had filled the queue of a
    CPU, which all namespaces share, or nobody listened yet, or any more."""
    return far.interface(backends.PEER_DEVICE).backlogged + far.unheard_datagrams()


def check_end(output, status, taken, steered, missed=None):
    """`taken`: frames that the kernel has put into the device. `steered`: an XDP program chose among them. `missed`:
    the device is a tunnel's, and up to so many have not come to the server's socket."""
    assert status == 0, f"exit status {status}\n{output}"
    for report in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "CHECK failed"):
        assert report not in output, output
    counters = backends.parse_summary(output)
    ends = counters["frames_consumed"] + counters["frames_passed"] + counters["frames_dropped"]
    assert counters["frames_in"] == ends, f"{counters['frames_in']} frames in, {ends} accounted for\n{output}"
    mailed, lost = counters.get("mail.posted", 0), counters.get("mail.dropped", 0)
    arrived = counters["frames_in"] + counters.get("device.received_dropped", 0) + lost
    arrived += counters.get("vxlan.receive_overruns", 0)
    if steered:
        # What the kernel has steered to us, and not lost at a socket: exact, unless lanes have heard the same frame.
        redirected = counters.get("program.redirected", 0) - sum(
            counters.get(f"xdp.{name}", 0) for name in ("rx_dropped", "rx_ring_full"))
        assert 0 <= arrived - redirected <= mailed, f"{redirected} frames steered, {arrived} counted\n{output}"
        return
    if missed is not None:
        # The kernel may make several frames of one that it has counted.
        assert taken is None or arrived + missed >= taken, (
            f"{taken} frames sent, {arrived} counted and {missed} lost\n{output}")
        return
    assert taken is None or 0 <= arrived - taken <= UNSEEN_FRAMES_MAX + mailed, (
        f"the kernel sent {taken} frames, the server counts {arrived}\n{output}")
