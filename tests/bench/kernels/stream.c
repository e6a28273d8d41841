// Streaming through memory that no cache holds: copy, scale, add, triad on arrays of 64-bit words.
// ops is bytes read and written.

#include "bench.h"

enum { WORDS = 1 << 20 };  // 8 MiB each

int main(void) {
    u64 *a = (u64 *)image_end, *b = a + WORDS, *c = b + WORDS;
    u64 rounds = ROUNDS(8), seed = 3, sum = 0;
    for (u64 i = 0; i < WORDS; i++)
        a[i] = next_random(&seed);
    begin();
    for (u64 round = 0; round < rounds; round++) {
        for (u64 i = 0; i < WORDS; i++)
            c[i] = a[i];
        for (u64 i = 0; i < WORDS; i++)
            b[i] = c[i] * 3;
        for (u64 i = 0; i < WORDS; i++)
            c[i] = a[i] + b[i];
        for (u64 i = 0; i < WORDS; i++)
            a[i] = b[i] + c[i] * 5;
        sum = mix(sum, a[round * 4099 % WORDS]);
    }
    finish("stream", sum, rounds * WORDS * 8 * 10);
}
