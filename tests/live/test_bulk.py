"""Large files and uploads, over a clean path and one that loses packets."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
import time

import pytest
from conftest import require
from harness.backends import DEVICE
from harness.http import Wire, get
from harness.site import Folder, write_large

LOSS = pytest.mark.parametrize("loss", (0, 0.01, 0.05), ids=("clean", "1% loss", "5% loss"))
UPLOAD_SIZE = 64 << 20
# Bounds for a stuck transfer, not targets: random loss of 5 % each way costs any TCP most of its speed.
TIMEOUT_SECONDS = {0: 120, 0.01: 1200, 0.05: 3000}


@pytest.fixture(scope="session")
def large_site(quick, tmp_path_factory):
    """`large` is for a clean path. Through loss, which is slow, goes a quarter of it."""
    size = (64 << 20) if quick else (1 << 30)
    root = tmp_path_factory.mktemp("large")
    free = shutil.disk_usage(root).free
    require(free > 2 * size, f"needs {2 * size >> 20} MiB in {root}, {free >> 20} are free")
    site = Folder(root)
    site.write("index.html", b"<!doctype html><title>large</title>\n")
    site.write("hello.txt", b"Hello, World!")
    site.sizes = {"large.bin": size, "quarter.bin": size // 4}
    site.digests = {name: write_large(root / name, each) for name, each in site.sizes.items()}
    yield site
    for name in site.sizes:
        os.remove(root / name)


@contextlib.contextmanager
def losing(live, probability):
    live.namespace.lose(DEVICE, probability)
    try:
        yield
    finally:
        live.namespace.lose(DEVICE, 0)


class TestDownload:
    root = "large_site"

    @LOSS
    def test_large_file_arrives_unchanged(self, live, large_site, measured, loss):
        limit = TIMEOUT_SECONDS[loss]
        name = "quarter.bin" if loss else "large.bin"
        digest, size, started = hashlib.sha256(), 0, time.monotonic()
        with losing(live, loss):
            curl = live.namespace.popen("curl", "-sS", "--max-time", limit, "--connect-timeout", 60,
                                        f"{live.v4}/{name}",
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while data := curl.stdout.read1(1 << 20):
                digest.update(data)
                size += len(data)
            complaint = curl.stderr.read().decode()
            assert curl.wait() == 0, f"{complaint} after {size} bytes"
            assert bool(live.namespace.lost()) == bool(loss), "the loss did not take place as it should"
        elapsed = time.monotonic() - started
        measured(f"{size >> 20} MiB, {loss:.0%} loss each way: {elapsed:.1f} s, {size / elapsed / 1e6:.1f} MB/s")
        assert size == large_site.sizes[name]
        assert digest.hexdigest() == large_site.digests[name]


def push(connection, data, repeat, outcome):
    """Sends until everything is sent or the peer will have no more."""
    try:
        for _ in range(repeat):
            connection.sendall(data)
            outcome["sent"] = outcome.get("sent", 0) + len(data)
    except OSError as error:
        outcome["ended"] = error


def upload(live, head, chunk, repeat, tail=b"", timeout=600):
    """Sends a request with a body of `repeat` times `chunk` while reading. Returns the response, how much of the body
    went out and the connection."""
    wire, outcome = live.connect(timeout=timeout), {}
    client = Wire(wire)
    client.send(head)

    def body():
        push(wire, chunk, repeat, outcome)
        if tail and "ended" not in outcome:
            push(wire, tail, 1, outcome)

    sender = threading.Thread(target=body)
    sender.start()
    response = client.response()
    return response, outcome, client, sender


class TestUpload:
    @LOSS
    def test_body_beyond_the_limit_is_refused(self, live, quick, measured, loss):
        """64 MiB against a limit of 30 MB: the answer must reach a client that is still sending. Little is sent until
        then, so it takes many rounds for a loss to hit each of the packets that matter."""
        rounds = (10 if quick else 50) if loss else 3
        started = time.monotonic()
        with losing(live, loss):
            taken = [self._refused(live) for _ in range(rounds)]
            measured(f"{rounds} refused uploads, {loss:.0%} loss: {time.monotonic() - started:.2f} s, "
                     f"{max(taken) >> 10} KiB taken at most")
            assert live.curl("--retry", 3, f"{live.v4}/hello.txt", timeout=60) == "Hello, World!"

    def _refused(self, live):
        chunk = os.urandom(1 << 16)
        response, outcome, client, sender = upload(
            live, get("/hello.txt", f"Content-Length: {UPLOAD_SIZE}", method="POST"), chunk, UPLOAD_SIZE // len(chunk))
        with client:
            assert response.status == 413
            assert response.headers["connection"].lower() == "close"
            with contextlib.suppress(ConnectionError):
                client.rest()
        sender.join(60)
        assert not sender.is_alive(), "the refused upload is still being taken"
        return outcome.get("sent", 0)

    def test_chunked_body_beyond_the_limit_is_refused(self, live):
        chunk = os.urandom(1 << 16)
        framed = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
        response, _, client, sender = upload(live, get("/hello.txt", "Transfer-Encoding: chunked", method="POST"),
                                             framed,
                                             UPLOAD_SIZE // len(chunk), b"0\r\n\r\n")
        with client:
            assert response.status in (413, 405)
            sender.join(60)
            assert not sender.is_alive(), "the refused upload is neither taken nor ended"

    def test_curl_that_waits_for_100_continue_is_told_without_the_body(self, live, tmp_path):
        path = tmp_path / "upload"
        with open(path, "wb") as file:
            file.truncate(UPLOAD_SIZE)
        status, sent = live.curl("-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "-H", "Expect: 100-continue",
                                 "--data-binary", f"@{path}", f"{live.v4}/hello.txt").split()
        assert status in ("413", "405")
        assert int(sent) == 0


class TestDiscardedUpload:
    """With the limit out of the way the body is read and thrown away: what it exercises is the receiving side."""

    settings = (f"limits.maxRequestBodySize={2 * UPLOAD_SIZE}",)
    pytestmark = pytest.mark.ours

    @LOSS
    def test_body_is_taken_and_the_next_request_is_served(self, live, measured, loss):
        chunk = os.urandom(1 << 16)
        with losing(live, loss):
            started = time.monotonic()
            response, outcome, client, sender = upload(
                live, get("/hello.txt", f"Content-Length: {UPLOAD_SIZE}", method="POST"), chunk,
                UPLOAD_SIZE // len(chunk))
            assert response.status == 405
            with client:
                sender.join(600)
                assert not sender.is_alive(), f"stuck after {outcome.get('sent', 0)} bytes"
                assert bool(live.namespace.lost()) == bool(loss), "the loss did not take place as it should"
                if response.headers.get("connection", "").lower() != "close":
                    assert outcome == {"sent": UPLOAD_SIZE}
                    client.send(get("/hello.txt"))
                    assert client.response().body == b"Hello, World!"
            elapsed = time.monotonic() - started
            sent = outcome.get("sent", 0)
            measured(f"upload, {loss:.0%} loss: {sent >> 20} MiB in {elapsed:.1f} s, {sent / elapsed / 1e6:.1f} MB/s")
