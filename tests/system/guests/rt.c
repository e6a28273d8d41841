/* Console, chance, barriers and the end; see rt.h. */
#include "rt.h"

#define SPINS 2000 /* looks at a word before a hart that waits for it takes a nap */

static volatile u32 console_taken;

void console_lock(void) {
    while (amoswap_acquire(&console_taken, 1)) {
    }
}

void console_unlock(void) { store_release(&console_taken, 0); }

static void put(char c) {
    volatile u8 *uart = (volatile u8 *)UART0;
    while (!(uart[5] & 0x20)) {
    }
    uart[0] = (u8)c;
}

static void put_number(u64 value, u64 base) {
    char digits[24];
    int n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n)
        put(digits[--n]);
}

void print(const char *text, ...) {
    __builtin_va_list args;
    __builtin_va_start(args, text);
    for (; *text; text++) {
        if (*text != '%') {
            put(*text);
            continue;
        }
        text++;
        if (*text == 's') {
            const char *s = __builtin_va_arg(args, const char *);
            while (*s)
                put(*s++);
        } else {
            put_number(__builtin_va_arg(args, u64), *text == 'x' ? 16 : 10);
        }
    }
    __builtin_va_end(args);
}

void finish(u64 code) {
    if (code)
        print("guest failed\n");
    fence();
    *(volatile u32 *)FINISHER = (u32)(code ? code << 16 | 0x3333 : 0x5555);
    csr_write(mie, 0);
    for (;;)
        wfi();
}

__attribute__((weak)) void interrupt(u64 cause) {
    console_lock();
    print("interrupt nobody wanted: hart %u cause %u\n", csr_read(mhartid), cause);
    finish(3);
}

void trap(u64 cause) {
    if (cause & INTERRUPT) {
        interrupt(cause & ~INTERRUPT);
        return;
    }
    console_lock();
    print("trap hart=%u cause=%u pc=%x tval=%x\n", csr_read(mhartid), cause, csr_read(mepc), csr_read(mtval));
    finish(2);
}

static struct {
    u64 state, pad[LINE / 8 - 1];
} chances[MAX_HARTS];

void chance_seed(u64 hart) { chances[hart].state = (params.seed << 8 | hart) * 0x9e3779b97f4a7c15ul; }

u32 chance(u64 hart) {
    u64 next = chances[hart].state * 6364136223846793005ul + 1442695040888963407ul;
    chances[hart].state = next;
    return (u32)(next >> 33);
}

void skew(u64 hart, u32 most) {
    if (!most)
        return;
    for (u32 left = chance(hart) % (most + 1); left; left--)
        __asm__ volatile("");
}

static void nap(u64 hart) {
    *mtimecmp(hart) = now() + 500;
    csr_write(mie, MIP_MTIP);
    while (!(csr_read(mip) & MIP_MTIP))
        wfi();
    csr_write(mie, 0);
}

void wait_until(u64 hart, volatile u64 *word, u64 least) {
    for (u64 spins = 0; *word < least; spins++)
        if (spins >= SPINS)
            nap(hart);
    fence();
}

void meet(u64 hart, volatile u64 *line, u64 *passed, u64 n) {
    *passed += n;
    amoadd(line, 1);
    wait_until(hart, line, *passed);
}

void barrier(u64 hart) {
    static volatile u64 line __attribute__((aligned(LINE)));
    static u64 passed[MAX_HARTS * LINE / 8];
    u64 target = passed[hart * LINE / 8] + params.harts;
    passed[hart * LINE / 8] = target;
    amoadd(&line, 1);
    wait_until(hart, &line, target);
}
