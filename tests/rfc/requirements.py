"""What the files rfcNNNN.md say: requirements, and what becomes of each. README.md describes their form."""

import dataclasses
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

LEVELS = ("MUST", "SHOULD", "MAY", "RULE", "SHLD", "REC")

_TITLE = re.compile(r"# RFC (\d+): (\S.*)")
_COMPLETE = re.compile(r"\b(MUST|SHLD|MAY|REC)-1 to \1-(\d+)\b")
_ENTRY = re.compile(r"\*\*(\S+) ([A-Z]+)((?:-\d+)?)\*\* (\S.*)")
_FIELD = re.compile(r"(Tests|Instead|Not ours): (\S.*)")
_SCRIPT = re.compile(r"```script (\S+)")
_NAME = re.compile(r"`([^`]+)`")


@dataclasses.dataclass
class Requirement:
    """One thing that an RFC asks for. Obeyed unless `instead` says what is done in its place, or `not_ours` why not."""

    path: str
    line: int
    section: str
    level: str
    number: str  # As "-20" of MUST-20; empty where the RFC numbers nothing.
    text: str
    tests: list = dataclasses.field(default_factory=list)
    instead: str = ""
    not_ours: str = ""

    @property
    def label(self):
        return f"{self.section} {self.level}{self.number}"


@dataclasses.dataclass
class Rfc:
    path: str
    number: int = 0
    title: str = ""
    complete: dict = dataclasses.field(default_factory=dict)  # Level -> how many of its numbers there are.
    requirements: list = dataclasses.field(default_factory=list)
    scripts: dict = dataclasses.field(default_factory=dict)  # Name -> line.


class Wrong(Exception):
    """The text of a file is not of the form."""

    def __init__(self, path, line, what):
        super().__init__(f"{path}:{line}: {what}")


def parse(path, text):
    """The RFC that a file is about. Raises Wrong."""
    rfc = Rfc(path)
    entry, field, fenced = None, None, False
    for number, line in enumerate(text.splitlines(), 1):
        if fenced:
            fenced = line != "```"
        elif line.startswith("```"):
            _open_script(rfc, entry, number, line)
            fenced = True
        elif number == 1:
            title = _TITLE.fullmatch(line)
            if not title:
                raise Wrong(path, 1, "the first line is '# RFC NUMBER: TITLE'")
            rfc.number, rfc.title = int(title.group(1)), title.group(2)
        elif not line:
            field = None
        elif line.startswith("**"):
            entry, field = _begin(rfc, number, line), "text"
        elif entry is None:
            rfc.complete.update({level: int(count) for level, count in _COMPLETE.findall(line)})
        elif field is None:
            raise Wrong(path, number, "text between requirements: they begin with **SECTION LEVEL**")
        else:
            field = _go_on(entry, field, number, line)
    if fenced:
        raise Wrong(path, number, "a script without an end")
    return rfc


def _begin(rfc, number, line):
    found = _ENTRY.fullmatch(line)
    if not found:
        raise Wrong(rfc.path, number, "a requirement begins with '**SECTION LEVEL** text'")
    section, level, label, text = found.groups()
    if level not in LEVELS:
        raise Wrong(rfc.path, number, f"{level} is none of {', '.join(LEVELS)}")
    entry = Requirement(rfc.path, number, section, level, label, text)
    rfc.requirements.append(entry)
    return entry


def _go_on(entry, field, number, line):
    """One more line of a requirement; returns what the line after it goes on with."""
    found = _FIELD.fullmatch(line)
    if found:
        field, line = found.groups()
    if field == "Tests":
        names = _NAME.findall(line)
        if not names or re.sub(r"[\s,.]", "", _NAME.sub("", line)):
            raise Wrong(entry.path, number, "after Tests: come names in backquotes")
        entry.tests += names
    elif field == "text":
        entry.text += " " + line
    elif field == "Instead":
        entry.instead = f"{entry.instead} {line}".strip()
    else:
        entry.not_ours = f"{entry.not_ours} {line}".strip()
    return field


def _open_script(rfc, entry, number, line):
    found = _SCRIPT.fullmatch(line)
    if not found or entry is None:
        raise Wrong(rfc.path, number, "a script begins with '```script NAME', below its requirement")
    name = found.group(1)
    if name in rfc.scripts:
        raise Wrong(rfc.path, number, f"there is another script {name}")
    rfc.scripts[name] = number
    entry.tests.append(f"rfc/{rfc.number}/{name}")


def read_all():
    """Every RFC, by number."""
    rfcs = [parse(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
            for path in HERE.glob("rfc*.md")]
    return sorted(rfcs, key=lambda rfc: rfc.number)


# ------------------------------------------------------------------------------------------------------------- checks

_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)


def known_tests(rfcs):
    """The names of all tests that a requirement can refer to, as ctest has them but for the instances of suites."""
    names = {f"rfc/{rfc.number}/{script}" for rfc in rfcs for script in rfc.scripts}
    scripts = ROOT / "tests/script/scripts"
    names |= {f"script/{path.relative_to(scripts).with_suffix('').as_posix()}" for path in scripts.rglob("*.script")}
    for path in (ROOT / "tests").rglob("*.cc"):
        room = path.parent.relative_to(ROOT / "tests").as_posix()
        if room == "rfc":
            room += "/" + re.sub(r"\D", "", path.stem)
        names |= {f"{room}/{suite}.{test}" for suite, test in _TEST.findall(path.read_text(encoding="utf-8"))}
    return names


def order(section):
    """A key that sorts sections as they stand in the document: 3.2 before 3.10, appendices behind all. Where a document
    has names for sections they stand as they do in the file."""
    if re.fullmatch(r"[A-Za-z-]{2,}", section):
        return []
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|[A-Za-z]+", section)]


def faults(rfc, tests):
    """What is wrong with a file, a line each."""
    if f"rfc{rfc.number}.md" != rfc.path.rpartition("/")[2]:
        yield f"{rfc.path}:1: is about RFC {rfc.number}: name it rfc{rfc.number}.md"
    for before, after in zip(rfc.requirements, rfc.requirements[1:]):
        if order(after.section) < order(before.section):
            yield f"{rfc.path}:{after.line}: {after.section} stands behind {before.section}: sections are in order"
    numbered = [r.level + r.number for r in rfc.requirements if r.number]
    for level, count in rfc.complete.items():
        missing = [f"{level}-{n}" for n in range(1, count + 1) if f"{level}-{n}" not in numbered]
        if missing:
            yield f"{rfc.path}:1: has no entry for {', '.join(missing)}"
    for entry in rfc.requirements:
        where = f"{rfc.path}:{entry.line}: {entry.label}"
        if entry.instead and entry.not_ours:
            yield f"{where} is either done differently or not ours"
        if not (entry.tests or entry.instead or entry.not_ours):
            yield f"{where} has neither a test nor a reason: add Tests:, Instead: or Not ours:"
        for name in entry.tests:
            if name not in tests:
                yield f"{where}: there is no test {name}"
