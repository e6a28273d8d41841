// k3: arithmetic without memory: adds, shifts, rotates, multiplications, 32-bit forms, a few branches.

#include "bench.h"

static inline u64 rotate(u64 value, int by) { return value << by | value >> (64 - by); }

int main(void) {
    u64 a = 0x0123456789abcdefUL, b = 0xfedcba9876543210UL, c = 0x0f1e2d3c4b5a6978UL, d = 1;
    u64 rounds = ROUNDS(130000000UL);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        a = rotate(a + b, 13) ^ c;
        b = (b ^ i) * 0x9e3779b97f4a7c15UL;
        c = c + (a >> 7) - (b << 3);
        d += (u32)((s32)a + (s32)c) ^ (d >> 11);
        if (a & 0x40)
            d ^= b;
        else
            c = ~c + d;
        if ((s64)c < (s64)b)
            a -= d >> 5;
    }
    finish("k3-hash", mix(mix(mix(a, b), c), d), rounds);
}
