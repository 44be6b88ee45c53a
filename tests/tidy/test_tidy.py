"""The source text's own test: every rule on the tree, and every rule on a small text that breaks it."""

import concurrent.futures
import os
import re
import subprocess
import sysconfig

import pytest

import rules
import source

TREE = source.Tree.of_disk()


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_tree_follows(rule):
    violations = sorted({str(v) for v in rule(TREE)})
    if violations:
        pytest.fail(f"{rule.__doc__}\n" + "\n".join(violations), pytrace=False)


# ------------------------------------------------------------------------------------------- headers that stand alone

FLAGS = ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
         "-I.", "-isystem", "/usr/share/include/llhttp", "-DLLHTTP_STRICT_MODE=1", "-x", "c++", "/dev/null", "-include"]

# What is written for the kernel's machine.
BPF_FLAGS = ["clang", "-target", "bpf", "-O2", "-fsyntax-only", "-Wall", "-Werror", "-I.", "-idirafter",
             f"/usr/include/{sysconfig.get_config_var('MULTIARCH')}", "-x", "c", "/dev/null", "-include"]


def compiles_alone(path):
    flags = BPF_FLAGS if path.endswith(".bpf.h") else FLAGS
    run = subprocess.run(flags + [path], cwd=source.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, check=False)
    return "" if run.returncode == 0 else run.stderr


FIRST_INCLUDE = re.compile(r'^#include ["<]([^">]+)[">]', re.MULTILINE)


def is_proven_by_its_source(header):
    """x.cc begins with x.h, so that compiling the one compiles the other alone."""
    twin = TREE.files.get(header.path[:-len(".h")] + ".cc")
    first = twin and FIRST_INCLUDE.search(twin.text)
    return bool(first) and first.group(1) == header.path


def test_headers_compile_alone():
    verdicts = source.Verdicts(source.ROOT / "build" / "headers-clean")
    prints = {f.path: TREE.fingerprint(f.path, " ".join(FLAGS + BPF_FLAGS))
              for f in TREE.cpp() if f.is_header and not is_proven_by_its_source(f)}
    todo = [path for path, fingerprint in prints.items() if not verdicts.is_clean(fingerprint)]
    failures = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, told in zip(todo, pool.map(compiles_alone, todo)):
            if told:
                failures.append(f"{path}:1: does not compile alone: include what it uses\n{told}")
            else:
                verdicts.remember(prints[path])
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


def test_header_that_leans_on_others_is_caught(tmp_path):
    header = tmp_path / "leaning.h"
    header.write_text("#pragma once\ninline std::string text() { return {}; }\n")
    assert "std" in compiles_alone(str(header))


# ------------------------------------------------------------------------------------------------- rules that can fail

TABLE = "room(stack/base)\nroom(stack/wire stack/base)\nroom(stack/tcp stack/base stack/wire)\n" \
        "room(server/http stack/base stack/tcp)\nroom(backends/tun stack/base)\n"
LONG = "void f() {\n" + "  g();\n" * 70 + "}\n"
DROPS = """enum class Other { kNone };
#define WINDHOVER_DROPS(X) \\
  X(kTorn, "torn") \\
  X(kLost, "lost")

enum class Drop {
#define X(identifier, name) identifier,
  WINDHOVER_DROPS(X)
#undef X
};
"""


def marker(*halves):
    return "".join(halves)


