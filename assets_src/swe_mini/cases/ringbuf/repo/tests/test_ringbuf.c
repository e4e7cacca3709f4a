#include "ringbuf.h"

#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(what) \
    do { if (!(what)) { failures++; printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #what); } } while (0)

static void test_first_in_first_out(void)
{
    struct ringbuf rb;
    char out[8];
    CHECK(ringbuf_init(&rb, 4) == 0);
    CHECK(ringbuf_write(&rb, "abcdef", 6) == 4);
    CHECK(ringbuf_read(&rb, out, 3) == 3 && memcmp(out, "abc", 3) == 0);
    CHECK(ringbuf_write(&rb, "gh", 2) == 2); /* the h goes to the beginning of the block */
    CHECK(ringbuf_read(&rb, out, 8) == 3 && memcmp(out, "dgh", 3) == 0);
    CHECK(ringbuf_read(&rb, out, 8) == 0);
    ringbuf_free(&rb);
}

static void test_peek_and_find(void)
{
    struct ringbuf rb;
    char out[16];
    ringbuf_init(&rb, 16);
    ringbuf_write(&rb, "21.5 °C\n7", 10);
    CHECK(ringbuf_find(&rb, '\n', 0) == 8 && ringbuf_find(&rb, '\n', 9) == -1);
    CHECK(ringbuf_peek(&rb, 0, out, 4) == 4 && memcmp(out, "21.5", 4) == 0);
    CHECK(ringbuf_drop(&rb, 9) == 9 && rb.used == 1);
    ringbuf_free(&rb);
}

static void test_resize(void)
{
    struct ringbuf rb;
    char out[8];
    ringbuf_init(&rb, 2);
    ringbuf_write(&rb, "ab", 2);
    CHECK(ringbuf_resize(&rb, 4) == 0);
    CHECK(ringbuf_write(&rb, "cde", 3) == 2);
    CHECK(ringbuf_read(&rb, out, 8) == 4 && memcmp(out, "abcd", 4) == 0);
    ringbuf_free(&rb);
}

int main(void)
{
    test_first_in_first_out();
    test_peek_and_find();
    test_resize();
    printf("test_ringbuf: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
