// Double-precision matrix product; ops is floating-point operations. The sum is of bit patterns.

#include "bench.h"

enum { N = 96 };

static double a[N][N], b[N][N], c[N][N];

static NOINLINE void multiply(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double dot = 0;
            for (int k = 0; k < N; k++)
                dot += a[i][k] * b[k][j];
            c[i][j] = dot;
        }
}

int main(void) {
    u64 seed = 5, sum = 0, rounds = ROUNDS(180);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(s64)(next_random(&seed) >> 40) / 65536 - 128;
            b[i][j] = (double)(s64)(next_random(&seed) >> 40) / 4194304;
        }
    begin();
    for (u64 round = 0; round < rounds; round++) {
        multiply();
        for (int i = 0; i < N; i++) {
            union {
                double d;
                u64 u;
            } bits = {c[i][(i + round) % N]};
            sum = mix(sum, bits.u);
            a[i][round % N] = c[i][i] / (1 + i * 1024);
        }
    }
    finish("matmul", sum, rounds * 2 * N * N * N);
}
