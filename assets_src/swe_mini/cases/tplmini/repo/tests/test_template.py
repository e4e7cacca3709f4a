import unittest

from tplmini import Template, TemplateError


def render(source, **values):
    return Template(source).render(**values)


class RenderTest(unittest.TestCase):
    def test_values(self):
        self.assertEqual(render("{{ user.name }}, {{ user.age }}{{ nobody.x }}", user={"name": "Jürgen"}), "Jürgen, ")

    def test_escaping(self):
        self.assertEqual(render("<p>{{ x }}</p>", x="<&>"), "<p>&lt;&amp;&gt;</p>")

    def test_filters(self):
        self.assertEqual(render("{{ x|trim|upper }}{{ xs | length }}", x=" straße ", xs=[1, 2]), "STRASSE2")

    def test_loop(self):
        self.assertEqual(render("{% for x in xs %}{{ x }};{% endfor %}", xs=[1, 2]), "1;2;")

    def test_condition(self):
        source = "{% if x %}yes{% else %}no{% endif %}{# a } note #}"
        self.assertEqual((render(source, x=1), render(source)), ("yes", "no"))


class ErrorTest(unittest.TestCase):
    def test_line_is_named(self):
        for source, message in {
            "a\n{{ x": "line 2: {{ is never closed",
            "{# don't": "line 1: {# is never closed",
            "\n\n{% for x in xs %}": "line 3: {% for x in xs %} has no endfor",
            "{% endif %}": "line 1: unexpected endif",
            "{% for x of xs %}": "line 1: a loop is written {% for NAME in VALUE %}",
        }.items():
            with self.subTest(source), self.assertRaises(TemplateError) as caught:
                Template(source)
            self.assertEqual(str(caught.exception), message)


if __name__ == "__main__":
    unittest.main()
