"""Many keep-alive connections at once, driven by one epoll loop."""

import errno
import multiprocessing
import resource
import select
import socket
import time

OPENING_MAX = 512  # Handshakes under way at once: below a listener's usual backlog.


def raise_file_limit(count):
    """Lets this process open `count` files more than usual; False when the system does not."""
    wanted = count + 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= wanted else wanted, max(hard, wanted)))
    except (ValueError, OSError):
        return False
    return True


class Crowd:
    """Connections that each fetch the same resource, again and again on demand. `response_size` tells a whole response,
    head included, so that nothing has to be parsed."""

    def __init__(self, namespace, addresses, port, request, response_size):
        self._namespace = namespace
        self._targets = [(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port))
                         for address in addresses]
        self._request = request
        self._response_size = response_size
        self._sockets = []

    def close(self):
        for connection in self._sockets:
            connection.close()

    def open(self, count, timeout_seconds):
        """Opens `count` connections, spread evenly over the addresses, and waits until all of them are established."""
        self._namespace.call(self._open, count, time.monotonic() + timeout_seconds)

    def _open(self, count, deadline):
        opening, poller = {}, select.epoll()
        while len(self._sockets) < count:
            while len(opening) < min(OPENING_MAX, count - len(self._sockets)):
                family, target = self._targets[(len(self._sockets) + len(opening)) % len(self._targets)]
                connection = socket.socket(family, socket.SOCK_STREAM)
                connection.setblocking(False)
                error = connection.connect_ex(target)
                assert error in (0, errno.EINPROGRESS), f"connect: {errno.errorcode[error]} after {len(self._sockets)}"
                opening[connection.fileno()] = connection
                poller.register(connection, select.EPOLLOUT)
            for number, _ in poller.poll(self._left(deadline, f"{len(self._sockets)} of {count} connections are open")):
                connection = opening.pop(number)
                error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                assert error == 0, f"connect: {errno.errorcode[error]} after {len(self._sockets)}"
                poller.unregister(connection)
                self._sockets.append(connection)

    def ask_all(self, timeout_seconds):
        """Sends one request on every connection and waits until every response is there. Returns the seconds it
        took."""
        started = time.monotonic()
        missing = {connection.fileno(): (connection, self._response_size) for connection in self._sockets}
        with select.epoll() as poller:
            for connection in self._sockets:
                connection.send(self._request)
                poller.register(connection, select.EPOLLIN)
            while missing:
                for number, _ in poller.poll(self._left(started + timeout_seconds,
                                                        f"{len(missing)} responses are missing")):
                    connection, left = missing.pop(number)
                    data = connection.recv(65536)
                    assert data, f"a connection was closed with {left} bytes of its response missing"
                    assert len(data) <= left, f"{len(data) - left} bytes too many"
                    if len(data) < left:
                        missing[number] = connection, left - len(data)
        return time.monotonic() - started

    def ask(self):
        """Sends one request on every connection, and reads nothing."""
        for connection in self._sockets:
            connection.send(self._request)

    def ended(self):
        """How many connections the peer has closed or reset, or has said anything on unasked."""
        return self._count(select.EPOLLIN | select.EPOLLRDHUP)

    def aborted(self):
        """How many connections the peer has reset, whatever there is to read on them."""
        return self._count(0)

    def _count(self, events):
        with select.epoll() as poller:
            for connection in self._sockets:
                poller.register(connection, events)
            return len(poller.poll(0, maxevents=max(1, len(self._sockets))))

    @staticmethod
    def _left(deadline, what):
        left = deadline - time.monotonic()
        assert left > 0, f"out of time: {what}"
        return left


class Crowds:
    """Crowds of the same kind, each in a process of its own: for more connections than one process may open. They act
    one after the other, as a single one would. `crowd` is what each Crowd is made from."""

    def __init__(self, processes, *crowd):
        self._members = []
        for _ in range(processes):
            ours, theirs = multiprocessing.Pipe()
            # It is born with copies of our ends, and would never see them closed.
            not_its_own = [*(pipe for _, pipe in self._members), ours]
            member = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, not_its_own, crowd),
                                                                 daemon=True)
            member.start()
            theirs.close()
            self._members.append((member, ours))

    def close(self):
        for member, pipe in self._members:
            pipe.close()
            member.join(10)
            member.kill()

    def open(self, count, timeout_seconds):
        assert count % len(self._members) == 0
        self._all("open", count // len(self._members), timeout_seconds)

    def ask_all(self, timeout_seconds):
        return sum(self._all("ask_all", timeout_seconds))

    def ended(self):
        return sum(self._all("ended"))

    def _all(self, verb, *arguments):
        results = []
        for _, pipe in self._members:
            pipe.send((verb, arguments))
            failure, result = pipe.recv()
            assert failure is None, failure
            results.append(result)
        return results


def _serve(pipe, not_its_own, made_from):
    for other in not_its_own:
        other.close()
    crowd = Crowd(*made_from)
    while True:
        try:
            verb, arguments = pipe.recv()
        except EOFError:
            return crowd.close()
        try:
            pipe.send((None, getattr(crowd, verb)(*arguments)))
        except (AssertionError, OSError) as failure:
            pipe.send((repr(failure), None))
