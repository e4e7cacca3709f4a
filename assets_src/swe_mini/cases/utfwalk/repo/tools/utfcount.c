/* utfcount < FILE: how many code points, and where the first bad byte is. */
#include "utfwalk.h"

#include <stdio.h>

int main(void)
{
    static unsigned char text[1 << 20]; /* one MiB is enough for a message */
    size_t n = fread(text, 1, sizeof text, stdin), bad = utf_first_bad(text, n);
    printf("%zu code points", utf_count(text, n));
    if (bad < n)
        printf(", bad byte %02X at %zu", text[bad], bad);
    putchar('\n');
    return bad < n;
}
