"""An initial RAM disk made of programs of this machine: each with the shared libraries that it names."""

import pathlib
import re
import shutil
import subprocess

DIRECTORY, EXECUTABLE, REGULAR = 0o40755, 0o100755, 0o100644


class Initrd:
    """Collects files, then writes them as a cpio archive of the "newc" format, which the kernel unpacks."""

    def __init__(self):
        self._entries = {}  # Path without a leading slash: (mode, bytes). Folders come before what they hold.

    def add(self, path, data, mode=REGULAR):
        for folder in reversed(pathlib.PurePosixPath(path).parents):
            if str(folder) != ".":
                self._entries.setdefault(str(folder), (DIRECTORY, b""))
        self._entries[path] = (mode, data)

    def add_folder(self, path):
        self.add(f"{path}/.keep", b"")

    def add_program(self, source, path=None):
        """A program by name or path, at `path` or else in /bin, and its libraries where the loader looks for them."""
        found = shutil.which(source)
        if found is None:
            raise FileNotFoundError(f"{source} is not installed")
        self.add(path or f"bin/{pathlib.Path(source).name}", pathlib.Path(found).read_bytes(), EXECUTABLE)
        listing = subprocess.run(["ldd", found], capture_output=True, text=True, check=False, timeout=30).stdout
        for library in re.findall(r"(/\S+) \(0x", listing):
            if library[1:] not in self._entries:
                self.add(library[1:], pathlib.Path(library).read_bytes(), EXECUTABLE)

    def write(self, path):
        with open(path, "wb") as file:
            for number, (name, (mode, data)) in enumerate([*self._entries.items(), ("TRAILER!!!", (0, b""))], 1):
                file.write(_entry(number, name, mode, data))


def _entry(number, name, mode, data):
    links = 2 if mode == DIRECTORY else 1
    # inode, mode, user, group, links, time, size, device and its minor, special file and its minor, name size, checksum
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
