"""The rules of the source text. Each takes a Tree and yields Violations; its docstring is the rule."""

import ast
import dataclasses
import re

FILE_LINES = 600
FUNCTION_LINES = 70
LINE_COLUMNS = 120


@dataclasses.dataclass(frozen=True)
class Violation:
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


RULES = []


def rule(function):
    RULES.append(function)
    return function


# What the composition room may see: everything. It is no library, so it has no line in the table.
MAIN = "server/main"


@rule
def includes_follow_the_table(tree):
    """A quoted include names a file of the tree, in the same room or one that its line in CMakeLists.txt allows."""
    for file in tree.cpp("stack/", "backends/", "server/"):
        room = tree.room_of(file.path)
        if room not in tree.rooms and room != MAIN:
            yield Violation(file.path, 1, f"{room or file.folder} has no line room(...) in CMakeLists.txt: add one")
            continue
        for line, quoted, target in file.includes:
            below = tree.room_of(target)
            if not quoted:
                if target in tree.files:
                    yield Violation(file.path, line, f'<{target}> is ours: write "{target}"')
            elif target not in tree.files:
                yield Violation(file.path, line, f'"{target}" is not in the tree: name it from the root')
            elif room != MAIN and below != room and below not in tree.rooms[room]:
                yield Violation(file.path, line, f"{room} may not include {below or target}: see its room(...) line")


@rule
def the_server_sees_only_the_application_contract(tree):
    """Of the stack, the server's rooms include stack/base and stack/tcp/app.h, nothing else."""
    for file in tree.cpp("server/"):
        if tree.room_of(file.path) == MAIN:
            continue
        for line, _, target in file.includes:
            if target.startswith("stack/") and not target.startswith("stack/base/") and target != "stack/tcp/app.h":
                yield Violation(file.path, line, f'"{target}" is hidden from the server: use stack/tcp/app.h')


@rule
def rooms_have_no_cycle(tree):
    """The table of rooms is a hierarchy, and names only rooms that it has."""
    for room, below in tree.rooms.items():
        for other in below:
            if other not in tree.rooms:
                yield Violation("CMakeLists.txt", 1, f"room({room} ...) names {other}, which has no line of its own")
    for loop in _cycles({room: set(below) for room, below in tree.rooms.items()}):
        yield Violation("CMakeLists.txt", 1, "rooms in a circle: " + " -> ".join(loop))


@rule
def includes_have_no_cycle(tree):
    """No header includes itself by way of others."""
    graph = {}
    for file in tree.cpp():
        below = {target for _, quoted, target in file.includes if quoted and target in tree.files}
        # The inline half of a header, included at its end, may name the header that it belongs to.
        graph[file.path] = below - {file.path.replace("_inl.h", ".h")}
    for loop in _cycles(graph):
        yield Violation(loop[0], 1, "includes in a circle: " + " -> ".join(loop))


def _cycles(graph):
    """One path for each circle that a depth-first walk closes."""
    done, loops = set(), []

    def walk(node, trail):
        if node in trail:
            loops.append(trail[trail.index(node):] + [node])
        elif node not in done:
            for below in sorted(graph.get(node, ())):
                walk(below, trail + [node])
            done.add(node)

    for node in sorted(graph):
        walk(node, [])
    return loops


# Prose and pages wrap as they like; code does not.
_PROSE = (".md", ".html", ".css", ".json")


@rule
def lines_are_short(tree):
    """Code has at most LINE_COLUMNS columns."""
    for file in tree.files.values():
        if file.path.endswith(_PROSE) or file.path in (".clang-tidy", "CMakePresets.json"):
            continue
        for number, line in enumerate(file.lines, 1):
            # A table kept in columns by hand may stick out where the formatter was told to leave it alone.
            if len(line) > LINE_COLUMNS and "NOLINT" not in line:
                yield Violation(file.path, number, f"{len(line)} columns, at most {LINE_COLUMNS}: break the line")


