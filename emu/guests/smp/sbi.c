/* Calls to the firmware, and the two things that have a way round it: the timer and the end.
 *
 * Source: RISC-V SBI specification 2.0, chapters 3 (binary encoding), 4, 6, 7, 8, 9, 10.
 */
#include "smp.h"

#define EXT_BASE 0x10
#define EXT_TIME 0x54494d45
#define EXT_IPI 0x735049
#define EXT_RFNC 0x52464e43
#define EXT_HSM 0x48534d
#define EXT_SRST 0x53525354

struct sbiret sbi_call(u64 extension, u64 function, u64 x, u64 y, u64 z) {
    register u64 a0 __asm__("a0") = x;
    register u64 a1 __asm__("a1") = y;
    register u64 a2 __asm__("a2") = z;
    register u64 a6 __asm__("a6") = function;
    register u64 a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbiret){(long)a0, a1};
}

u64 sbi_base(u64 function) { return sbi_call(EXT_BASE, function, 0, 0, 0).value; }

u64 sbi_probe(u64 extension) {
    struct sbiret ret = sbi_call(EXT_BASE, 3, extension, 0, 0);
    return ret.error ? 0 : ret.value;
}

long sbi_hart_start(u64 id, u64 address, u64 opaque) {
    return sbi_call(EXT_HSM, 0, id, address, opaque).error;
}

long sbi_send_ipi(u64 mask, u64 base) { return sbi_call(EXT_IPI, 0, mask, base, 0).error; }

long sbi_remote_fence_i(u64 mask, u64 base) { return sbi_call(EXT_RFNC, 0, mask, base, 0).error; }

u32 timer_is_csr;

/* Raise the timer interrupt at `deadline` (and not before; ~0 = never). */
void set_timer(u64 deadline) {
    if (timer_is_csr)
        csr_write(0x14d, deadline); /* stimecmp, by number: older assemblers lack the name */
    else if (sbi_call(EXT_TIME, 0, deadline, 0, 0).error)
        fatal("SBI set_timer refuses", deadline);
}

/* Shutdown, with reason "system failure" if anything failed. A failure goes to the finisher first,
 * and has time to arrive: OpenSBI drops the reason's code, and the emulator would exit with 0. */
void machine_off(int failed) {
    volatile u32 *finisher = (volatile u32 *)board.finisher;
    if (failed && finisher) {
        *finisher = 1 << 16 | 0x3333;
        for (u64 start = now(); now() - start < board.timebase;)
            pause();
    }
    sbi_call(EXT_SRST, 0, 0, failed ? 1 : 0, 0);
    if (finisher)
        *finisher = 0x5555;
    for (;;)
        wfi();
}
