"""Held-out check for ringbuf: every function against a plain array, wherever the bytes wrap around; and lines."""

import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = r"""
#include "ringbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(what) do { if (!(what)) { printf("line %d: %s\n", __LINE__, #what); exit(1); } } while (0)

/* Move the start of an empty buffer to a place, as use would do. */
static void at(struct ringbuf *rb, size_t capacity, size_t start, const char *text)
{
    unsigned char byte = 0;
    MUST(ringbuf_init(rb, capacity) == 0);
    rb->start = start;
    for (size_t i = 0; i < strlen(text); i++) {
        byte = (unsigned char)text[i];
        MUST(ringbuf_write(rb, &byte, 1) == 1);
    }
}

static void contains(const struct ringbuf *rb, const char *text)
{
    char out[64];
    size_t n = strlen(text);
    MUST(rb->used == n);
    for (size_t offset = 0; offset <= n + 2; offset++)
        for (size_t wanted = 0; wanted <= n + 1; wanted++) {
            size_t there = offset < n ? n - offset : 0, given = wanted < there ? wanted : there;
            memset(out, '#', sizeof out);
            MUST(ringbuf_peek(rb, offset, out, wanted) == given);
            MUST(memcmp(out, text + (offset < n ? offset : n), given) == 0 && out[given] == '#');
        }
    for (size_t offset = 0; offset <= n + 2; offset++) {
        const char *found = offset < n ? strchr(text + offset, 'x') : NULL;
        MUST(ringbuf_find(rb, 'x', offset) == (found ? found - text : -1));
    }
}

static void peek_and_find(void)
{
    struct ringbuf rb;
    const char *texts[] = {"", "x", "abcdefgh", "abcxdefx", "abcdefx", "xabc"};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t start = 0; start < 8; start++) {
            at(&rb, 8, start, texts[t]);
            contains(&rb, texts[t]);
            ringbuf_free(&rb);
        }
}

static void resize(void)
{
    struct ringbuf rb;
    const char *text = "abcdefx";
    for (size_t n = 0; n <= 7; n++)
        for (size_t start = 0; start < 8; start++)
            for (size_t capacity = 0; capacity <= 20; capacity++) {
                at(&rb, 8, start, text + 7 - n);
                int done = ringbuf_resize(&rb, capacity);
                MUST(done == (capacity < n ? -1 : 0));
                MUST(rb.capacity == (done ? 8 : capacity));
                contains(&rb, text + 7 - n);
                size_t room = rb.capacity - n;
                MUST(ringbuf_write(&rb, "01234567890123456789", 20) == room);
                char out[32];
                MUST(ringbuf_read(&rb, out, 32) == n + room);
                MUST(memcmp(out, text + 7 - n, n) == 0 && memcmp(out + n, "01234567890123456789", room) == 0);
                ringbuf_free(&rb);
            }
}

static void lines(void)
{
    struct ringbuf rb;
    char out[8];
    for (size_t start = 0; start < 16; start++) {
        at(&rb, 16, start, "one\n\n\xc3\xbc" "ber\nrest");
        memset(out, '#', sizeof out);
        MUST(ringbuf_getline(&rb, out, sizeof out) == 3 && memcmp(out, "one\0####", 8) == 0);
        MUST(ringbuf_getline(&rb, out, sizeof out) == 0 && out[0] == '\0');
        memset(out, '#', sizeof out);
        MUST(ringbuf_getline(&rb, out, 5) == -2 && out[5] == '#' && rb.used == 10);
        MUST(ringbuf_getline(&rb, out, 0) == -2 && rb.used == 10);
        memset(out, '#', sizeof out);
        MUST(ringbuf_getline(&rb, out, 6) == 5 && memcmp(out, "\xc3\xbc" "ber\0##", 8) == 0);
        MUST(ringbuf_getline(&rb, out, sizeof out) == -1);
        MUST(rb.used == 4 && ringbuf_write(&rb, "\n", 1) == 1);
        MUST(ringbuf_getline(&rb, out, sizeof out) == 4 && strcmp(out, "rest") == 0 && rb.used == 0);
        ringbuf_free(&rb);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    switch (*argv[1]) {
    case 'p': peek_and_find(); break;
    case 'r': resize(); break;
    case 'l': lines(); break;
    }
    return 0;
}
"""


class RingBuffer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        source, cls.program = Path(folder.name, "check.c"), Path(folder.name, "check")
        source.write_text(PROGRAM, encoding="utf-8")
        command = ["gcc", "-std=c11", "-O1", "-Wall", "-I.", "-o", cls.program, source, "ringbuf.c"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise AssertionError(built.stderr)

    def succeeds(self, part):
        done = subprocess.run([self.program, part], capture_output=True, text=True, check=False, timeout=5)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_peek_and_find(self):
        self.succeeds("peek_and_find")

    def test_resize(self):
        self.succeeds("resize")

    def test_lines(self):
        self.succeeds("lines")


if __name__ == "__main__":
    unittest.main()
