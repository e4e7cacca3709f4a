import unittest

from pipeyard import plan
from pipeyard.check import problems


def pipeline(**jobs):
    defaults = {"when": ["push"], "steps": [{"run": "true"}], "file": "x.yml"}
    return {"events": ["push", "tag"], "jobs": {name: {**defaults, **job} for name, job in jobs.items()}}


class PlanTest(unittest.TestCase):
    def test_what_is_needed_comes_first(self):
        self.assertEqual(plan(pipeline(a={"needs": ["c"]}, b={}, c={}), "push"), ["b", "c", "a"])

    def test_matrix(self):
        matrix = {"os": ["x", "y"], "region": ["se", "dk"]}
        want = ["a os=x region=se", "a os=x region=dk", "a os=y region=se", "a os=y region=dk"]
        self.assertEqual(plan(pipeline(a={"matrix": matrix}), "push"), want)

    def test_need_that_does_not_run(self):
        with self.assertRaisesRegex(ValueError, "does not run on 'push'"):
            plan(pipeline(a={"needs": ["b"]}, b={"when": ["tag"]}), "push")


class CheckTest(unittest.TestCase):
    def test_problems(self):
        jobs = pipeline(a={"step": []}, b={"when": ["pusch"]}, c={"steps": None})
        want = ["x.yml: a: unknown key 'step'", "x.yml: b: no such event: 'pusch'", "x.yml: c: has no steps"]
        self.assertEqual(problems(jobs), want)

    def test_circle(self):
        self.assertIn("wait for each other", problems(pipeline(a={"needs": ["b"]}, b={"needs": ["a"]}))[0])


if __name__ == "__main__":
    unittest.main()
