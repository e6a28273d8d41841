/* What the guests of tests/system stand on: the machine as C sees it, console, chance, barriers.
 *
 * All code runs in M-mode with identity addresses. At most 8 harts.
 * Source: RISC-V Privileged ISA 1.13, "Machine-Level ISA"; ACLINT 1.0; the `virt` board's map.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define MAX_HARTS 8
#define LINE 128 /* bytes: two cache lines of most hosts, which fetch them in pairs */

struct params {
    u64 magic, harts, count, seed, arg[4];
};
extern volatile struct params params;

#define MIP_MSIP (1ul << 3)
#define MIP_MTIP (1ul << 7)
#define MIP_MEIP (1ul << 11)
#define MSTATUS_MIE (1ul << 3)
#define INTERRUPT (1ul << 63)

#define UART0 0x10000000ul
#define CLINT 0x2000000ul
#define PLIC 0xc000000ul
#define FINISHER 0x100000ul
#define TICKS_PER_S 10000000ul

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
static inline void fence(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }

static inline u64 amoadd(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoadd.d.aqrl %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static inline u32 amoswap_acquire(volatile u32 *at, u32 value) {
    u32 old;
    __asm__ volatile("amoswap.w.aq %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static inline void store_release(volatile u32 *at, u32 value) {
    __asm__ volatile("fence rw, w\n\tsw %1, %0" : "=A"(*at) : "r"(value) : "memory");
}

static inline volatile u32 *msip(u64 hart) { return (volatile u32 *)(CLINT + 4 * hart); }
static inline volatile u64 *mtimecmp(u64 hart) { return (volatile u64 *)(CLINT + 0x4000 + 8 * hart); }

/* Chance: one 64-bit linear congruential generator a hart; the high bits are the good ones. */
void chance_seed(u64 hart);
u32 chance(u64 hart);
/* Burn a few instructions: 0 .. `most` turns of an empty loop. */
void skew(u64 hart, u32 most);

/* Wait until *word >= least; a full fence follows. One that waits long sleeps in naps of 50 us, because
 * the host may have fewer processors than the guest has harts. Uses mie and mtimecmp. */
void wait_until(u64 hart, volatile u64 *word, u64 least);
/* All harts of the machine wait for each other, in the same way. */
void barrier(u64 hart);
/* The same among harts 0 .. n-1; `line` is theirs alone, `passed` one of the hart's own. */
void meet(u64 hart, volatile u64 *line, u64 *passed, u64 n);

/* Console. One hart at a time: console_lock() first if another may print too. %s %u (u64) %x (u64). */
void console_lock(void);
void console_unlock(void);
void print(const char *text, ...);

/* The end of the machine with exit status `code`; prints "guest failed" first unless it is 0. */
void finish(u64 code) __attribute__((noreturn));

/* Interrupts come here (weak: any is a failure). cause without its interrupt bit. */
void interrupt(u64 cause);
u64 guest_main(u64 hart);
