#!/usr/bin/python3
"""Runs clang-tidy over every .cc of the tree that has changed since it was last clean, in parallel.

A file is clean for as long as its text, the project's headers that it includes, its compile command, .clang-tidy and
clang-tidy itself stay the same.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import source


def check(build, path):
    """clang-tidy's complaints about one file; empty when it is clean."""
    run = subprocess.run(["clang-tidy", "--quiet", "-p", build, path], cwd=source.ROOT, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode == 0 and "warning:" not in run.stdout:
        return ""
    told = run.stdout.replace(f"{source.ROOT}/", "")
    return told if re.search(r"(?:error|warning):", told) else told + run.stderr


def without_repeats(text, seen):
    """Drops complaints about a header that another source has already shown."""
    kept = []
    for block in re.split(r"(?m)^(?=\S+:\d+:\d+: (?:error|warning):)", text):
        if block and block not in seen:
            seen.add(block)
            kept.append(block)
    return "".join(kept)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", required=True, help="a build tree with compile_commands.json")
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("files", nargs="*", help="only these (default: all that the build tree compiles)")
    arguments = options.parse_args()

    tree = source.Tree.of_disk()
    verdicts = source.Verdicts(pathlib.Path(arguments.build) / "clang-tidy-clean")
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    settings = version + "".join(p.read_text() for p in sorted(source.ROOT.glob("**/.clang-tidy")))
    todo = []
    for entry in json.loads((pathlib.Path(arguments.build) / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), source.ROOT)
        if path in tree.files and (not arguments.files or path in arguments.files):
            fingerprint = tree.fingerprint(path, settings + entry["command"])
            if not verdicts.is_clean(fingerprint):
                todo.append((path, fingerprint))

    complaints, seen = 0, set()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(check, arguments.build, path): (path, fingerprint) for path, fingerprint in todo}
        for done in concurrent.futures.as_completed(running):
            if done.result():
                complaints += 1
                print(without_repeats(done.result(), seen), end="", flush=True)
            else:
                verdicts.remember(running[done][1])
    print(f"clang-tidy: {len(todo)} files checked, {complaints} with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