BROKEN = [
    # rule, files, where it must be found
    ("includes_follow_the_table", {"stack/base/a.cc": '#include "stack/tcp/b.h"\n', "stack/tcp/b.h": ""},
     "stack/base/a.cc:1"),
    ("includes_follow_the_table", {"stack/wire/a.cc": '\n#include "b.h"\n', "stack/wire/b.h": ""}, "stack/wire/a.cc:2"),
    ("includes_follow_the_table", {"stack/wire/a.cc": "#include <stack/wire/b.h>\n", "stack/wire/b.h": ""},
     "stack/wire/a.cc:1"),
    ("includes_follow_the_table", {"stack/new/a.cc": "int x;\n"}, "stack/new/a.cc:1"),
    ("includes_follow_the_table", {"backends/tun/a.h": '#include "server/main/b.h"\n', "server/main/b.h": ""},
     "backends/tun/a.h:1"),
    ("the_server_sees_only_the_application_contract", {"server/http/a.cc": '#include "stack/tcp/tcb.h"\n'},
     "server/http/a.cc:1"),
    ("rooms_have_no_cycle", {"CMakeLists.txt": "room(stack/a stack/b)\nroom(stack/b stack/a)\n"}, "CMakeLists.txt:1"),
    ("rooms_have_no_cycle", {"CMakeLists.txt": "room(stack/a stack/gone)\n"}, "CMakeLists.txt:1"),
    ("includes_have_no_cycle", {"stack/base/a.h": '#include "stack/base/b.h"\n',
                                "stack/base/b.h": '#include "stack/base/a.h"\n'}, "stack/base/a.h:1"),
    ("lines_are_short", {"stack/base/a.cc": "int x;  // " + "long " * 30 + "\n"}, "stack/base/a.cc:1"),
    ("files_are_short", {"stack/base/a.cc": "\n" * 601}, "stack/base/a.cc:600"),
    ("functions_are_short", {"stack/base/a.cc": "namespace a {\n" + LONG + "}\n"}, "stack/base/a.cc:2"),
    ("functions_are_short", {"stack/base/a.cc": "A::A(int x) : x_{x}, y_(1) {\n" + "  g();\n" * 70 + "}\n"},
     "stack/base/a.cc:1"),
    ("functions_are_short",
     {"stack/base/a.h": "class A {\n  int x = 1;\n  int size() const { return x; }\n" + LONG + "};\n"},
     "stack/base/a.h:4"),
    ("functions_are_short", {"tests/stack/base/a_test.cc": "TEST(A, b) {\n" + "  g();\n" * 70 + "}\n"},
     "tests/stack/base/a_test.cc:1"),
    ("functions_are_short", {"tests/live/a.py": "def f():\n" + "    g()\n" * 70}, "tests/live/a.py:1"),
    ("nothing_is_left_for_later", {"stack/base/a.cc": f"int x;\n// {marker('TO', 'DO')}: y\n"}, "stack/base/a.cc:2"),
    ("nothing_is_left_for_later", {"README.md": f"This is {marker('not ', 'implemented')}.\n"}, "README.md:1"),
    ("no_machine_is_named", {"dev": f"cd {marker('/ho', 'me')}/someone\n"}, "dev:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "auto t = std::chrono::steady_clock::now();\n"},
     "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "int x = rand();\n"}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "std::thread t;\n"}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": 'std::printf("x");\n'}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "void* p = std::malloc(1);\n"}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "std::this_thread::sleep_for(x);\n"}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.cc": "::close(3);\n"}, "stack/tcp/a.cc:1"),
    ("the_stack_keeps_to_itself", {"stack/tcp/a.h": "#include <sys/socket.h>\n"}, "stack/tcp/a.h:1"),
    ("dangerous_calls_are_absent", {"backends/tun/a.cc": "struct __attribute__((packed)) A {};\n"},
     "backends/tun/a.cc:1"),
    ("dangerous_calls_are_absent", {"server/http/a.cc": "sprintf(p, q);\n"}, "server/http/a.cc:1"),
    ("dangerous_calls_are_absent", {"server/http/a.cc": "assert(p);\n"}, "server/http/a.cc:1"),
    ("tests_do_not_sleep", {"tests/stack/base/a_test.cc": "usleep(3);\n"}, "tests/stack/base/a_test.cc:1"),
    ("tests_do_not_sleep", {"tests/live/a_test.py": "time.sleep(3)\n"}, "tests/live/a_test.py:1"),
    ("headers_introduce_themselves", {"stack/base/a.h": "// What it is.\nint x;\n"}, "stack/base/a.h:1"),
    ("headers_introduce_themselves", {"stack/base/a.h": "#pragma once\nint x;\n"}, "stack/base/a.h:1"),
    ("namespaces_are_folders", {"stack/tcp/a.h": "namespace windhover::stack::ip {}\n"}, "stack/tcp/a.h:1"),
    ("namespaces_are_folders", {"stack/tcp/a.h": "int x;\n"}, "stack/tcp/a.h:1"),
    ("tests_mirror_sources", {"tests/stack/tcp/gone_test.cc": ""}, "tests/stack/tcp/gone_test.cc:1"),
    ("every_reason_has_its_test",
     {"stack/base/c.h": DROPS, "tests/stack/ip/a_test.cc": "EXPECT_EQ(n(Drop::kTorn), 1);\n"},
     "stack/base/c.h:4"),
    ("every_reason_has_its_test", {"stack/base/c.h": DROPS, "tests/stack/ip/a_test.cc":
                                   "EXPECT_EQ(n(Drop::kTorn), 1);\nuse(Drop::kLost);\n"}, "stack/base/c.h:4"),
]


