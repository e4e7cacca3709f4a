/* utfwalk: UTF-8 text, code point by code point. Texts are given by length, a NUL is a character like others. */

#ifndef UTFWALK_H
#define UTFWALK_H

#include <stddef.h>
#include <stdint.h>

#define UTF_REPLACEMENT 0xFFFDu

/* The code point at *at, which moves behind it; U+FFFD for what is no UTF-8. *at must be before end. */
uint32_t utf_next(const unsigned char **at, const unsigned char *end);

/* How many code points utf_next finds. */
size_t utf_count(const unsigned char *text, size_t n);

/* Where the first byte is that is not part of valid UTF-8; n if there is none. */
size_t utf_first_bad(const unsigned char *text, size_t n);

/* Writes the code point to out; how many bytes these are, or 0 if it is no code point. */
size_t utf_encode(uint32_t code, unsigned char out[4]);

#endif