@rule
def files_are_short(tree):
    """A file of code has at most FILE_LINES lines."""
    for file in tree.files.values():
        if file.path.endswith(_PROSE):
            continue
        if len(file.lines) > FILE_LINES:
            yield Violation(file.path, FILE_LINES, f"{len(file.lines)} lines, at most {FILE_LINES}: split it")


@rule
def functions_are_short(tree):
    """A function has at most FUNCTION_LINES lines, from its brace to its brace."""
    for file in tree.files.values():
        spans = cpp_functions(file) if file.is_cpp else python_functions(file) if file.path.endswith(".py") else ()
        for first, last in spans:
            count = last - first + 1
            if count > FUNCTION_LINES:
                yield Violation(file.path, first, f"a function of {count} lines, at most {FUNCTION_LINES}: split it")


def python_functions(file):
    for node in ast.walk(ast.parse(file.text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


_NO_FUNCTION = re.compile(
    r"^\s*(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)
_DIRECTIVE = re.compile(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def cpp_functions(file):
    """(first line, last line) of each outermost function body.

    Reads formatted code: a brace after a space, behind something with parentheses that is no type or namespace, opens a
    body; a brace that touches a name is an initialiser.
    """
    code = _DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), file.code)
    depth, body, initialisers, segment, first = 0, None, [], 0, 0
    for at in (m.start() for m in re.finditer(r"[{};]", code)):
        mark = code[at]
        if mark == "{":
            depth += 1
            touches = at > 0 and not code[at - 1].isspace()
            before = code[segment:at]
            if body is not None or touches or initialisers:
                if body is None:
                    initialisers.append(depth)
            elif "(" in before and not _NO_FUNCTION.match(before) and not re.search(r"=\s*$", before):
                body, first = depth, file.line_of(at)
            else:
                segment = at + 1
        elif mark == "}":
            if initialisers and initialisers[-1] == depth:
                initialisers.pop()
            elif body == depth:
                yield first, file.line_of(at)
                body, segment = None, at + 1
            elif body is None:
                segment = at + 1
            depth -= 1
        elif body is None and not initialisers:
            segment = at + 1


# Words that betray an unfinished thought. Spelled in halves, so that this file passes.
_UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"\bXX" + r"X\b", "not " + "implemented"]))


@rule
def nothing_is_left_for_later(tree):
    """No markers of unfinished work: finish it, or write it into an issue."""
    for file in tree.files.values():
        for match in _UNFINISHED.finditer(file.text):
            yield Violation(file.path, file.line_of(match.start()), f"'{match.group()}': finish it or open an issue")


_MACHINE = re.compile(r"(?<![\w./-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/\w")


@rule
def no_machine_is_named(tree):
    """No absolute path of one machine."""
    for file in tree.files.values():
        for match in _MACHINE.finditer(file.text):
            yield Violation(file.path, file.line_of(match.start()), "a path of one machine: make it relative")


# What the stack must not do, the pattern that shows it, and what to do instead.
_STACK_BANS = [
    ("reads a clock", r"\b(?:system|steady|high_resolution|utc|file)_clock\b|\bclock_gettime\b|\bgettimeofday\b"
                      r"|\bstd::time\b|(?<![\w:.>])time\s*\(\s*(?:0|NULL|nullptr)\s*\)|__rdtsc",
     "take `now` as an argument"),
    ("draws randomness", r"\brandom_device\b|\bmt19937|\b(?:s?rand|random|getrandom|arc4random\w*)\s*\(",
     "take a key as an argument"),
    ("waits", r"\b(?:sleep_for|sleep_until|usleep|nanosleep|poll|select|epoll_wait|sched_yield)\s*\(|(?<!\w)sleep\s*\(",
     "return a deadline"),
    ("starts or locks threads", r"\bstd::(?:jthread|thread|async|mutex|shared_mutex|lock_guard|unique_lock|scoped_lock|"
                                r"condition_variable)\b|\bpthread_\w+", "leave threads to the lanes' driver"),
    ("prints", r"\b(?:f|s|v|vf|d)?printf\s*\(|\bf?puts\s*\(|\bputchar\s*\(|\bstd::(?:cout|cerr|clog)\b|\bfwrite\s*\(",
     "count it, or throw SetupError"),
    ("allocates by hand", r"\b(?:malloc|calloc|realloc|aligned_alloc|posix_memalign|free)\s*\(|\bstrdup\s*\(",
     "take memory at start, in a container"),
    ("calls the kernel", r"\bsyscall\s*\("
                         r"|(?<![\w:.>])::(?:open|read|write|close|ioctl|socket|mmap|munmap|send|recv)\s*\(",
     "leave it to a backend"),
]
_STACK_HEADERS = re.compile(
    r"^(?:sys/(?!types\.h).*|unistd\.h|fcntl\.h|poll\.h|pthread\.h|netinet/.*|arpa/(?!inet\.h).*|net/.*|linux/.*|"
    r"time\.h|ctime|random|thread|mutex|shared_mutex|condition_variable|future|iostream|fstream|filesystem|semaphore|"
    r"barrier|latch|stop_token)$")
