"""Held-out check for semrange: caret below 1.0, open limits, and pre-releases in order and in their place."""

import json
import subprocess
import unittest


def evaluate(expression):
    """What a JavaScript expression gives, with the library's functions in scope."""
    script = f"const {{ satisfies, best, describe, compare, parseVersion }} = require('./src');\
        console.log(JSON.stringify({expression}));"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def fitting(*questions):
    """For each (range, versions) the versions that fit."""
    return evaluate(f"{json.dumps(questions)}.map(([range, all]) => all.filter((one) => satisfies(one, range)))")


class Ranges(unittest.TestCase):
    def test_caret_below_one(self):
        versions = ["0.0.2", "0.0.3", "0.0.4", "0.1.0", "0.2.2", "0.2.3", "0.2.9", "0.3.0", "0.9.0", "1.0.0"]
        found = fitting(*[(text, versions) for text in ("^0.2.3", "^0.0.3", "^0.0", "^0.0.x", "^0", "^0.x", "^0.2")])
        self.assertEqual(found[0], ["0.2.3", "0.2.9"])
        self.assertEqual(found[1], ["0.0.3"])
        self.assertEqual(found[2], ["0.0.2", "0.0.3", "0.0.4"])
        self.assertEqual(found[3], found[2])
        self.assertEqual(found[4], versions[:-1])
        self.assertEqual(found[5], found[4])
        self.assertEqual(found[6], ["0.2.2", "0.2.3", "0.2.9"])

    def test_open_limits(self):
        versions = ["1.1.9", "1.2.0", "1.2.7", "1.3.0", "1.9.0", "2.0.0"]
        found = fitting(*[(text, versions) for text in (">1.2", "<=1.2", ">1", "<=1.x", ">=1.2", "<1.2", ">1.2.0")])
        self.assertEqual(found[0], ["1.3.0", "1.9.0", "2.0.0"])
        self.assertEqual(found[1], ["1.1.9", "1.2.0", "1.2.7"])
        self.assertEqual(found[2], ["2.0.0"])
        self.assertEqual(found[3], versions[:-1])
        self.assertEqual(found[4], versions[1:])
        self.assertEqual(found[5], ["1.1.9"])
        self.assertEqual(found[6], versions[2:])

    def test_nothing_else_changed(self):
        found = evaluate("['^1.2.3', '~1.2', '1.x', '>=1.2.3', '<2.0.0', '*'].map(describe)")
        self.assertEqual(found, ["≥1.2.3 <2.0.0", "≥1.2.0 <1.3.0", "≥1.0.0 <2.0.0", "≥1.2.3", "<2.0.0", "any"])


class PreReleases(unittest.TestCase):
    def test_order(self):
        pre = "1 2 10 1a RC alpha alpha.1 alpha.1.0 alpha.beta beta beta.2 beta.11 beta.x rc.1".split()
        names = [f"1.0.0-{text}" for text in pre] + ["1.0.0"]
        signs = evaluate(
            f"{json.dumps(names)}.map((a, i, all) => "
            "all.map((b) => Math.sign(compare(parseVersion(a), parseVersion(b)))))"
        )
        wanted = [[(i > k) - (i < k) for k in range(len(names))] for i in range(len(names))]
        self.assertEqual(signs, wanted)

    def test_equal_whatever_the_build(self):
        self.assertEqual(fitting(("=1.0.0-rc.1", ["1.0.0-rc.1+5", "1.0.0-rc.2"])), [["1.0.0-rc.1+5"]])

    def test_left_out_unless_asked_for(self):
        versions = ["1.2.3-beta.2", "1.2.3-beta.10", "1.2.3", "1.2.4-beta.3", "2.0.0-rc.1", "2.0.0"]
        found = fitting(
            *[(t, versions) for t in ("*", "", "^1.2.0", ">=1.2.3-beta.3", "^1.2.3-beta.2 <2.0.0", "<2", ">1")]
        )
        self.assertEqual(found[0], ["1.2.3", "2.0.0"])
        self.assertEqual(found[1], found[0])
        self.assertEqual(found[2], ["1.2.3"])
        self.assertEqual(found[3], ["1.2.3-beta.10", "1.2.3", "2.0.0"])
        self.assertEqual(found[4], ["1.2.3-beta.2", "1.2.3-beta.10", "1.2.3"])
        self.assertEqual(found[5], ["1.2.3"])
        self.assertEqual(found[6], ["2.0.0"])

    def test_each_alternative_for_itself(self):
        versions = ["1.2.3-beta.2", "1.2.3", "1.4.0", "3.0.0-rc.1", "3.0.0"]
        found = fitting(
            ("^3.0.0-rc.1 || ^1.2.0", versions), ("* || 1.2.3-beta.2", versions), ("1.x || >3.0.0-alpha", versions)
        )
        self.assertEqual(found[0], ["1.2.3", "1.4.0", "3.0.0-rc.1", "3.0.0"])
        self.assertEqual(found[1], ["1.2.3-beta.2", "1.2.3", "1.4.0", "3.0.0"])
        self.assertEqual(found[2], ["1.2.3", "1.4.0", "3.0.0-rc.1", "3.0.0"])
        # The one alternative names a pre-release of 3.0.0 and does not match; the other one matches no pre-releases.
        self.assertEqual(fitting(("<3.0.0-a || >=1.2.0", ["3.0.0-rc.1"])), [[]])

    def test_best(self):
        self.assertEqual(evaluate("best(['1.0.0-beta.9', '1.0.0-beta.10'], '>=1.0.0-beta.1')"), "1.0.0-beta.10")


if __name__ == "__main__":
    unittest.main()
