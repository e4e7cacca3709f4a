/* ringbuf: a queue of bytes in one block of memory. What is written first is read first. */

#ifndef RINGBUF_H
#define RINGBUF_H

#include <stddef.h>

struct ringbuf {
    unsigned char *data;
    size_t capacity;
    size_t start; /* where the oldest byte is */
    size_t used;  /* how many bytes there are; they go on at the beginning of the block when they reach its end */
};

/* 0, or -1 if there is no memory. */
int ringbuf_init(struct ringbuf *rb, size_t capacity);
void ringbuf_free(struct ringbuf *rb);

/* Another capacity, with the contents as they are. 0, or -1 if there is no memory. */
int ringbuf_resize(struct ringbuf *rb, size_t capacity);

/* All of these return how many bytes it were: as many as are there (or fit), at most n. */
size_t ringbuf_write(struct ringbuf *rb, const void *from, size_t n);
size_t ringbuf_read(struct ringbuf *rb, void *to, size_t n);
size_t ringbuf_drop(struct ringbuf *rb, size_t n);
/* Like read, but the bytes stay; the first `offset` bytes are passed over. */
size_t ringbuf_peek(const struct ringbuf *rb, size_t offset, void *to, size_t n);

/* Where the byte is found first, at `offset` or later, counted from the oldest byte; -1 if nowhere. */
long ringbuf_find(const struct ringbuf *rb, unsigned char byte, size_t offset);

#endif