# Who may, and why.
_STACK_EXCUSED = {
    ("stack/base/check.cc", "prints"): "a failed CHECK says where before it aborts",
}


@rule
def the_stack_keeps_to_itself(tree):
    """stack/ reads no clock, draws no randomness, waits for nothing, starts no thread and calls no kernel."""
    for file in tree.cpp("stack/"):
        for what, pattern, instead in _STACK_BANS:
            if (file.path, what) in _STACK_EXCUSED:
                continue
            for match in re.finditer(pattern, file.code):
                said = f"the stack {what} ({match.group().strip()}): {instead}"
                yield Violation(file.path, file.line_of(match.start()), said)
        for line, quoted, target in file.includes:
            if not quoted and _STACK_HEADERS.match(target):
                yield Violation(file.path, line, f"<{target}> has no place in the stack")


_BANS = [
    (r"\busing\s+namespace\s+std\s*;", "name what you use"),
    (r"__attribute__\s*\(\(\s*packed|\[\[gnu::packed\]\]|#\s*pragma\s+pack",
     "no packed structs: load and store through stack/base/bytes.h"),
    (r"\b(?:strcpy|strcat|sprintf|gets|strtok)\s*\(", "an unbounded C string function: use std::string or fmt"),
    (r"(?<![\w:])assert\s*\(", "use CHECK: it is on in every build"),
]


@rule
def dangerous_calls_are_absent(tree):
    """No packed structs, no unbounded C string functions, no assert() that a release build drops."""
    for file in tree.cpp():
        for pattern, instead in _BANS:
            for match in re.finditer(pattern, file.code):
                yield Violation(file.path, file.line_of(match.start()), f"{match.group().strip()}: {instead}")


