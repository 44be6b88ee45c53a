"""The servers that the suite can be pointed at, each behind the same addresses: 10.66.0.2 and fd66::2, port 8080,
reached from a namespace through a device called wh0. With TUN that device is the server's own; otherwise the server
lives in a namespace of its own, at the other end of a veth pair, and wh0 is one end of it or, with UDP, the kernel's
own vxlan device on top of it.

`nginx` is no backend of ours: it proves the harness and the clients, behind a veth pair, when there is doubt about
which side is at fault."""

import dataclasses
import os
import pathlib
import re

from .wait import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEVICE, PEER_DEVICE = "wh0", "peer0"
HOST_V4, HOST_V6 = "10.66.0.1", "fd66::1"
SERVER_V4, SERVER_V6, PORT = "10.66.0.2", "fd66::2", 8080
SERVER_MAC = "02:57:0a:42:00:02"  # Of a server that has none by its device: made from its first address.
LISTENING = f"Now listening on: http://{SERVER_V4}:{PORT}"


@dataclasses.dataclass(frozen=True)
class Veth:
    """How the veth pair between a client and a server is made. `owned`: the server's end has no address in the
    kernel."""

    mtu: int = 1500
    queues: int = 1
    checksum_offload: bool = True
    owned: bool = False


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """How the kernel's vxlan device in front of a server is made. `v6`: what is outside."""

    VNI, PORT = 42, 4789
    DEVICE = "under0"  # The client's end of the veth pair below.

    v6: bool = False
    mtu: int = 1500  # Inside.
    checksum_offload: bool = True

    @property
    def mtu_outside(self):
        """Room for Ethernet, VXLAN, UDP and IP headers."""
        return self.mtu + (70 if self.v6 else 50)

    @property
    def ends(self):
        """The addresses outside: the client's and the server's."""
        return ("2001:db8::1", "2001:db8::2") if self.v6 else ("192.0.2.1", "192.0.2.2")

    @property
    def settings(self):
        """What the server must know of it."""
        client, server = (f"[{end}]" if self.v6 else end for end in self.ends)
        return (f"backend.listen={server}:{self.PORT}", f'backend.peers=["{client}:{self.PORT}"]',
                f"backend.vni={self.VNI}", f"backend.mtu={self.mtu}")


@dataclasses.dataclass(frozen=True)
class Backend:
    """`settings` become --set arguments. `smoke`: only tests marked smoke run, the rest says nothing new about it."""

    name: str
    ethernet: bool
    settings: tuple = ()
    smoke: bool = False
    ours: bool = True
    config: str = "tun.json"
    veth: Veth | None = None
    tunnel: Tunnel | None = None

    @property
    def apart(self):
        """The server is in a namespace of its own."""
        return bool(self.veth or self.tunnel)


def _udp(name, lanes=1, smoke=False, **tunnel):
    """windhover on a UDP socket, with the kernel's vxlan device in front of it."""
    tunnel = Tunnel(**tunnel)
    return Backend(name, ethernet=True, settings=(*tunnel.settings, f"lane.count={lanes}"), smoke=smoke,
                   config="udp.json", tunnel=tunnel)


def _xdp(name, generic=False, lanes=1, smoke=True, **veth):
    """windhover on AF_XDP at the far end of a veth pair."""
    veth = Veth(**veth)
    settings = (f"backend.interface={PEER_DEVICE}", f"backend.mode={'generic' if generic else 'nativeCopy'}",
                f"lane.count={lanes}")
    if veth.owned:
        settings += (f'backend.addresses=["{SERVER_V4}/24", "{SERVER_V6}/64"]',)
    return Backend(name, ethernet=True, settings=settings, smoke=smoke, config="xdp.json", veth=veth)


