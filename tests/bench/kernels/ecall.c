// Traps: ecall from U-mode into the shortest M-mode handler and back by mret.

#include "bench.h"

__asm__(".balign 4\n"
        "ecall_vector:\n"
        "    csrr t0, mcause\n"
        "    addi t0, t0, -8\n"  // ecall from U-mode, and nothing else
        "    bnez t0, 1f\n"
        "    csrr t0, mepc\n"
        "    addi t0, t0, 4\n"
        "    csrw mepc, t0\n"
        "    addi a0, a0, 1\n"
        "    mret\n"
        "1:  csrr t0, mcause\n"
        "    li t1, 3\n"  // breakpoint: the end
        "    beq t0, t1, done\n"
        "    j machine_vector\n");

void ecall_vector(void);
static u64 calls;

__attribute__((used)) static void done_in_c(u64 count) {
    note_end();
    report("ecall", count, calls);
    stop();
}
__asm__("done: tail done_in_c\n");

int main(void) {
    calls = ROUNDS(6000000);
    csr_write(pmpaddr0, ~0UL >> 10);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mtvec, ecall_vector);
    csr_clear(mstatus, 3 << 11);
    begin();
    __asm__ volatile("la t0, 1f\n csrw mepc, t0\n li a0, 0\n mv a1, %0\n mret\n"
                     ".balign 4\n"
                     "1: ecall\n addi a1, a1, -1\n bnez a1, 1b\n ebreak\n" ::"r"(calls)
                     : "t0", "t1", "a0", "a1", "memory");
    return 0;
}
