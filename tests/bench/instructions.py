"""Instructions of one keep-alive request and its answer on the memory device, counted by callgrind: exact and
repeatable."""

import re
import shutil
import subprocess

from harness import backends


def run(build):
    """Counts them, stack and HTTP together; None where that cannot be done."""
    program = backends.binary(build).with_name("request_bench")
    if not program.exists():
        print(f"{program} is not built: instructions are not counted")
        return None
    if not shutil.which("valgrind"):
        print("valgrind is not installed: instructions are not counted")
        return None
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           "--toggle-collect=*counted_serve*",
                           program, "1000"], capture_output=True, text=True, timeout=600, check=True)
    requests = int(re.search(r"requests: (\d+)", done.stdout).group(1))
    counted = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
    each = counted / requests
    print(f"Instructions of one keep-alive request and its answer (13 B), stack and HTTP, memory device: {each:.0f}")
    print(f"  ({counted} in {requests} requests, bursts of 32, software checksums, callgrind)")
    return each
