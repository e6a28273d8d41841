// The result line, the default trap, and what a freestanding compiler may call.

#include "bench.h"

static u64 first_ticks, first_insns, last_ticks, last_insns;

void begin(void) {
    first_ticks = ticks();
    first_insns = csr_read(instret);
}

void note_end(void) {
    last_insns = csr_read(instret);
    last_ticks = ticks();
}

static void put_char(char c) {
    while (!(UART[UART_LSR] & LSR_THRE)) {
    }
    UART[UART_THR] = c;
}

void put(const char *text) {
    while (*text)
        put_char(*text++);
}

void put_dec(u64 value) {
    char digits[24];
    int at = sizeof digits;
    digits[--at] = 0;
    do {
        digits[--at] = '0' + value % 10;
        value /= 10;
    } while (value);
    put(digits + at);
}

void put_hex(u64 value) {
    for (int shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[value >> shift & 15]);
}

void report(const char *name, u64 sum, u64 ops) {
    put("BENCH ");
    put(name);
    put(" sum=");
    put_hex(sum);
    put(" ops=");
    put_dec(ops);
    put(" insns=");
    put_dec(last_insns - first_insns);
    put(" ticks=");
    put_dec(last_ticks - first_ticks);
}

void stop(void) {
    put("\n");
    *TEST_DEVICE = 0x5555;
    for (;;) {
    }
}

void finish(const char *name, u64 sum, u64 ops) {
    note_end();
    report(name, sum, ops);
    stop();
}

__attribute__((weak)) u64 trap(u64 cause, u64 value, u64 pc) {
    put("BENCH-TRAP cause=");
    put_hex(cause);
    put(" tval=");
    put_hex(value);
    put(" pc=");
    put_hex(pc);
    put("\n");
    *TEST_DEVICE = 1 << 16 | 0x3333;
    for (;;) {
    }
}

void hist_add(u32 *hist, u64 value) {
    u64 step = value;
    if (value >= HIST_EXACT) {
        u64 top = 11;
        while (value >> (top + 1))
            top++;
        step = HIST_EXACT + (top - 11) * 16 + (value >> (top - 4) & 15);
        if (step >= HIST_SIZE)
            step = HIST_SIZE - 1;
    }
    hist[step]++;
}

void put_histogram(const u32 *hist) {
    const char *between = " hist=";
    for (u64 step = 0; step < HIST_SIZE; step++) {
        if (!hist[step])
            continue;
        u64 value = step, top = step - HIST_EXACT;
        if (step >= HIST_EXACT)
            value = (16 + top % 16) << (11 + top / 16 - 4);
        put(between);
        put_dec(value);
        put(":");
        put_dec(hist[step]);
        between = ",";
    }
}

void *memcpy(void *to, const void *from, u64 size) {
    u8 *t = to;
    const u8 *f = from;
    for (; size >= 8 && !(((u64)t | (u64)f) & 7); size -= 8, t += 8, f += 8)
        *(u64 *)t = *(const u64 *)f;
    while (size--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int byte, u64 size) {
    u8 *t = to;
    while (size--)
        *t++ = byte;
    return to;
}
