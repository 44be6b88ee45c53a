"""AF_XDP in zero-copy mode: windhover on a virtio-net card of a QEMU guest, where the driver works on our memory.

Neither veth nor TUN can do zero-copy, and real cards are rare where tests run. It proves that the mode works, and says
nothing about speed: QEMU interprets every instruction."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import initrd
import kernel

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCRATCH = REPOSITORY / "build" / "zero_copy"
PROGRAMS = ("sh", "cat", "cmp", "curl", "head", "insmod", "ip", "mount", "sed", "sha256sum", "sleep", "ss", "uname")
GUEST_SECONDS = 480
QEMU = "qemu-system-x86_64"
# virtio_net does zero-copy only where the card reaches memory by the DMA interface: iommu_platform=on.
CARD = "virtio-net-pci,iommu_platform=on,disable-legacy=on,romfile="


@pytest.fixture(scope="module", name="guest_kernel")
def fixture_guest_kernel():
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed: apt-get install qemu-system-x86")
    try:
        return kernel.fetch(SCRATCH / "kernel")
    except kernel.Unavailable as why:
        pytest.skip(str(why))


def server():
    build = pathlib.Path(os.environ.get("WINDHOVER_BUILD", REPOSITORY / "build"))
    return build / "release" / "windhover"


def make_initrd(modules, path):
    made = initrd.Initrd()
    for folder in ("dev", "proc", "sys", "run", "site", "tmp", "var/run"):
        made.add_folder(folder)
    made.add("init", (REPOSITORY / "tests" / "zero_copy" / "guest.sh").read_bytes(), initrd.EXECUTABLE)
    for name in PROGRAMS:
        made.add_program(name)
    made.add_program(str(server()))
    for number, module in enumerate(modules):
        made.add(f"modules/{number}-{module.name}", module.read_bytes())
    for config in (REPOSITORY / "config").glob("*.json"):
        made.add(f"config/{config.name}", config.read_bytes())
    made.write(path)


def boot(vmlinuz, image):
    """Runs the guest to its end and returns what its console said."""
    command = [QEMU, "-accel", "tcg", "-cpu", "max", "-M", "q35", "-m", "1536", "-smp", "1", "-display", "none",
               "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", vmlinuz, "-initrd", image,
               "-append", "console=ttyS0 quiet panic=-1"]
    for number in range(2):
        command += ["-netdev", f"hubport,id=n{number},hubid=0",
                    "-device", f"{CARD},netdev=n{number},mac=02:00:00:00:00:0{number + 1}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=GUEST_SECONDS, check=False)
        console = done.stdout
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"") + b"\nthe guest did not end in time\n"
    return console.decode(errors="replace").replace("\r", "")


def test_zero_copy(guest_kernel):
    version, vmlinuz, modules = guest_kernel
    assert server().exists(), f"{server()} is not built: ./dev build"
    image = SCRATCH / "initrd"
    make_initrd(modules, image)
    console = boot(vmlinuz, image)
    (SCRATCH / "console").write_text(console)
    print(f"kernel {version}")
    print("\n".join(re.findall(r"^guest: .*", console, re.MULTILINE)))
    assert "guest: end 0" in console, f"the guest failed; its console:\n{console}"
    # Two witnesses: the server, which asked its sockets (XDP_OPTIONS), and the kernel's own list of them.
    assert re.search(r"^guest: server: .*native mode without a copy", console, re.MULTILINE), "the server copies"
    assert re.search(r"^guest: ss: .*\bzc:1\b", console, re.MULTILINE), "the kernel says that the socket copies"
