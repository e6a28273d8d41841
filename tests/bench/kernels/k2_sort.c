// k2: a sieve of Eratosthenes, quicksort of random words, and block copies.

#include "bench.h"

enum { SIEVE = 1 << 17, WORDS = 1 << 14, BLOCK = 1 << 16 };

static u8 composite[SIEVE];
static u32 words[WORDS];
static u8 from[BLOCK], to[BLOCK];

void *memcpy(void *, const void *, u64);

static NOINLINE u32 sieve(void) {
    for (u32 i = 0; i < SIEVE; i++)
        composite[i] = 0;
    u32 primes = 0;
    for (u32 i = 2; i < SIEVE; i++) {
        if (composite[i])
            continue;
        primes++;
        for (u32 k = 2 * i; k < SIEVE; k += i)
            composite[k] = 1;
    }
    return primes;
}

static NOINLINE void sort(u32 *low, u32 *high) {
    while (high - low > 12) {
        u32 *i = low, *j = high, middle = low[(high - low) / 2];
        for (;;) {
            while (*i < middle)
                i++;
            while (*j > middle)
                j--;
            if (i >= j)
                break;
            u32 kept = *i;
            *i++ = *j;
            *j-- = kept;
        }
        if (j - low < high - j) {
            sort(low, j);
            low = j + 1;
        } else {
            sort(j + 1, high);
            high = j;
        }
    }
    for (u32 *i = low + 1; i <= high; i++) {
        u32 value = *i, *j = i;
        for (; j > low && j[-1] > value; j--)
            *j = j[-1];
        *j = value;
    }
}

static NOINLINE u64 copies(u32 round) {
    for (u32 i = 0; i < 16; i++)
        memcpy(to + (i & 3), from + (round & 1), BLOCK - 8);
    return *(u64 *)(to + (round * 64 & (BLOCK - 64)));
}

int main(void) {
    u64 seed = 42, sum = 0;
    u32 rounds = ROUNDS(300);
    for (u32 i = 0; i < BLOCK; i++)
        from[i] = next_random(&seed);
    begin();
    for (u32 round = 0; round < rounds; round++) {
        sum = mix(sum, sieve());
        for (u32 i = 0; i < WORDS; i++)
            words[i] = next_random(&seed);
        sort(words, words + WORDS - 1);
        for (u32 i = 0; i < WORDS; i += 1021)
            sum = mix(sum, words[i]);
        sum = mix(sum, copies(round));
    }
    finish("k2-sort", sum, rounds);
}
