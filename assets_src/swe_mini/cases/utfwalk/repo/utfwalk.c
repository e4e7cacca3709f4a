#include "utfwalk.h"

#include <stdbool.h>

/* ---- decoding ---------------------------------------------------------- */

static int length_of(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xe0)
        return 2;
    return lead < 0xf0 ? 3 : 4;
}

/* One sequence, with *at moved behind it. False if it is no UTF-8. */
static bool decode(const unsigned char **at, const unsigned char *end, uint32_t *code)
{
    (void)end;
    int length = length_of(**at);
    uint32_t value = length == 1 ? **at : **at & (0x7fu >> length);
    for (int i = 1; i < length; i++)
        value = value << 6 | ((*at)[i] & 0x3f);
    *at += length;
    *code = value;
    return value <= 0x1fffff;
}

uint32_t utf_next(const unsigned char **at, const unsigned char *end)
{
    uint32_t code;
    return decode(at, end, &code) ? code : UTF_REPLACEMENT;
}

size_t utf_count(const unsigned char *text, size_t n)
{
    size_t count = 0;
    for (const unsigned char *at = text; at < text + n; count++)
        utf_next(&at, text + n);
    return count;
}

size_t utf_first_bad(const unsigned char *text, size_t n)
{
    uint32_t code;
    for (const unsigned char *at = text; at < text + n;) {
        const unsigned char *begin = at;
        if (!decode(&at, text + n, &code))
            return (size_t)(begin - text);
    }
    return n;
}

/* ---- encoding ---------------------------------------------------------- */

size_t utf_encode(uint32_t code, unsigned char out[4])
{
    static const unsigned char leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        out[i] = 0x80 | (code & 0x3f);
    out[0] = (unsigned char)(leads[length] | code);
    return length;
}
