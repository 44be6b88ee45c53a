"""A kernel whose virtio_net does AF_XDP zero-copy (Linux 6.13 and later), from Debian's packages.

Debian 12's own kernels are older, so the newest cloud kernel of trixie-backports is fetched from the mirror that this
machine already uses, with an apt state of its own: nothing is installed and the machine's sources stay as they are."""

import io
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

SUITE = "trixie-backports"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# In the order in which they are loaded: each needs the ones before it. What a kernel has built in is left out.
MODULES = ("failover", "net_failover", "virtio_net", "xsk_diag")
FETCH_SECONDS = 600


class Unavailable(Exception):
    """The kernel cannot be had here; the text says why."""


def fetch(cache):
    """The kernel in the folder `cache`, fetched unless it is there: (version, path of vmlinuz, paths of modules)."""
    cache = pathlib.Path(cache).resolve()
    done = cache / "version"
    if not done.exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        try:
            version = _unpack(cache, _Apt(cache / "apt"))
        except (OSError, subprocess.SubprocessError, Unavailable) as error:
            raise Unavailable(f"no kernel from {SUITE}: {_reason(error)}") from error
        shutil.rmtree(cache / "apt")
        done.write_text(version)
    modules = [cache / f"{name}.ko" for name in MODULES]
    return done.read_text(), cache / "vmlinuz", [path for path in modules if path.exists()]


def _reason(error):
    lines = (getattr(error, "stderr", None) or "").strip().splitlines()
    return lines[-1] if lines else str(error)


class _Apt:
    """apt with sources, lists and cache in a folder of its own."""

    def __init__(self, folder):
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial", "state"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        mirror = sorted(set(self._run("apt-get", "indextargets", "--format", "$(SITE)").split()))
        if not mirror:
            raise Unavailable("apt has no mirror (/etc/apt/sources.list)")
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror[0]} {SUITE} main\n")
        self._options = [f"-o{key}={value}" for key, value in {
            "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-",
            "Dir::State": folder / "state", "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none", "APT::Sandbox::User": "root"}.items()]

    def _run(self, *command):
        return subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=FETCH_SECONDS,
                              check=True, stdin=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C")).stdout

    def update(self):
        self._run("apt-get", *self._options, "-q", "update")

    def depends(self, package):
        return self._run("apt-cache", *self._options, "depends", package)

    def download(self, package):
        """Returns the path of the .deb."""
        self._run("apt-get", *self._options, "-q", "download", package)
        return next(self._folder.glob(f"{package}_*.deb"))


def _unpack(cache, apt):
    apt.update()
    found = re.search(r"Depends: linux-image-(\S+)", apt.depends("linux-image-cloud-amd64"))
    if not found:
        raise Unavailable("linux-image-cloud-amd64 names no kernel")
    version = found.group(1)
    for member, data in _members(apt.download(f"linux-binary-{version}"), r".*/vmlinuz[^/]*"):
        (cache / "vmlinuz").write_bytes(data)
        del member
    wanted = rf".*/({'|'.join(MODULES)})\.ko\.xz"
    for member, data in _members(apt.download(f"linux-modules-{version}"), wanted):
        (cache / member.rpartition("/")[2].removesuffix(".xz")).write_bytes(lzma.decompress(data))
    if not (cache / "vmlinuz").exists():
        raise Unavailable(f"linux-binary-{version} holds no vmlinuz")
    return version


def _members(package, pattern):
    """(path, bytes) of each file in a .deb whose path matches."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True,
                          timeout=FETCH_SECONDS).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if member.isfile() and re.fullmatch(pattern, member.name):
                yield member.name, archive.extractfile(member).read()
