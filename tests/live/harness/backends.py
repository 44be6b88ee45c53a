"""The servers that the suite can be pointed at, each behind the same addresses: 10.66.0.2 and fd66::2, port 8080,
reached from a namespace through a device called wh0.

`nginx` is no backend of ours: it proves the harness and the clients, behind a veth pair, when there is doubt about
which side is at fault."""

import dataclasses
import os
import pathlib
import re

from .wait import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEVICE = "wh0"
HOST_V4, HOST_V6 = "10.66.0.1", "fd66::1"
SERVER_V4, SERVER_V6, PORT = "10.66.0.2", "fd66::2", 8080
LISTENING = f"Now listening on: http://{SERVER_V4}:{PORT}"


@dataclasses.dataclass(frozen=True)
class Backend:
    """`settings` become --set arguments. `smoke`: only tests marked smoke run, the rest says nothing new about it."""

    name: str
    ethernet: bool
    settings: tuple = ()
    smoke: bool = False
    ours: bool = True


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("tun", ethernet=False),
        Backend("tap", ethernet=True, settings=("backend.layer=ethernet",), smoke=True),
        Backend("nginx", ethernet=True, ours=False),
    )
}
DEFAULT_BACKENDS = ("tun", "tap")


def binary(build):
    """The server of a build folder, such as `release`; WINDHOVER_BUILD names another place for the folders."""
    return pathlib.Path(os.environ.get("WINDHOVER_BUILD", REPOSITORY / "build")) / build / "windhover"


class Windhover:
    """`windhover serve` in a namespace of the client's: the device's kernel side is the client's interface."""

    def __init__(self, namespace, backend, root, scratch, build="release", settings=(), cpu=None):
        self._namespace = namespace
        self._scratch = pathlib.Path(scratch)
        self._arguments = ["taskset", "-c", str(cpu)] if cpu is not None else []
        self._arguments += [binary(build), "serve", "--config", REPOSITORY / "config" / "tun.json", "--root", root]
        for setting in (*backend.settings, *settings):
            self._arguments += ["--set", setting]
        self._process = None
        self._ending = False

    @property
    def pids(self):
        return [self._process.pid]

    @property
    def output(self):
        """Everything that it has printed so far, with what it was started as."""
        printed = "".join(self._read(name) for name in ("stdout", "stderr"))
        return f"$ {' '.join(map(str, self._arguments))}\n{printed}"

    def _read(self, name):
        path = self._scratch / f"server.{name}"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self):
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                           UBSAN_OPTIONS="print_stacktrace=1")
        with open(self._scratch / "server.stdout", "wb") as out, open(self._scratch / "server.stderr", "wb") as err:
            self._process = self._namespace.popen(*self._arguments, stdout=out, stderr=err, env=environment)
        wait_until(lambda: LISTENING in self.output or self._process.poll() is not None, 60,
                   lambda: f"'{LISTENING}'\n{self.output}")
        assert self._process.poll() is None, f"the server ended at start with {self._process.returncode}\n{self.output}"
        # Duplicate address detection keeps the host's IPv6 address back for a second on a device that has neighbours.
        tentative = ("ip", "-6", "addr", "show", "dev", DEVICE, "tentative")
        wait_until(lambda: not self._namespace.run(*tentative).stdout.strip(), 10,
                   f"an IPv6 address on {DEVICE} that is ready for use")

    def alive(self):
        return self._process.poll() is None

    def stop(self, meanwhile=lambda: None, timeout_seconds=45):
        """SIGTERM; returns the exit status. `meanwhile` is called all the time until the end."""
        if self._process is None:
            return 0
        if self.alive():
            if not self._ending:
                self.signal()

            def ended():
                meanwhile()
                return not self.alive()

            wait_until(ended, timeout_seconds, lambda: f"an end after SIGTERM\n{self.output}")
        return self._process.returncode

    def signal(self):
        """SIGTERM, without waiting for what follows."""
        self._ending = True
        self._process.terminate()

    def kill(self):
        if self._process is not None and self.alive():
            self._process.kill()
            self._process.wait()


_NGINX_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile {files};
error_log {scratch}/error.log; pid {scratch}/nginx.pid;
events {{ worker_connections {connections}; }}
http {{
  types {{ text/html html; text/css css; image/png png; image/svg+xml svg; text/plain txt; }}
  default_type application/octet-stream;
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout {keep_alive};
  client_header_timeout {headers}; client_max_body_size 30000000; open_file_cache max=1000; etag on;
  client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
  server {{
    {listen}
    root {root}; index index.html; error_page 404 /404.html;
  }}
}}
"""


class Nginx:
    """nginx with one worker. `listen`: (address, port) pairs in the namespace it is started in."""

    def __init__(self, namespace, root, scratch, listen, keep_alive="130s", headers="30s", cpu=None):
        self._namespace = namespace
        self._scratch = pathlib.Path(scratch)
        self._cpu = cpu
        self._process = None
        files, lines = 20000, "".join(
            f"listen {f'[{address}]' if ':' in address else address}:{port} backlog=4096;" for address, port in listen)
        self._configuration = _NGINX_CONFIGURATION.format(
            scratch=scratch, root=root, listen=lines, keep_alive=keep_alive, headers=headers, files=files,
            connections=files - 500)

    @property
    def pids(self):
        return [self._process.pid]

    @property
    def output(self):
        log = self._scratch / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self):
        path = self._scratch / "nginx.conf"
        path.write_text(self._configuration)
        pinned = ["taskset", "-c", str(self._cpu)] if self._cpu is not None else []
        with open(self._scratch / "error.log", "ab") as err:
            self._process = self._namespace.popen(*pinned, "/usr/sbin/nginx", "-c", path, stderr=err)
        wait_until(lambda: "nginx" in self._namespace.run("ss", "-Htlnp").stdout or not self.alive(), 10,
                   "nginx listening")
        assert self.alive(), self.output

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def stop(self, _=None, timeout_seconds=10):
        if self.alive():
            self._process.terminate()
            wait_until(lambda: not self.alive(), timeout_seconds, "nginx ended")
        return 0

    kill = stop


def join_by_veth(client, server):
    """Connects two namespaces by a veth pair with the addresses that the suite uses; the client's end is called wh0."""
    client.run("ip", "link", "add", DEVICE, "type", "veth", "peer", "name", "peer0", "netns", server.name)
    for namespace, device, v4, v6 in ((client, DEVICE, HOST_V4, HOST_V6), (server, "peer0", SERVER_V4, SERVER_V6)):
        namespace.run("ip", "addr", "add", f"{v4}/24", "dev", device)
        namespace.run("ip", "addr", "add", f"{v6}/64", "dev", device, "nodad")
        namespace.run("ip", "link", "set", device, "up")


def nginx_setting(settings, key, default):
    """What of a --set means something to nginx."""
    for setting in settings:
        name, _, value = setting.partition("=")
        if name == key:
            return value
    return default


SUMMARY = re.compile(r"^.*\bframes_in=\d+.*$", re.MULTILINE)


def parse_summary(output):
    """The counters of the one summary line that the server prints at its end, as {name: number}."""
    lines = SUMMARY.findall(output)
    assert len(lines) == 1, f"{len(lines)} summary lines instead of one in\n{output}"
    return {name: int(value) for name, value in re.findall(r"([a-z][\w.]*)=(\d+)", lines[0])}

