"""The tree as the rules see it: files, their code without comments and literals, includes, and the table of rooms."""

import functools
import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

CPP = (".cc", ".h")
TEXT = CPP + (".c", ".py", ".sh", ".txt", ".json", ".md", ".html", ".css", ".yml", ".service")
FOLDERS = ("stack", "backends", "server", "bpf", "config", "tests", "docker", "www", ".ci")
TOP = ("CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md", "dev", ".clang-format", ".clang-tidy")

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|"""
    r"""(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'""",
    re.DOTALL)


def _blank(match):
    """Keeps line numbers and columns, and the quotes of a literal; drops what is said."""
    text = match.group()
    inner = re.sub(r"[^\n]", " ", text)
    return inner if text.startswith("/") else '"' + inner[1:-1] + '"'


class File:
    """One text file. `path` is relative to the root, with forward slashes."""

    def __init__(self, path, text):
        self.path = path
        self.text = text

    @functools.cached_property
    def lines(self):
        return self.text.splitlines()

    @functools.cached_property
    def code(self):
        """C++ with comments and literals replaced by spaces."""
        return _TOKEN.sub(_blank, self.text)

    @functools.cached_property
    def includes(self):
        """(line, quoted, target) of each #include."""
        comments = re.compile(r"/\*.*?\*/", re.DOTALL)
        text = comments.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text)
        return [(text.count("\n", 0, m.start(2)) + 1, m.group(1) == '"', m.group(2)) for m in _INCLUDE.finditer(text)]

    @property
    def folder(self):
        return self.path.rpartition("/")[0]

    @property
    def is_cpp(self):
        return self.path.endswith(CPP)

    @property
    def is_header(self):
        return self.path.endswith(".h")

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


class Tree:
    """All text files by path, and the table of rooms that CMakeLists.txt holds."""

    def __init__(self, texts):
        self.files = {path: File(path, text) for path, text in sorted(texts.items())}

    @classmethod
    def of_disk(cls, root=ROOT):
        texts = {}
        for folder in FOLDERS:
            for path in (root / folder).rglob("*"):
                known = path.suffix in TEXT or path.name == "run"
                if known and path.is_file() and "__pycache__" not in path.parts:
                    texts[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
        for name in TOP:
            if (root / name).is_file():
                texts[name] = (root / name).read_text(encoding="utf-8")
        return cls(texts)

    def cpp(self, *prefixes):
        return [f for f in self.files.values() if f.is_cpp and (not prefixes or f.path.startswith(prefixes))]

    @functools.cached_property
    def rooms(self):
        """room -> the rooms that it may include, from the lines `room(path below...)`."""
        table = {}
        cmake = self.files.get("CMakeLists.txt")
        for match in re.finditer(r"^room\(([^)]*)\)", cmake.text if cmake else "", re.MULTILINE):
            name, *below = match.group(1).split()
            table[name] = below
        return table

    def room_of(self, path):
        """The room that a file lies in, or None outside the rooms: bpf, and two folders deep under these three."""
        parts = path.split("/")
        if len(parts) == 2 and parts[0] == "bpf":
            return "bpf"
        return "/".join(parts[:2]) if len(parts) > 2 and parts[0] in ("stack", "backends", "server") else None

    def closure(self, path):
        """The file and every file of the tree that it includes, directly or not."""
        seen, todo = set(), [path]
        while todo:
            here = todo.pop()
            if here in seen or here not in self.files:
                continue
            seen.add(here)
            todo += [target for _, quoted, target in self.files[here].includes if quoted]
        return sorted(seen)

    def fingerprint(self, path, salt):
        """A hash that changes whenever the file, anything of the tree that it includes, or the salt does."""
        digest = hashlib.sha256(salt.encode())
        for name in self.closure(path):
            digest.update(f"\0{name}\0{self.files[name].text}".encode())
        return digest.hexdigest()


class Verdicts:
    """Remembers by fingerprint what was found to be clean, as empty files in a folder under build/."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def is_clean(self, fingerprint):
        return (self.folder / fingerprint).exists()

    def remember(self, fingerprint):
        (self.folder / fingerprint).touch()