# Four of them run everything; the others run what is marked smoke and cover every pair of native or generic, shared or
# owned addresses, MTU, queues, lanes and checksum offload.
BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("tun", ethernet=False),
        Backend("tap", ethernet=True, settings=("backend.layer=ethernet",), smoke=True),
        Backend("tun-2-lanes", ethernet=False, settings=("lane.count=2",), smoke=True),
        _udp("udp"),
        _udp("udp-2-lanes", lanes=2, smoke=True, v6=True, checksum_offload=False),
        _xdp("xdp", smoke=False),
        _xdp("xdp-generic", generic=True, owned=True, smoke=False),
        _xdp("xdp-2-lanes", lanes=2, queues=2),
        _xdp("xdp-1-queue", lanes=2, owned=True, checksum_offload=False),
        _xdp("xdp-jumbo", owned=True, queues=2, mtu=9000, checksum_offload=False),
        _xdp("xdp-jumbo-2-lanes", lanes=2, queues=2, owned=True, mtu=9000),
        _xdp("xdp-jumbo-shared", mtu=9000, checksum_offload=False),
        _xdp("xdp-generic-shared", generic=True, queues=2, checksum_offload=False),
        _xdp("xdp-generic-jumbo", generic=True, lanes=2, mtu=9000),
        _xdp("xdp-generic-2-lanes", generic=True, lanes=2, queues=2, owned=True, mtu=9000, checksum_offload=False),
        Backend("nginx", ethernet=True, ours=False, veth=Veth()),
    )
}
DEFAULT_BACKENDS = tuple(name for name, backend in BACKENDS.items() if backend.ours)


def binary(build, program="windhover"):
    """A program of a build folder, such as `release`; WINDHOVER_BUILD names another place for the folders."""
    return pathlib.Path(os.environ.get("WINDHOVER_BUILD", REPOSITORY / "build")) / build / program


