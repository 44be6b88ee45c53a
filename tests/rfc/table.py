#!/usr/bin/env python3
"""The table of conformance in stack/README.md, made from the files rfcNNNN.md.

table.py            checks the files, and that README and table are as the tree is; exits with 1 when not
table.py --write    checks the files and writes the table
"""

import re
import sys

import requirements

README = requirements.ROOT / "stack/README.md"
BEGIN = "<!-- From tests/rfc, by tests/rfc/table.py --write: -->"
END = "<!-- end of what tests/rfc says -->"


def counts(rfc):
    """How many requirements are obeyed, done differently, and not ours."""
    different = sum(bool(r.instead) for r in rfc.requirements)
    others = sum(bool(r.not_ours) for r in rfc.requirements)
    return len(rfc.requirements) - different - others, different, others


def overview(rfcs):
    yield "| RFC | about | obeyed | differently | not ours |"
    yield "| --- | --- | --- | --- | --- |"
    totals = [0, 0, 0]
    for rfc in rfcs:
        numbers = counts(rfc)
        totals = [total + number for total, number in zip(totals, numbers)]
        cells = " | ".join(str(number or "") for number in numbers)
        yield f"| [{rfc.number}](../tests/rfc/rfc{rfc.number}.md) | {rfc.title} | {cells} |"
    yield "| | all | " + " | ".join(str(total) for total in totals) + " |"


def deviations(rfcs):
    for rfc in rfcs:
        different = [r for r in rfc.requirements if r.instead]
        if different:
            yield from ("", f"**RFC {rfc.number}, {rfc.title}**", "")
            for entry in different:
                yield f"- {entry.label}: {entry.text} *Instead:* {entry.instead}"


def obeyed(rfcs):
    for rfc in rfcs:
        kept = [r for r in rfc.requirements if not r.instead and not r.not_ours]
        if kept:
            yield from (f"<details><summary>RFC {rfc.number}, {rfc.title}: {len(kept)}</summary>", "")
            yield from (f"- {entry.label}: {entry.text}" for entry in kept)
            yield from ("", "</details>")


def others(rfcs):
    for rfc in rfcs:
        for entry in rfc.requirements:
            if entry.not_ours:
                yield f"- RFC {rfc.number}, {entry.label}: {entry.text} *Not ours:* {entry.not_ours}"


def table(rfcs):
    lines = [*overview(rfcs), "", "### What we do differently, and why", *deviations(rfcs),
             "", "### What we obey", "", *obeyed(rfcs),
             "", "### What does not concern us", "", *others(rfcs)]
    return "\n".join(lines) + "\n"


def with_table(readme, text):
    """`readme` with `text` between the two marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"stack/README.md: has no place for the table between '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def lost_files(readme):
    """Files that the guide speaks of and that are not there: targets of links, sources by their path below stack/."""
    named = re.findall(r"\]\(([^)#:]+)\)", readme) + re.findall(r"`([\w/]+/\w+\.(?:h|cc))`", readme)
    for name in sorted(set(named)):
        if not (README.parent / name).exists():
            yield f"stack/README.md: speaks of {name}, which is not there"


def main():
    try:
        rfcs = requirements.read_all()
    except requirements.Wrong as wrong:
        raise SystemExit(str(wrong)) from None
    tests = requirements.known_tests(rfcs)
    found = [fault for rfc in rfcs for fault in requirements.faults(rfc, tests)]
    old = README.read_text(encoding="utf-8")
    new = with_table(old, table(rfcs))
    found += lost_files(old)
    if "--write" in sys.argv[1:] and not found:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        found.append("stack/README.md: the table is not what tests/rfc says: run tests/rfc/table.py --write")
    if found:
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
