"""Requests and their answers, with the kernel's TCP on the client's side."""

import time

import pytest
from harness.backends import SERVER_V4, SERVER_V6
from harness.http import Wire, get

BOTH = pytest.mark.parametrize("address", (SERVER_V4, SERVER_V6), ids=("v4", "v6"))


def url(live, address):
    return live.v6 if address == SERVER_V6 else live.v4


def head_of(live, *args):
    """Status and headers, names in lower case, that curl gets for its arguments."""
    text = live.curl("-D", "-", "-o", "/dev/null", *args).replace("\r\n", "\n")
    first, *lines = text.strip().split("\n")
    fields = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


def ask(live, data, address=SERVER_V4, timeout=10.0):
    with Wire(live.connect(address, timeout)) as wire:
        wire.send(data)
        return wire.response()


class TestCurl:
    pytestmark = pytest.mark.smoke

    @BOTH
    @pytest.mark.parametrize("name", ("hello.txt", "4k.bin", "50k.bin", "1m.bin", "folder/page.html"))
    def test_file_arrives_whole(self, live, site, tmp_path, address, name):
        path = tmp_path / "body"
        status = live.curl("-o", path, "-w", "%{http_code}", f"{url(live, address)}/{name}")
        assert status == "200"
        assert path.read_bytes() == site.read(name)

    @BOTH
    def test_page_has_the_headers_of_a_static_file(self, live, site, address):
        status, headers = head_of(live, f"{url(live, address)}/")
        assert status == 200
        assert headers["content-type"].startswith("text/html")
        assert int(headers["content-length"]) == len(site.read("index.html"))
        assert headers["etag"].startswith('"') and headers["etag"].endswith('"')
        assert headers["last-modified"].endswith(" GMT")
        assert headers["date"].endswith(" GMT")

    @BOTH
    def test_head_has_the_headers_of_get_and_no_body(self, live, address):
        got = head_of(live, f"{url(live, address)}/50k.bin")
        status, headers = head_of(live, "--head", f"{url(live, address)}/50k.bin")
        assert status == got[0] == 200
        for name in ("content-length", "content-type", "etag", "last-modified"):
            assert headers[name] == got[1][name], name
        assert "picture.png" not in live.curl("--head", f"{url(live, address)}/")

    def test_known_etag_gives_304(self, live):
        etag = head_of(live, f"{live.v4}/50k.bin")[1]["etag"]
        status, headers = head_of(live, "-H", f"If-None-Match: {etag}", f"{live.v4}/50k.bin")
        assert status == 304 and headers["etag"] == etag
        assert head_of(live, "-H", 'If-None-Match: "other"', f"{live.v4}/50k.bin")[0] == 200

    def test_unchanged_since_gives_304(self, live):
        modified = head_of(live, f"{live.v4}/50k.bin")[1]["last-modified"]
        assert head_of(live, "-H", f"If-Modified-Since: {modified}", f"{live.v4}/50k.bin")[0] == 304
        assert head_of(live, "-H", "If-Modified-Since: Thu, 01 Jan 1998 00:00:00 GMT", f"{live.v4}/50k.bin")[0] == 200

    @BOTH
    def test_unknown_path_gives_404(self, live, address):
        assert head_of(live, f"{url(live, address)}/no/such/file")[0] == 404

    @pytest.mark.parametrize("path", ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                                      "/folder/..%2f..%2f..%2fetc/passwd"))
    def test_path_above_the_root_gives_nothing(self, live, path):
        status, text = live.curl("--path-as-is", "-w", "\n%{http_code}", f"{live.v4}{path}").rsplit("\n", 1)[::-1]
        assert status in ("400", "404")
        assert "root:" not in text

    def test_file_cannot_be_posted_to(self, live):
        assert head_of(live, "-X", "DELETE", f"{live.v4}/hello.txt")[0] == 405

    @pytest.mark.ours
    def test_405_names_what_is_allowed(self, live):
        status, headers = head_of(live, "-X", "POST", "-d", "x=1", f"{live.v4}/hello.txt")
        assert status == 405
        assert {method.strip() for method in headers["allow"].split(",")} >= {"GET", "HEAD"}

    def test_second_request_uses_the_same_connection(self, live):
        counts = live.curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", f"{live.v4}/hello.txt",
                           f"{live.v4}/4k.bin")
        assert counts.split() == ["1", "0"]

    @pytest.mark.ours
    def test_date_moves_with_the_clock(self, live):
        first = head_of(live, f"{live.v4}/hello.txt")[1]["date"]
        now = time.gmtime()
        spoken = time.strptime(first, "%a, %d %b %Y %H:%M:%S GMT")
        assert abs(time.mktime(now) - time.mktime(spoken)) <= 2


