// Loads that wait for each other: one random cycle through 8 MiB, a node each 64 bytes.

#include "bench.h"

enum { NODES = 1 << 17, STEP = 8 };

int main(void) {
    u64 *node = (u64 *)image_end, seed = 11, steps = ROUNDS(9000000UL);
    for (u64 i = 0; i < NODES; i++)
        node[i * STEP] = i;
    // Sattolo: a random permutation that is one cycle
    for (u64 i = NODES - 1; i > 0; i--) {
        u64 k = next_random(&seed) % i, kept = node[i * STEP];
        node[i * STEP] = node[k * STEP];
        node[k * STEP] = kept;
    }
    for (u64 i = 0; i < NODES; i++)
        node[i * STEP] = (u64)(node + node[i * STEP] * STEP);
    u64 *at = node;
    begin();
    for (u64 i = 0; i < steps; i++)
        at = (u64 *)*at;
    finish("chase", at - node, steps);
}
