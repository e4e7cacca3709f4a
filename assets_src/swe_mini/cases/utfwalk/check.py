"""Held-out check for utfwalk: compared with Python's decoder, which replaces bad bytes as browsers do."""

import itertools
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = r"""
#include "utfwalk.h"

#include <stdio.h>
#include <stdlib.h>

/* A line of input is hex bytes; a line of output is the first bad byte, the count, and the code points.
   A line that begins with = is a code point to be encoded. What follows the text in memory looks like UTF-8. */
int main(void)
{
    char line[200];
    while (fgets(line, sizeof line, stdin)) {
        unsigned char text[64];
        size_t n = 0;
        unsigned byte;
        int used;
        if (*line == '=') {
            n = utf_encode((uint32_t)strtoul(line + 1, NULL, 16), text);
            for (size_t i = 0; i < n; i++)
                printf("%02x", text[i]);
            putchar('\n');
            continue;
        }
        for (const char *p = line; sscanf(p, "%2x%n", &byte, &used) == 1; p += used)
            text[n++] = (unsigned char)byte;
        for (size_t i = n; i < n + 4; i++)
            text[i] = 0xa0;
        printf("%zu %zu", utf_first_bad(text, n), utf_count(text, n));
        for (const unsigned char *at = text; at < text + n;)
            printf(" %x", utf_next(&at, text + n));
        putchar('\n');
    }
    return 0;
}
"""


def described(data):
    """The line that the program should print for some bytes."""
    text = data.decode("utf-8", errors="replace")
    try:
        data.decode("utf-8")
        bad = len(data)
    except UnicodeDecodeError as error:
        bad = error.start
    return " ".join([str(bad), str(len(text)), *(f"{ord(char):x}" for char in text)])


class Walk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        source, cls.program = Path(folder.name, "check.c"), Path(folder.name, "check")
        source.write_text(PROGRAM, encoding="utf-8")
        command = ["gcc", "-std=c11", "-O1", "-I.", "-o", cls.program, source, "utfwalk.c"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise AssertionError(built.stderr)

    def answers(self, lines):
        text = "".join(f"{line}\n" for line in lines)
        done = subprocess.run([self.program], input=text, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.splitlines()

    def same(self, texts):
        found = self.answers([data.hex() for data in texts])
        wrong = [(data.hex(), a, described(data)) for data, a in zip(texts, found, strict=True) if a != described(data)]
        self.assertEqual(wrong[:5], [], f"{len(wrong)} of {len(texts)} texts: (bytes, found, wanted)")

    def test_valid_text(self):
        codes = [0, 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF]
        self.same([f"a{chr(code)}b".encode() for code in codes])

    def test_missing_bytes(self):
        self.same([bytes.fromhex(text) for text in "e28241 f09f98 f09f4142 c3 c328 e2 e282 f0 80 bf80 41bf".split()])

    def test_bytes_that_never_occur(self):
        self.same([bytes.fromhex(text) for text in "fffe c0af c180 f5808080 f841 c0 ff".split()])

    def test_overlong_surrogates_and_too_high(self):
        self.same([bytes.fromhex(text) for text in "e080af f08080af eda080 edbfbf f4908080 eda041 e09f f48f".split()])

    def test_all_short_texts(self):
        some = [0x28, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF4, 0xF5]
        self.same([bytes(text) for n in (1, 2, 3) for text in itertools.product(some, repeat=n)])

    def test_random_texts(self):
        rng = random.Random(3)
        pool = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF1, 0xF4]
        self.same([bytes(rng.choices(pool, k=rng.randrange(1, 20))) for _ in range(2000)])

    def test_encode(self):
        codes = [0x41, 0xE9, 0x2602, 0x1F98A, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0x10FFFF, 0x110000, 0xFFFFFFFF]
        valid = [code for code in codes if code < 0xD800 or 0xDFFF < code < 0x110000]
        wanted = [chr(code).encode().hex() if code in valid else "" for code in codes]
        self.assertEqual(self.answers([f"={code:x}" for code in codes]), wanted)


if __name__ == "__main__":
    unittest.main()