# The live tests' programs keep a pace: a flood of so many a second, a reader that sips.
_MAY_POLL = ("tests/live/harness/", "tests/live/programs/", "tests/bench/", "tests/tidy/")
_SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b|\bsleep\s*\(")


@rule
def tests_do_not_sleep(tree):
    """A test waits for what it wants to see, never for a while. Only the live tests' harness polls, with a deadline."""
    for file in tree.files.values():
        if not file.path.startswith("tests/") or file.path.startswith(_MAY_POLL):
            continue
        text = file.code if file.is_cpp else file.text if file.path.endswith(".py") else ""
        for match in _SLEEP.finditer(text):
            yield Violation(file.path, file.line_of(match.start()), f"{match.group()}: wait for the event itself")


@rule
def headers_introduce_themselves(tree):
    """A header begins with #pragma once and a comment that says what it is."""
    for file in tree.cpp():
        if not file.is_header:
            continue
        head = [line for line in file.lines[:8] if line.strip()]
        if "#pragma once" not in head[:3] and "#pragma once" not in file.text.split("#include")[0].splitlines():
            yield Violation(file.path, 1, "no #pragma once at the top")
        rest = [line for line in head if line != "#pragma once"]
        if not rest or not rest[0].startswith(("//", "/*")):
            yield Violation(file.path, 1, "no comment at the top: say what this is, who owns it and on which thread")


# Files whose names are not ours to put into a namespace: a program's entry.
_NO_NAMESPACE = {f"{MAIN}/main.cc"}


@rule
def namespaces_are_folders(tree):
    """What lies in stack/tcp is in windhover::stack::tcp."""
    for file in tree.cpp("stack/", "backends/", "server/"):
        room = tree.room_of(file.path)
        if room is None or file.path in _NO_NAMESPACE:
            continue
        wanted = "windhover::" + room.replace("/", "::")
        found = list(re.finditer(r"^\s*(?:inline\s+)?namespace\s+(windhover[\w:]*)", file.code, re.MULTILINE))
        if not found:
            yield Violation(file.path, 1, f"not in a namespace: open namespace {wanted}")
        for match in found:
            if match.group(1) != wanted and not match.group(1).startswith(wanted + "::"):
                line = file.line_of(match.start(1))
                yield Violation(file.path, line, f"namespace {match.group(1)}: this folder is {wanted}")


# Suites that test no single file. Patterns of paths, and why.
_NO_MIRROR = [
    (r"tests/rfc/rfc\d+_test\.cc", "conformance, ordered by the sections of an RFC"),
    (r"tests/(?:sim|fuzz|bench|live|tidy|script)/.*", "not unit tests"),
]


@rule
def tests_mirror_sources(tree):
    """tests/stack/tcp/timers_test.cc tests stack/tcp/timers.cc or timers.h."""
    for file in tree.cpp("tests/"):
        if not file.path.endswith("_test.cc") or any(re.fullmatch(pattern, file.path) for pattern, _ in _NO_MIRROR):
            continue
        stem = file.path[len("tests/"):-len("_test.cc")]
        # A source with many tests may split them: demux_ipv6_test.cc still tests demux.cc.
        names = stem.rsplit("/", 1)[-1].split("_")
        stems = [stem.rpartition("/")[0] + "/" + "_".join(names[:count]) for count in range(len(names), 0, -1)]
        if not any(s + end in tree.files for s in stems for end in (".cc", ".h", ".bpf.c")):
            yield Violation(file.path, 1, f"mirrors no source: there is no {stem}.cc, .h or .bpf.c")


_LIST = re.compile(r"#define (WINDHOVER_\w+)\(X\)((?:[^\n]*\\\n)*[^\n]*)")
# Lists of names that are no reasons for an end.
_NO_REASONS = ("EVENTS", "METHODS", "STATES")


def reason_lists(tree):
    """(file, enum, [(identifier, name, line)]) of every list of reasons in the tree."""
    for file in tree.cpp("stack/", "backends/", "server/"):
        for found in _LIST.finditer(file.text):
            if found.group(1).endswith(_NO_REASONS):
                continue
            enum = re.search(r"enum class (\w+)[^{;]*\{\s*#define X[^\n]*\n\s*" + found.group(1) + r"\(X\)", file.text)
            rows = [(m.group(1), m.group(2), file.line_of(found.start(2) + m.start()))
                    for m in re.finditer(r'X\((k\w+),\s*"([^"]+)"', found.group(2))]
            if enum and rows:
                yield file, enum.group(1), rows


@rule
def every_reason_has_its_test(tree):
    """Each reason to drop, refuse or close is named by an assertion (or a table of expectations) under tests/."""
    statements = []
    for file in tree.files.values():
        if file.path.startswith("tests/") and not file.path.startswith("tests/tidy/"):
            if file.is_cpp:
                statements += re.split(r";\s*\n", file.text)
            elif file.path.endswith(".py"):
                statements += file.lines
    said = "\n".join(s for s in statements if re.search("expect|assert", s, re.IGNORECASE))
    for file, enum, rows in reason_lists(tree):
        for identifier, name, line in rows:
            by_name = "." in name and f'"{name}"' in said
            if not by_name and not re.search(rf"\b{enum}::{identifier}\b", said):
                yield Violation(file.path, line, f"no test expects {enum}::{identifier}: write one that causes it")
