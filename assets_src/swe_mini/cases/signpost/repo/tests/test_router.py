import unittest

from signpost import MethodNotAllowed, NotFound, RouteError, Router


class RouterTest(unittest.TestCase):
    def setUp(self):
        self.router = Router()
        self.router.add("GET", "/articles", "list")
        self.router.add("GET", "/articles/{id:int}", "show", name="article")
        self.router.add("GET", "/files/{rest:path}", "file")

    def test_parameters_are_converted(self):
        router = Router()
        router.add("GET", "/articles/{id:int}", "show")
        self.assertEqual(router.match("get", "/articles/12"), ("show", {"id": 12}))

    def test_not_found(self):
        with self.assertRaises(NotFound):
            self.router.match("GET", "/nothing")

    def test_wrong_method(self):
        with self.assertRaises(MethodNotAllowed) as caught:
            self.router.match("POST", "/files/a")
        self.assertEqual(caught.exception.allowed, {"GET"})

    def test_path_takes_several_segments(self):
        self.assertEqual(self.router.match("GET", "/files/a/b.txt").params, {"rest": "a/b.txt"})

    def test_url_for(self):
        self.assertEqual(self.router.url_for("article", id=12), "/articles/12")
        with self.assertRaisesRegex(RouteError, "missing id"):
            self.router.url_for("article")

    def test_bad_patterns(self):
        for pattern in "articles", "/{id:float}", "/{id}/{id}":
            with self.subTest(pattern), self.assertRaises(RouteError):
                Router().add("GET", pattern, None)


if __name__ == "__main__":
    unittest.main()
