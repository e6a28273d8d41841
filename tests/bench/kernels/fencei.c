// Code that changes: one instruction written, fence.i, called.

#include "bench.h"

int main(void) {
    u32 *code = (u32 *)image_end;
    u64 (*call)(u64) = (u64(*)(u64))code;
    u64 rounds = ROUNDS(300000), sum = 0;
    code[1] = 0x00008067;  // ret
    begin();
    for (u64 i = 0; i < rounds; i++) {
        code[0] = 0x00050513 | (u32)(i & 0x7ff) << 20;  // addi a0, a0, i & 0x7ff
        __asm__ volatile("fence.i" ::: "memory");
        sum = call(sum);
    }
    finish("fencei", sum, rounds);
}
