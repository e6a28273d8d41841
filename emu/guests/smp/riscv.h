/* The machine as C sees it: CSRs, interrupts, atomics.
 *
 * Source: RISC-V Privileged ISA 1.12, "Supervisor-Level ISA"; Unprivileged ISA, "A" extension.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define SSTATUS_SIE (1ul << 1)
#define SSTATUS_SUM (1ul << 18)
#define SSTATUS_MXR (1ul << 19)

#define INTERRUPT (1ul << 63)
#define IRQ_SOFT 1
#define IRQ_TIMER 5
#define SIP_SOFT (1ul << IRQ_SOFT)
#define SIP_TIMER (1ul << IRQ_TIMER)

#define FAULT_FETCH 12
#define FAULT_LOAD 13
#define FAULT_STORE 15

#define csr_read(csr)                                                                              \
    ({                                                                                             \
        u64 value_;                                                                                \
        __asm__ volatile("csrr %0, " #csr : "=r"(value_)::"memory");                               \
        value_;                                                                                    \
    })
#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"rK"((u64)(value)) : "memory")
#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" ::"rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" ::"rK"((u64)(bits)) : "memory")

static inline u64 now(void) { return csr_read(time); }
static inline void wfi(void) { __asm__ volatile("wfi" ::: "memory"); }
static inline void fence(void) { __asm__ volatile("fence rw, rw" ::: "memory"); }
static inline void fence_i(void) { __asm__ volatile("fence.i" ::: "memory"); }
static inline void fence_io(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }

/* PAUSE by its encoding, a FENCE without successors: the extension need not be there. */
static inline void pause(void) { __asm__ volatile(".4byte 0x0100000f" ::: "memory"); }

static inline u64 amo_add(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoadd.d.aqrl %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static inline u32 amo_swap_acquire(volatile u32 *at, u32 value) {
    u32 old;
    __asm__ volatile("amoswap.w.aq %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static inline void store_release(volatile u32 *at, u32 value) {
    __asm__ volatile("fence rw, w\n\tsw %1, %0" : "=A"(*at) : "r"(value) : "memory");
}

/* One increment by a reservation, retried until the store is taken. */
static inline void lrsc_increment(volatile u32 *at) {
    u32 value, failed;
    __asm__ volatile("1: lr.w %0, %2\n\t"
                     "addiw %0, %0, 1\n\t"
                     "sc.w %1, %0, %2\n\t"
                     "bnez %1, 1b"
                     : "=&r"(value), "=&r"(failed), "+A"(*at)::"memory");
}
