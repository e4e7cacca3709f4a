"""Held-out check for signpost: whole paths, precedence, methods, percent signs."""

import unittest

from signpost import MethodNotAllowed, NotFound, RouteError, Router


def router(*routes):
    table = Router()
    for method, pattern, handler in routes:
        table.add(method, pattern, handler, name=f"{method} {handler}")
    return table


class Matching(unittest.TestCase):
    def test_whole_path(self):
        table = router(("GET", "/articles", "list"), ("GET", "/articles/{id:int}", "show"))
        self.assertEqual(table.match("GET", "/articles/12"), ("show", {"id": 12}))
        for path in ("/articles/12/edit", "/articlesque", "/articles/", "/articles/12\n"):
            with self.subTest(path), self.assertRaises(NotFound):
                table.match("GET", path)

    def test_literal_characters(self):
        table = router(("GET", "/feed.xml", "feed"), ("GET", "/c++/{page}", "cpp"))
        self.assertEqual(table.match("GET", "/feed.xml").handler, "feed")
        self.assertEqual(table.match("GET", "/c++/x").params, {"page": "x"})
        with self.assertRaises(NotFound):
            table.match("GET", "/feed-xml")

    def test_methods_of_all_routes(self):
        table = router(("GET", "/a/{x}", "get"), ("POST", "/a/{x}", "post"), ("DELETE", "/a/{x:int}", "delete"))
        self.assertEqual(table.match("POST", "/a/1").handler, "post")
        with self.assertRaises(MethodNotAllowed) as caught:
            table.match("PUT", "/a/1")
        self.assertEqual(caught.exception.allowed, {"GET", "POST", "DELETE"})

    def test_more_specific_first_whatever_the_order(self):
        table = router(
            ("GET", "/{rest:path}", "any"),
            ("GET", "/u/{name}", "name"),
            ("GET", "/u/{id:int}", "id"),
            ("GET", "/u/me", "me"),
            ("GET", "/u/{name:slug}", "slug"),
        )
        found = {path: table.match("GET", path).handler for path in ("/u/me", "/u/7", "/u/a-b", "/u/A.B", "/u/a/b")}
        self.assertEqual(found, {"/u/me": "me", "/u/7": "id", "/u/a-b": "slug", "/u/A.B": "name", "/u/a/b": "any"})

    def test_earlier_segment_decides(self):
        table = router(("GET", "/{a}/x", "late"), ("GET", "/b/{c}", "early"))
        self.assertEqual(table.match("GET", "/b/x").handler, "early")


class Percent(unittest.TestCase):
    def test_decoded_after_matching(self):
        table = router(("GET", "/tags/{tag}", "tag"), ("GET", "/f/{rest:path}", "file"))
        self.assertEqual(table.match("GET", "/tags/a%2Fb%20%C3%BC").params, {"tag": "a/b ü"})
        self.assertEqual(table.match("GET", "/f/a%20b/c").params, {"rest": "a b/c"})

    def test_encoded_when_filled(self):
        table = router(("GET", "/tags/{tag}", "tag"), ("GET", "/f/{rest:path}", "file"), ("GET", "/n/{id:int}", "n"))
        self.assertEqual(table.url_for("GET tag", tag="a/b ü?"), "/tags/a%2Fb%20%C3%BC%3F")
        self.assertEqual(table.url_for("GET file", rest="a b/c"), "/f/a%20b/c")
        for value in ("seven", -7, "7/8"):
            with self.subTest(value), self.assertRaises(RouteError):
                table.url_for("GET n", id=value)
        with self.assertRaises(RouteError):
            table.url_for("GET tag", tag="")


if __name__ == "__main__":
    unittest.main()