@pytest.mark.parametrize("name, files, where", BROKEN, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(BROKEN)])
def test_rule_catches(name, files, where):
    tree = source.Tree({"CMakeLists.txt": TABLE} | files)
    found = [f"{v.path}:{v.line}" for v in getattr(rules, name)(tree)]
    assert where in found, found


def test_every_rule_has_a_text_that_breaks_it():
    assert {rule.__name__ for rule in rules.RULES} == {name for name, _, _ in BROKEN}


SOUND = {
    "CMakeLists.txt": TABLE,
    "stack/base/c.h": "#pragma once\n// Reasons.\nnamespace windhover::stack::base {\n" + DROPS + "}\n",
    "stack/tcp/a.h": '#pragma once\n// steady_clock and rand() in a comment.\n#include "stack/base/c.h"\n'
                     'namespace windhover::stack::tcp {\nclass A {\n public:\n  explicit A(int x) : x_{x} {}\n'
                     '  void transmit_time(int);\n  int x_;\n};\n}\n',
    "stack/tcp/a.cc": '#include "stack/tcp/a.h"\nnamespace windhover::stack::tcp {\n'
                      'const char* kText = "std::printf(";\n'
                      "void A::transmit_time(int) { x_ = 1'000; }\n}\n",
    "tests/stack/tcp/a_test.cc": "const Expected kCases[] = {\n  {Drop::kTorn},\n  {Drop::kLost},\n};\n",
    "server/http/b.cc": '#include "stack/tcp/app.h"\nnamespace windhover::server::http {}\n',
    "stack/tcp/app.h": "#pragma once\n// The contract.\nnamespace windhover::stack::tcp {}\n",
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_lets_sound_text_pass(rule):
    assert not list(rule(source.Tree(SOUND)))


# --------------------------------------------------------------------------------------------------- the model itself

def test_comments_and_literals_are_blanked_and_lines_stay():
    file = source.File("a.cc", 'int a; // rand()\n/* b\n c */ '
                               'char d = \'"\'; auto e = R"x(rand()\n)x"; int f = 1\'000; // "\nint g;')
    assert "rand" not in file.code
    assert file.code.count("\n") == file.text.count("\n")
    assert "int g;" in file.code and "1'000" in file.code


def test_fingerprint_follows_included_headers():
    def build(inner):
        return source.Tree({"a.cc": '#include "b.h"', "b.h": '#include "c.h"', "c.h": inner, "d.h": inner})
    assert build("1").fingerprint("a.cc", "") != build("2").fingerprint("a.cc", "")
    assert build("1").fingerprint("b.h", "") == build("1").fingerprint("b.h", "")
    assert build("1").fingerprint("a.cc", "x") != build("1").fingerprint("a.cc", "y")
