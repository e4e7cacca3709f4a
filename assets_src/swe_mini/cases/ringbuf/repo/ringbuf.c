#include "ringbuf.h"

#include <stdlib.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- memory ------------------------------------------------------------ */

int ringbuf_init(struct ringbuf *rb, size_t capacity)
{
    rb->data = malloc(capacity ? capacity : 1);
    rb->capacity = rb->data ? capacity : 0;
    rb->start = rb->used = 0;
    return rb->data ? 0 : -1;
}

void ringbuf_free(struct ringbuf *rb)
{
    free(rb->data);
    rb->data = NULL;
    rb->capacity = rb->start = rb->used = 0;
}

int ringbuf_resize(struct ringbuf *rb, size_t capacity)
{
    unsigned char *data = realloc(rb->data, capacity);
    if (!data)
        return -1;
    rb->data = data;
    rb->capacity = capacity;
    return 0;
}

/* ---- in and out -------------------------------------------------------- */

size_t ringbuf_write(struct ringbuf *rb, const void *from, size_t n)
{
    n = least(n, rb->capacity - rb->used);
    if (n == 0)
        return 0;
    size_t end = (rb->start + rb->used) % rb->capacity;
    size_t first = least(n, rb->capacity - end); /* up to the end of the block */
    memcpy(rb->data + end, from, first);
    memcpy(rb->data, (const unsigned char *)from + first, n - first);
    rb->used += n;
    return n;
}

size_t ringbuf_peek(const struct ringbuf *rb, size_t offset, void *to, size_t n)
{
    n = least(n, rb->used - offset);
    size_t first = least(n, rb->capacity - rb->start);
    memcpy(to, rb->data + rb->start + offset, first);
    memcpy((unsigned char *)to + first, rb->data, n - first);
    return n;
}

size_t ringbuf_drop(struct ringbuf *rb, size_t n)
{
    n = least(n, rb->used);
    rb->used -= n;
    rb->start = rb->used ? (rb->start + n) % rb->capacity : 0;
    return n;
}

size_t ringbuf_read(struct ringbuf *rb, void *to, size_t n)
{
    return ringbuf_drop(rb, ringbuf_peek(rb, 0, to, n));
}

long ringbuf_find(const struct ringbuf *rb, unsigned char byte, size_t offset)
{
    size_t length = least(rb->used, rb->capacity - rb->start);
    for (size_t i = offset; i < length; i++)
        if (rb->data[rb->start + i] == byte)
            return (long)i;
    return -1;
}
