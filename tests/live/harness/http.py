"""A small HTTP/1.1 client over a bare socket, for what curl cannot be made to send."""

import dataclasses
import socket


@dataclasses.dataclass
class Response:
    """One response; header names in lower case."""

    status: int
    headers: dict
    body: bytes
    head: bytes


class Wire:
    """A connection on which whole responses are read one by one."""

    def __init__(self, connection):
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def finish_sending(self):
        self._socket.shutdown(socket.SHUT_WR)

    def _more(self):
        data = self._socket.recv(1 << 16)
        self._buffer += data
        return bool(data)

    def response(self, to_head=False):
        """Reads one response. Raises ConnectionError when the peer ends the connection in its middle."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                raise ConnectionError(f"the connection ended inside a response head: {self._buffer!r}")
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        without_body = to_head or int(status) in (204, 304) or int(status) < 200
        size = 0 if without_body else int(headers["content-length"])
        while len(self._buffer) < size:
            if not self._more():
                raise ConnectionError(f"the connection ended after {len(self._buffer)} of {size} bytes of a body")
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return Response(int(status), headers, body, head)

    def rest(self):
        """Everything until the peer closes in order."""
        while self._more():
            pass
        return self._buffer


def get(target="/", *headers, method="GET", version="HTTP/1.1", host="test"):
    """The bytes of a request without a body."""
    return "\r\n".join((f"{method} {target} {version}", f"Host: {host}", *headers, "", "")).encode("latin-1")
