"""An L4 balancer for direct server return: hands packets for a service address to a server in a tunnel."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PROTOCOL_OF_VERSION = {4: 4, 6: 41}  # What an IP packet is inside of another: IPIP and IPv6 encapsulation.


class Balancer:
    """A context manager. Inside, what the namespace sends to `service` (IPv4 or IPv6) goes to `server` in IPIP, or in
    IP6IP6 when `server` is an IPv6 address. Answers find their own way back."""

    DEVICE = "balance0"

    def __init__(self, namespace, service, server, source):
        self._namespace = namespace
        self._service, self._server, self._source = service, server, source
        self.forwarded = 0

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self._tun = self._namespace.call(self._open)
        self._stack.callback(os.close, self._tun)
        family = "-6" if ":" in self._service else "-4"
        self._namespace.run("ip", "link", "set", self.DEVICE, "mtu", 1400, "up")
        self._namespace.run("ip", family, "route", "add", self._service, "dev", self.DEVICE, "src", self._source)
        outer = socket.AF_INET6 if ":" in self._server else socket.AF_INET
        self._senders = {
            protocol: self._stack.enter_context(self._namespace.socket(outer, socket.SOCK_RAW, protocol))
            for protocol in _PROTOCOL_OF_VERSION.values()}
        self._end = self._stack.enter_context(contextlib.closing(_Pipe()))
        self._thread = threading.Thread(target=self._run, name="balancer")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.ring()
        self._thread.join()
        self._stack.close()

    def _open(self):
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", self.DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        return device

    def _run(self):
        while True:
            readable = select.select([self._tun, self._end.reader], [], [])[0]
            if self._end.reader in readable:
                return
            packet = os.read(self._tun, 65536)
            self._senders[_PROTOCOL_OF_VERSION[packet[0] >> 4]].sendto(packet, (self._server, 0))
            self.forwarded += 1


class _Pipe:
    """Something that select() can be woken by."""

    def __init__(self):
        self.reader, self._writer = os.pipe()

    def ring(self):
        os.write(self._writer, b"!")

    def close(self):
        os.close(self.reader)
        os.close(self._writer)
