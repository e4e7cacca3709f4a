#include "utfwalk.h"

#include <stdio.h>
#include <string.h>

static int failures;

/* The code points of a text, written as "U+41 U+FFFD", must be these. */
static void walks(const char *text, const char *wanted)
{
    char found[200] = "";
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    int count = (int)utf_count(at, strlen(text));
    while (at < end) {
        sprintf(found + strlen(found), "%sU+%X", *found ? " " : "", utf_next(&at, end));
        count--;
    }
    if (strcmp(found, wanted) != 0 || count != 0) {
        failures++;
        printf("found %s, wanted %s (count off by %d)\n", found, wanted, count);
    }
}

static void first_bad(const char *text, size_t wanted)
{
    size_t found = utf_first_bad((const unsigned char *)text, strlen(text));
    if (found != wanted) {
        failures++;
        printf("first bad byte at %zu, wanted %zu\n", found, wanted);
    }
}

static void round_trip(uint32_t code, size_t length)
{
    unsigned char out[4];
    const unsigned char *at = out;
    if (utf_encode(code, out) != length || utf_next(&at, out + length) != code || at != out + length) {
        failures++;
        printf("U+%X does not come back\n", code);
    }
}

int main(void)
{
    walks("", "");
    walks("aé☂🦊", "U+61 U+E9 U+2602 U+1F98A");
    first_bad("Zoë", 4);
    round_trip(0x7f, 1);
    round_trip(0x7ff, 2);
    round_trip(0xffff, 3);
    round_trip(0x10ffff, 4);
    printf("test_utfwalk: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
