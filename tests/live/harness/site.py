"""The files that the servers under test serve."""

import contextlib
import hashlib
import pathlib
import random
import struct
import tempfile
import zlib


def picture(width=256, height=160):
    """A PNG that no browser shows by accident: magenta over green."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + (b"\xff\0\xff" if row < height // 2 else b"\0\xc0\0") * width for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# The page's own script writes what loaded into its body, where --dump-dom finds it.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>live</title><link rel="stylesheet" href="style.css"></head>
<body><h1>live</h1><img id="picture" src="picture.png" alt="">
<script>
window.addEventListener("load", () => {
  const picture = document.getElementById("picture");
  const colour = getComputedStyle(document.querySelector("h1")).color;
  document.body.dataset.seen = `picture ${picture.naturalWidth}x${picture.naturalHeight}, heading ${colour}`;
});
</script></body></html>
"""
PAGE_SEEN = "picture 256x160, heading rgb(1, 2, 3)"


@contextlib.contextmanager
def public_folder(purpose):
    """A folder that is gone at the end; a server that has given up its rights reads it too."""
    with tempfile.TemporaryDirectory(prefix=f"windhover-{purpose}-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder


class Folder:
    """A document root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def write(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, name):
        return (self.root / name).read_bytes()


class Site(Folder):
    """A small site, and files of the sizes that the load tests want. Everything comes from fixed seeds."""

    def __init__(self, root):
        super().__init__(root)
        self.write("index.html", PAGE.encode())
        self.write("style.css", b"h1 { color: rgb(1, 2, 3); }\nbody { background: #fff; }\n")
        self.write("picture.png", picture())
        self.write("404.html", b"<!doctype html><title>nothing here</title>\n")
        self.write("hello.txt", b"Hello, World!")
        self.write("folder/page.html", b"<!doctype html><title>a page in a folder</title>\n")
        for name, size in (("4k.bin", 4096), ("50k.bin", 50_000), ("1m.bin", 1 << 20)):
            self.write(name, random.Random(size).randbytes(size))


def write_large(path, size):
    """Writes `size` pseudo-random bytes, different at every place, and returns their SHA-256. Blocks of one megabyte
    with their number in front keep it fast: a misplaced or repeated block changes the sum."""
    block = random.Random(1).randbytes(1 << 20)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for number in range(-(-size // len(block))):
            data = (struct.pack(">Q", number) + block[8:])[: size - number * len(block)]
            digest.update(data)
            file.write(data)
    return digest.hexdigest()