class TestRawRequests:
    pytestmark = pytest.mark.smoke

    @BOTH
    def test_pipelined_requests_are_answered_in_order(self, live, site, address):
        names = ("hello.txt", "4k.bin", "50k.bin", "hello.txt", "1m.bin", "folder/page.html") * 5
        with Wire(live.connect(address)) as wire:
            wire.send(b"".join(get(f"/{name}") for name in names))
            for name in names:
                response = wire.response()
                assert response.status == 200
                assert response.body == site.read(name)

    def test_pipelined_head_and_missing_keep_the_order(self, live, site):
        with Wire(live.connect()) as wire:
            wire.send(get("/hello.txt", method="HEAD") + get("/none") + get("/hello.txt"))
            assert wire.response(to_head=True).status == 200
            assert wire.response().status == 404
            assert wire.response().body == site.read("hello.txt")

    @BOTH
    def test_request_sent_byte_by_byte_is_answered(self, live, site, address):
        with Wire(live.connect(address)) as wire:
            for byte in get("/4k.bin", "User-Agent: one byte a segment"):
                wire.send(bytes([byte]))
            assert wire.response().body == site.read("4k.bin")

    def test_two_requests_cut_in_the_middle_of_the_second(self, live, site):
        first = get("/hello.txt")
        data = first + get("/4k.bin")
        for cut in range(len(first), len(data), 5):
            with Wire(live.connect()) as wire:
                wire.send(data[:cut])
                assert wire.response().body == site.read("hello.txt")
                wire.send(data[cut:])
                assert wire.response().body == site.read("4k.bin")

    def test_connection_close_is_obeyed(self, live, site):
        with Wire(live.connect()) as wire:
            wire.send(get("/hello.txt", "Connection: close"))
            response = wire.response()
            assert response.body == site.read("hello.txt")
            assert response.headers["connection"].lower() == "close"
            assert wire.rest() == b""

    def test_http_1_0_is_closed_after_the_answer(self, live, site):
        with Wire(live.connect()) as wire:
            wire.send(get("/hello.txt", version="HTTP/1.0"))
            assert wire.response().body == site.read("hello.txt")
            assert wire.rest() == b""

    @pytest.mark.ours
    def test_client_that_has_finished_sending_still_gets_its_answer(self, live, site):
        with Wire(live.connect()) as wire:
            wire.send(get("/1m.bin"))
            wire.finish_sending()
            assert wire.response().body == site.read("1m.bin")
            assert wire.rest() == b""

    def test_longest_request_line_is_served_and_one_more_byte_is_not(self, live):
        fits = 8192 - len("GET / HTTP/1.1\r\n")
        assert ask(live, get("/" + "a" * (fits - 200))).status == 404
        assert ask(live, get("/" + "a" * (fits + 1))).status == 414

    @pytest.mark.ours
    def test_headers_beyond_their_total_give_431(self, live):
        lines = [f"X-{number}: {'v' * 1000}" for number in range(40)]
        assert ask(live, get("/", *lines[:20])).status == 200
        assert ask(live, get("/", *lines)).status == 431

    @pytest.mark.ours
    def test_headers_beyond_their_count_give_431(self, live):
        assert ask(live, get("/", *(f"X-{number}: v" for number in range(99)))).status == 200
        assert ask(live, get("/", *(f"X-{number}: v" for number in range(100)))).status == 431

    @pytest.mark.parametrize("version", ("HTTP/2.0", "HTTP/3.1"))
    def test_other_version_gives_505(self, live, version):
        assert ask(live, get("/", version=version)).status == 505

    @pytest.mark.ours
    def test_unknown_method_gives_501(self, live):
        assert ask(live, get("/", method="BREW")).status == 501

    @pytest.mark.parametrize("data", (
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ), ids=("no host", "two hosts", "space before colon", "TLS", "length and chunked", "negative length"))
    def test_bad_request_gives_400_and_the_connection_ends(self, live, data):
        with Wire(live.connect()) as wire:
            wire.send(data)
            response = wire.response()
            assert response.status == 400
            assert response.headers["connection"].lower() == "close"
            assert wire.rest() == b""

    @pytest.mark.ours
    @pytest.mark.parametrize("data", (
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    ), ids=("bare LF", "folded line", "two spaces"))
    def test_loose_syntax_gives_400(self, live, data):
        assert ask(live, data).status == 400

    def test_other_connections_live_on_beside_a_bad_one(self, live, site):
        with Wire(live.connect()) as good:
            good.send(get("/hello.txt"))
            assert good.response().status == 200
            assert ask(live, b"nonsense\r\n\r\n").status == 400
            good.send(get("/4k.bin"))
            assert good.response().body == site.read("4k.bin")


class TestTimeouts:
    settings = ("limits.requestHeadersTimeout=1s", "limits.keepAliveTimeout=2s")

    @pytest.mark.ours
    def test_slow_headers_give_408(self, live):
        started = time.monotonic()
        with Wire(live.connect()) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: slow\r\nX-Half: ")
            response = wire.response()
            elapsed = time.monotonic() - started
            assert response.status == 408
            assert response.headers["connection"].lower() == "close"
            assert wire.rest() == b""
        assert 0.9 <= elapsed <= 4

    @pytest.mark.ours
    def test_slow_headers_that_drip_give_408_all_the_same(self, live):
        with Wire(live.connect(timeout=0.2)) as wire:
            data, deadline = get("/", f"X: {'x' * 400}"), time.monotonic() + 8
            for byte in data:
                wire.send(bytes([byte]))
                try:
                    response = wire.response()
                    break
                except TimeoutError:
                    assert time.monotonic() < deadline, "no 408 for a head that never ends"
            assert response.status == 408

    def test_idle_connection_is_closed_without_a_word(self, live):
        with Wire(live.connect()) as wire:
            wire.send(get("/hello.txt"))
            assert wire.response().status == 200
            started = time.monotonic()
            assert wire.rest() == b""
            assert 1.5 <= time.monotonic() - started <= 6

    def test_request_within_the_timeout_is_still_served(self, live):
        with Wire(live.connect()) as wire:
            for _ in range(20):
                wire.send(get("/hello.txt"))
                assert wire.response().status == 200
