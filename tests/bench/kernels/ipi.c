// Software interrupts from hart 0 to hart 1 through the CLINT. PHASE says to what:
//   1 running   hart 1 computes with interrupts enabled; one way, from before the store to its handler
//   2 sleeping  hart 1 is in WFI for a while; one way, from before the store to after the WFI
//   3 pingpong  both in WFI, one wakes the other; round trips

#include "bench.h"

enum { GAP = PHASE == 2 ? 2000 : 200 };  // ticks between two interrupts: 200 us, 20 us

static volatile u64 sent_at, seen, ready;
static u32 hist[HIST_SIZE];
static u64 rounds;

static void note(u64 now) {
    hist_add(hist, now - sent_at);
    __atomic_store_n(&seen, seen + 1, __ATOMIC_RELEASE);
}

__attribute__((interrupt("machine"), aligned(4))) void on_interrupt(void) {
    u64 now = ticks();
    *CLINT_MSIP(1) = 0;
    note(now);
}

static inline void sleep_until_pending(u64 hart) {
    while (!(csr_read(mip) & MIP_MSIP))
        __asm__ volatile("wfi" ::: "memory");
    *CLINT_MSIP(hart) = 0;
    while (csr_read(mip) & MIP_MSIP) {  // the store may take its time to be seen
    }
}

void hart_main(void) {
    csr_write(mie, MIP_MSIP);
#if PHASE == 1
    csr_write(mtvec, on_interrupt);
    csr_set(mstatus, MSTATUS_MIE);
    ready = 1;
    for (u64 x = 1;; x = x * 5 + 1)
        __asm__ volatile("" ::"r"(x));
#elif PHASE == 2
    ready = 1;
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
        u64 now = ticks();
        if (!(csr_read(mip) & MIP_MSIP))
            continue;
        *CLINT_MSIP(1) = 0;
        while (csr_read(mip) & MIP_MSIP) {
        }
        note(now);
    }
#else
    ready = 1;
    for (;;) {
        sleep_until_pending(1);
        *CLINT_MSIP(0) = 1;
    }
#endif
}

int main(void) {
    csr_write(mie, MIP_MSIP);
    rounds = ROUNDS(PHASE == 1 ? 50000 : PHASE == 2 ? 5000 : 100000);
    while (!ready) {
    }
    begin();
#if PHASE == 3
    for (u64 i = 0; i < rounds; i++) {
        *CLINT_MSIP(1) = 1;
        sleep_until_pending(0);
    }
    finish("ipi-pingpong", rounds, rounds);
#else
    for (u64 i = 0; i < rounds; i++) {
        u64 from = ticks();
        while (ticks() - from < GAP) {
        }
        sent_at = ticks();
        *CLINT_MSIP(1) = 1;
        while (__atomic_load_n(&seen, __ATOMIC_ACQUIRE) != i + 1) {
        }
    }
    note_end();
    report(PHASE == 1 ? "ipi-running" : "ipi-sleeping", seen, rounds);
    put_histogram(hist);
    stop();
#endif
}
