"""A real browser."""

import re
import shutil
import struct
import zlib

import pytest
from conftest import require
from harness.backends import REPOSITORY
from harness.site import Folder, PAGE_SEEN

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,1000")


def browse(live, folder, *args, timeout=90):
    """Runs Chromium in the client's namespace with an empty profile and returns its standard output."""
    require(shutil.which("chromium"), "chromium is not installed")
    done = live.namespace.run("chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", *args, timeout=timeout,
                              check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def colours(path):
    """How many pixels of each colour an 8-bit RGB or RGBA PNG has."""
    data = path.read_bytes()
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and kind in (2, 6), "an unexpected kind of PNG"
    packed, at = b"", 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    return _count(zlib.decompress(packed), width, height, 3 if kind == 2 else 4)


def _count(rows, width, height, channels):
    found, above, stride = {}, bytes(width * channels), width * channels
    for row in range(height):
        start = row * (stride + 1)
        above = _unfilter(rows[start], bytearray(rows[start + 1 : start + 1 + stride]), above, channels)
        for at in range(0, stride, channels):
            pixel = bytes(above[at : at + 3])
            found[pixel] = found.get(pixel, 0) + 1
    return found


def _unfilter(kind, line, above, step):
    """Undoes one of PNG's line filters (RFC 2083 section 6)."""
    for at in range(len(line) if kind else 0):
        left, up, corner = (line[at - step] if at >= step else 0), above[at], (above[at - step] if at >= step else 0)
        if kind == 4:
            guess = left + up - corner
            distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
            predicted = (left, up, corner)[distances.index(min(distances))]
        else:
            predicted = (0, left, up, (left + up) // 2)[kind]
        line[at] = (line[at] + predicted) & 0xFF
    return line


class TestBrowser:
    pytestmark = pytest.mark.smoke

    @pytest.mark.parametrize("family", ("v4", "v6"))
    def test_page_loads_with_its_picture_and_style(self, live, tmp_path, family):
        dom = browse(live, tmp_path, "--virtual-time-budget=10000", "--dump-dom", f"{getattr(live, family)}/")
        assert f'data-seen="{PAGE_SEEN}"' in dom, dom

    def test_picture_is_on_the_screen(self, live, tmp_path, artifacts):
        path = artifacts / f"picture-{live.backend.name}.png"
        browse(live, tmp_path, "--hide-scrollbars", f"--screenshot={path}", f"{live.v4}/")
        seen = colours(path)
        assert seen.get(b"\xff\x00\xff", 0) == seen.get(b"\x00\xc0\x00", 0) == 256 * 160 / 2


@pytest.fixture(scope="session")
def own_site():
    return Folder(REPOSITORY / "www")


class TestOwnSite:
    """The site that ships with the server."""

    root = "own_site"

    def test_every_file_that_the_page_names_loads(self, live, own_site, artifacts, tmp_path):
        page = live.curl(f"{live.v4}/")
        names = {name for name in re.findall(r'(?:src|href)="([^"#:]+)"', page) if not name.startswith("//")}
        pictures = {name for name in names if re.search(r"\.(png|jpe?g|svg|webp|avif|gif)$", name)}
        assert pictures, "the landing page has no picture"
        assert any(name.endswith(".css") for name in names), "the landing page has no stylesheet"
        for name in names:
            assert live.curl("-o", "/dev/null", "-w", "%{http_code}", f"{live.v4}/{name.lstrip('/')}") == "200", name
        path = artifacts / f"landing-page-{live.backend.name}.png"
        browse(live, tmp_path, f"--screenshot={path}", f"{live.v4}/")
        assert len(colours(path)) > 16, f"hardly anything is painted: see {path}"
