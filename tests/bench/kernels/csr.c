// CSR instructions: what kernels do most: scratch swapped, interrupts off and on, status read.

#include "bench.h"

int main(void) {
    u64 rounds = ROUNDS(3000000), sum = 0;
    begin();
    for (u64 i = 0; i < rounds; i++) {
        u64 a = i, b, c, d, e;
        __asm__ volatile("csrrw %0, mscratch, %0\n"
                         "csrrci %1, mstatus, 8\n"
                         "csrr %2, sscratch\n"
                         "csrw sscratch, %2\n"
                         "csrrsi %3, mstatus, 2\n"
                         "csrr %4, mscratch\n"
                         "csrrc zero, sie, zero\n"
                         "csrw sepc, %4\n"
                         : "+&r"(a), "=&r"(b), "=&r"(c), "=&r"(d), "=&r"(e));
        sum += a + (b & 2) + c + (d & 2) + e;
    }
    finish("csr", sum, rounds * 8);
}
