"""The form of the files, and what the checks find wrong: each on a small text that breaks it."""

import unittest

import requirements
import table

GOOD = """# RFC 9999: Carrier Pigeons

Some words. Numbers run from MUST-1 to MUST-2.

**2.1 MUST-1** A bird
flies.
Tests: `script/bird/flies`, `stack/bird/Bird.flies`.

```script bird_that_flies
# not a requirement: **3 MUST** nothing
```

**2.10 MUST-2** A bird waits.
Instead: It does not, because
it is late.

**A.1 SHOULD** A bird sings.
Not ours: we have no birds.
"""

TESTS = {"script/bird/flies", "stack/bird/Bird.flies", "rfc/9999/bird_that_flies"}


def read(text=GOOD):
    return requirements.parse("tests/rfc/rfc9999.md", text)


class Form(unittest.TestCase):
    def test_a_requirement_is_read_whole(self):
        rfc = read()
        first, second, third = rfc.requirements
        self.assertEqual((rfc.number, rfc.title), (9999, "Carrier Pigeons"))
        self.assertEqual((first.label, first.text), ("2.1 MUST-1", "A bird flies."))
        self.assertEqual(set(first.tests), TESTS)
        self.assertEqual(second.instead, "It does not, because it is late.")
        self.assertEqual(third.not_ours, "we have no birds.")
        self.assertEqual(list(requirements.faults(rfc, TESTS)), [])

    def test_what_is_not_of_the_form_is_told_with_its_line(self):
        for change, told in ((("# RFC 9999:", "RFC 9999:"), ":1: "),
                             (("**2.1 MUST-1**", "**2.1**"), ":5: "),
                             (("MUST-1** A", "DUTY** A"), ":5: DUTY"),
                             (("Tests: `script/bird/flies`", "Tests: x"), ":7"),
                             (("```script bird_that_flies", "```"), ":9: "),
                             (("nothing\n```", "nothing"), "an end")):
            with self.assertRaisesRegex(requirements.Wrong, told):
                read(GOOD.replace(*change))


class Checks(unittest.TestCase):
    def assert_found(self, text, told, tests=frozenset(TESTS)):
        self.assertIn(told, "\n".join(requirements.faults(read(text), tests)))

    def test_sections_are_in_order(self):
        self.assert_found(GOOD.replace("2.10", "2.0"), "2.0 stands behind 2.1")

    def test_every_number_has_an_entry(self):
        self.assert_found(GOOD.replace("to MUST-2", "to MUST-3"), "no entry for MUST-3")

    def test_every_entry_has_a_test_or_a_reason(self):
        self.assert_found(GOOD.replace("Not ours: we have no birds.", "Loudly."), "neither a test nor a reason")

    def test_a_name_that_is_no_test_s_is_told(self):
        self.assert_found(GOOD, "there is no test script/bird/flies", TESTS - {"script/bird/flies"})

    def test_the_file_is_named_by_its_rfc(self):
        self.assert_found(GOOD.replace("RFC 9999", "RFC 9998"), "name it rfc9998.md")


class Table(unittest.TestCase):
    def test_says_each_requirement_once(self):
        text = table.table([read()])
        self.assertIn("| [9999](../tests/rfc/rfc9999.md) | Carrier Pigeons | 1 | 1 | 1 |", text)
        for line in ("- 2.1 MUST-1: A bird flies.", "A bird waits. *Instead:* It does not",
                     "- RFC 9999, A.1 SHOULD: A bird sings. *Not ours:* we have no birds."):
            self.assertEqual(text.count(line), 1)

    def test_the_guide_speaks_of_files_that_are_there(self):
        guide = "[a](tcp/) `tcp/tcp.h` `tcp/gone.cc` [b](gone/README.md) [c](https://example.com)"
        told = list(table.lost_files(guide))
        self.assertEqual(told, [f"stack/README.md: speaks of {name}, which is not there"
                                for name in ("gone/README.md", "tcp/gone.cc")])

    def test_stands_between_its_marks(self):
        readme = f"guide\n{table.BEGIN}\nold\n{table.END}\nrest\n"
        self.assertEqual(table.with_table(readme, "new\n"), f"guide\n{table.BEGIN}\n\nnew\n\n{table.END}\nrest\n")


if __name__ == "__main__":
    unittest.main()