class Windhover:
    """`windhover serve` in a namespace: with TUN the client's, where its device's kernel side is the client's
    interface; else the far one. `program` may be another with the same command line."""

    def __init__(self, namespace, backend, root, scratch, build="release", settings=(), cpu=None, program="windhover"):
        self._made_by = namespace, backend, root, build, settings, cpu, program
        self._namespace = namespace
        self._backend = backend
        self._scratch = pathlib.Path(scratch)
        self.prefix = ["taskset", "-c", str(cpu)] if cpu is not None else []  # What it is started by.
        self._arguments = [binary(build, program), "serve", "--config", REPOSITORY / "config" / backend.config,
                           "--root", root]
        for setting in (*backend.settings, *settings):
            self._arguments += ["--set", setting]
        self._process = None
        self._ending = False
        self.killed = False

    def again(self, scratch):
        """Another server like this one, not started."""
        namespace, backend, root, *more = self._made_by
        return Windhover(namespace, backend, root, scratch, *more)

    @property
    def _command(self):
        return [*self.prefix, *self._arguments]

    @property
    def pids(self):
        return [self._process.pid]

    @property
    def resident_bytes(self):
        """Memory that it has touched and holds."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE).group(1)) * 1024

    @property
    def output(self):
        """Everything that it has printed so far, with what it was started as."""
        printed = "".join(self._read(name) for name in ("stdout", "stderr"))
        return f"$ {' '.join(map(str, self._command))}\n{printed}"

    def _read(self, name):
        path = self._scratch / f"server.{name}"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self):
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                           UBSAN_OPTIONS="print_stacktrace=1")
        with open(self._scratch / "server.stdout", "wb") as out, open(self._scratch / "server.stderr", "wb") as err:
            self._process = self._namespace.popen(*self._command, stdout=out, stderr=err, env=environment)
        wait_until(lambda: LISTENING in self.output or self._process.poll() is not None, 60,
                   lambda: f"'{LISTENING}'\n{self.output}")
        assert self._process.poll() is None, f"the server ended at start with {self._process.returncode}\n{self.output}"
        if self._backend.apart:
            return
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
            self.killed = True
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


def join_by_veth(client, server, veth=Veth()):
    """Connects two namespaces by a veth pair with the addresses that the suite uses; the client's end is called
    wh0."""
    queues = ("numtxqueues", veth.queues, "numrxqueues", veth.queues)
    client.run("ip", "link", "add", DEVICE, *queues, "mtu", veth.mtu, "type", "veth",
               "peer", "name", PEER_DEVICE, *queues, "mtu", veth.mtu, "netns", server.name)
    for namespace, device, v4, v6 in ((client, DEVICE, HOST_V4, HOST_V6), (server, PEER_DEVICE, SERVER_V4, SERVER_V6)):
        if not (veth.owned and namespace is server):
            namespace.run("ip", "addr", "add", f"{v4}/24", "dev", device)
            namespace.run("ip", "addr", "add", f"{v6}/64", "dev", device, "nodad")
        namespace.run("sysctl", "-qw", f"net.ipv6.conf.{device}.accept_ra=0")
        if not veth.checksum_offload:
            namespace.run("ethtool", "-K", device, "tx", "off")
        namespace.run("ip", "link", "set", device, "up")


def join_by_tunnel(client, server, tunnel):
    """Connects two namespaces by a veth pair, and gives the client the kernel's vxlan device wh0 on top of it with the
    addresses that the suite uses."""
    client.run("ip", "link", "add", tunnel.DEVICE, "mtu", tunnel.mtu_outside, "type", "veth",
               "peer", "name", PEER_DEVICE, "mtu", tunnel.mtu_outside, "netns", server.name)
    for namespace, device, end in zip((client, server), (tunnel.DEVICE, PEER_DEVICE), tunnel.ends):
        if tunnel.v6:
            namespace.run("ip", "addr", "add", f"{end}/64", "dev", device, "nodad")
        else:
            namespace.run("ip", "addr", "add", f"{end}/24", "dev", device)
        namespace.run("ip", "link", "set", device, "up")
    ours, theirs = tunnel.ends
    client.run("ip", "link", "add", DEVICE, "type", "vxlan", "id", tunnel.VNI, "local", ours, "remote", theirs,
               "dev", tunnel.DEVICE, "dstport", tunnel.PORT)
    client.run("ip", "addr", "add", f"{HOST_V4}/24", "dev", DEVICE)
    client.run("ip", "addr", "add", f"{HOST_V6}/64", "dev", DEVICE, "nodad")
    client.run("sysctl", "-qw", f"net.ipv6.conf.{DEVICE}.accept_ra=0")
    if not tunnel.checksum_offload:
        client.run("ethtool", "-K", DEVICE, "tx", "off")
    client.run("ip", "link", "set", DEVICE, "up")


LOOPBACK_PORT = 4790  # Where a server listens that shares loopback with the kernel's device.
LOOPBACK_SETTINGS = (f"backend.listen=0.0.0.0:{LOOPBACK_PORT}", f'backend.peers=["127.0.0.1:{Tunnel.PORT}"]',
                     f"backend.vni={Tunnel.VNI}")


def loopback_tunnel():
    """The commands that give a namespace the kernel's vxlan device wh0 on top of its own loopback. The kernel takes a
    packet to one of its own addresses a shorter way, past every socket, but not one to loopback's broadcast address;
    and it must not learn where the server's answers come from."""
    return (("ip", "link", "add", DEVICE, "mtu", "1450", "type", "vxlan", "id", Tunnel.VNI, "dstport", Tunnel.PORT,
             "nolearning"),
            ("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", DEVICE, "dst", "127.255.255.255",
             "port", LOOPBACK_PORT),
            ("ip", "addr", "add", f"{HOST_V4}/24", "dev", DEVICE),
            ("ip", "addr", "add", f"{HOST_V6}/64", "dev", DEVICE, "nodad"),
            ("ip", "link", "set", DEVICE, "up"))


def join(client, server, backend):
    """The line between a client and a server that is apart."""
    if backend.tunnel:
        join_by_tunnel(client, server, backend.tunnel)
    else:
        join_by_veth(client, server, backend.veth)


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

