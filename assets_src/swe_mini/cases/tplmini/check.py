"""Held-out check for tplmini: arguments of filters, escaping once, mistakes named by their line."""

import unittest

from tplmini import Template, TemplateError


def render(source, **values):
    return Template(source).render(**values)


class Arguments(unittest.TestCase):
    def test_default(self):
        for source, expected in {
            '{{ x|default:"—" }}': "—",
            "{{ x | default : '—' }}": "—",
            "{{ x|default:'it\\'s' }}": "it&#x27;s",
            '{{ x|default:"a|b:c" }}': "a|b:c",
            '{{ x|default:"}}" }}{{ y }}': "}}Y",
            '{{ x|default:"{{" }}': "{{",
            "{{ x|default:y }}": "Y",
            "{{ x|default:u.name|lower }}": "zoë",
            "{{ x|default:7 }}{{ x|default:-7 }}": "7-7",
            '{{ x|default:"say \\"hi\\" \\\\" }}': "say &quot;hi&quot; \\",
            '{{ y|default:"no" }}{{ empty|default:"none" }}{{ zero|default:"none" }}': "Y0",
        }.items():
            self.assertEqual(render(source, y="Y", u={"name": "Zoë"}, empty="", zero=0), expected, source)

    def test_join(self):
        self.assertEqual(render('{{ xs|join:", " }}|{{ xs|join }}', xs=["a", 1]), "a, 1|a 1")
        self.assertEqual(render('{{ xs|join:"|" }}', xs=[1, 2]), "1|2")

    def test_round(self):
        self.assertEqual(render("{{ x|round:2 }} {{ x|round }}", x=2.71828), "2.72 3")

    def test_in_tags(self):
        source = "{% for x in xs|default:ys %}{{ x }}{% endfor %}{% if x|default:'%}' %}!{% endif %}"
        self.assertEqual(render(source, ys="ab"), "ab!")

    def test_quotes_outside_of_tags(self):
        self.assertEqual(render("it's {# don't \" #}{{ y }} \"x'", y=1), "it's 1 \"x'")


class Escaping(unittest.TestCase):
    def test_once(self):
        for chain in "", "|escape", "|escape|escape", "|safe|escape":
            self.assertEqual(render("{{ x" + chain + " }}", x="a&b"), "a&amp;b", chain)

    def test_anywhere_in_the_chain(self):
        self.assertEqual(render("{{ x|escape|upper }}", x="a&b"), "A&amp;B")
        self.assertEqual(render("{{ x|safe|upper }}{{ x|upper|safe }}", x="<b>"), "<B><B>")
        self.assertEqual(render("{{ x|escape|safe }}", x="<b>"), "<b>")

    def test_values_in_conditions_are_plain(self):
        self.assertEqual(render("{% for c in x|escape %}{{ c }} {% endfor %}", x="a&"), "a &amp; ")


class Mistakes(unittest.TestCase):
    def test_line(self):
        for source, message in {
            "\n{{ x|uper }}": "line 2: unknown filter uper",
            "a\n\n{% if x|no %}{% endif %}": "line 3: unknown filter no",
            "\n{{ x|upper:1 }}": "line 2: upper takes no argument",
            "{{ x|default }}": "line 1: default needs an argument",
            "{{ x|safe:1 }}": "line 1: safe takes no argument",
        }.items():
            with self.assertRaises(TemplateError, msg=source) as caught:
                Template(source)
            self.assertEqual(str(caught.exception), message)
        for source in "{{ x| }}", "{{ x|default:a b }}", "{{ x y }}", '{{ x|default:"a"b }}', '{{ x|default:"a }}':
            with self.assertRaisesRegex(TemplateError, "^line 1: ", msg=source):
                Template(source)


if __name__ == "__main__":
    unittest.main()
