"""Held-out check for csvflow: the same rows wherever the pieces end, no BOM in them, and open quotes are an error."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

HEAD = """
import { CsvError, CsvParser, records, rows } from 'csvflow';

const all = async (source, options) => {
  const found = [];
  for await (const row of rows(source, options)) found.push(row);
  return found;
};
const failure = async (source) => {
  try {
    return await all(source);
  } catch (error) {
    return error instanceof CsvError ? error.line : `${error}`;
  }
};
const show = (value) => console.log(JSON.stringify(value));
"""


def run(script):
    """What a script that imports the library shows."""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", HEAD + script], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


class Pieces(unittest.TestCase):
    TEXT = 'town,"say ""hej""",""\r\n"Malmö ""☂""\r\n",🦊,x\rZoë,,""""\n\n"a","",b'
    ROWS = [["town", 'say "hej"', ""], ['Malmö "☂"\r\n', "🦊", "x"], ["Zoë", "", '"'], [""], ["a", "", "b"]]

    def cuts(self, pieces):
        """Up to three ways to cut the text in three that give other rows: (where, where, rows)."""
        return run(
            f"""
            const text = {json.dumps(self.TEXT)}, wanted = JSON.stringify({json.dumps(self.ROWS)});
            const whole = {pieces}, wrong = [];
            for (let a = 0; a <= whole.length; a += 1) for (let b = a; b <= whole.length; b += 1) {{
              const found = JSON.stringify(await all([whole.slice(0, a), whole.slice(a, b), whole.slice(b)]));
              if (found !== wanted) wrong.push([a, b, found]);
            }}
            show(wrong.slice(0, 3));"""
        )

    def test_bytes(self):
        self.assertEqual(self.cuts("Buffer.from(text)"), [])

    def test_text(self):
        self.assertEqual(self.cuts("text"), [])

    def test_byte_by_byte(self):
        script = f"show(await all([...Buffer.from({json.dumps(self.TEXT)})].map((byte) => Buffer.of(byte))));"
        self.assertEqual(run(script), self.ROWS)

    def test_parser_gives_rows_early(self):
        script = (
            "const p = new CsvParser(); show([p.write('a,\"b\"\\nc'), p.write('\\r'), p.write('\\nd\\n'), p.end()]);"
        )
        early = run(script)
        self.assertEqual(early[0], [["a", "b"]])
        self.assertEqual(sum(early, []), [["a", "b"], ["c"], ["d"]])

    def test_last_line_end_is_cut(self):
        self.assertEqual(run("show(await all(['a\\r', '\\n']));"), [["a"]])
        self.assertEqual(run("show(await all(['a\\r']));"), [["a"]])
        self.assertEqual(run("show(await all(['a\\n', '\\r\\n', 'b']));"), [["a"], [""], ["b"]])


class Mark(unittest.TestCase):
    def test_byte_order_mark(self):
        for source in (
            r"['\ufeff\"a\",b']",
            r"['', '\ufeffa,b']",
            r"[Buffer.from('\ufeffa,b')]",
            r"[Buffer.of(0xef), Buffer.of(0xbb), Buffer.of(0xbf), Buffer.from('a,b')]",
        ):
            self.assertEqual(run(f"show(await all({source}));"), [["a", "b"]], source)

    def test_only_at_the_beginning(self):
        self.assertEqual(run(r"show(await all(['a,', '\ufeffb\n', '\ufeffc']));"), [["a", "\ufeffb"], ["\ufeffc"]])


class OpenQuotes(unittest.TestCase):
    def test_line(self):
        for source, line in (
            (r"['a,\"b']", 1),
            (r"['a\n\"b\nc\n\nd']", 2),
            (r"['a\r\n', '\"b\"\r', '\n\"', 'c\r\n']", 3),
            (r"['a\rb\r\"c\r\r']", 3),
            (r"['\"a\nb\",c\n\"\"\"']", 3),
        ):
            self.assertEqual(run(f"show(await failure({source}));"), line, source)

    def test_quote_in_the_middle(self):
        self.assertEqual(run(r"show(await failure(['\"a\rb\"\r', 'c\"\n']));"), 3)

    def test_closed_at_the_very_end(self):
        self.assertEqual(run(r"show(await failure(['a,\"b\"']));"), [["a", "b"]])

    def test_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "open.csv")
            path.write_text('a,b\n1,2\n"3,4\n', encoding="utf-8")
            done = subprocess.run(["node", "bin/csvflow.js", path], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, '{"a":"1","b":"2"}\n'))
        self.assertIn("line 3", done.stderr)


if __name__ == "__main__":
    unittest.main()
