"""What a million idle connections take in memory, and that they wake."""

import re
import subprocess

from harness import backends

BOUND_MIB = 512


def run(build):
    """The figures that memory_bench prints; None where it is not built."""
    program = backends.binary(build).with_name("memory_bench")
    if not program.exists():
        print(f"{program} is not built: memory is not measured")
        return None
    done = subprocess.run([program], capture_output=True, text=True, timeout=600, check=True)
    print(done.stdout, end="")
    resident = float(re.search(r"resident: ([\d.]+) MiB", done.stdout).group(1))
    print(f"{'Within' if resident <= BOUND_MIB else 'BEYOND'} the bound of {BOUND_MIB} MiB.")
    return {"resident_mib": resident,
            "bytes_per_connection": float(re.search(r"([\d.]+) bytes a connection in all", done.stdout).group(1)),
            "taken_at_start_mib": float(re.search(r"taken at start: ([\d.]+) MiB", done.stdout).group(1))}
