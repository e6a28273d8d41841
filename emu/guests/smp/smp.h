/* What the parts of the guest know of each other. */
#pragma once

#include "riscv.h"

#define PAGE 4096ul

/* What the device tree says of the machine; 0 where it is silent. */
struct board {
    u64 harts;         /* number of usable harts */
    u64 timebase;      /* ticks of `time` in a second */
    u64 memory, size;  /* first bank of RAM, bytes */
    u64 uart, rtc, finisher;
    u32 sstc;          /* every hart lists the extension */
    u32 endless;       /* the command line says: check again and again */
};

enum check { CHECK_IPI, CHECK_TIMER, CHECK_ATOMICS, CHECK_SV39, CHECK_CRC, CHECKS };

/* One hart's own memory. start.S knows the place of `stack_top` alone. */
struct hart {
    u64 stack_top;
    u64 id;
    u64 index;                /* 0 .. harts-1, in the order of the tree */
    const char *wrong[CHECKS]; /* what a check complains of, 0 if it passed */
    u32 crc;
    u64 rounds; /* of checks, done */
    /* Written by the trap handler. */
    volatile u64 ipis;
    volatile u64 ticks, tick_limit, tick_deadline, tick_step, early;
    volatile u64 expect, cause, value;
    /* For sv39.c. */
    u64 *root, *middle, *high, *leaf;
    volatile u64 *page_a, *page_b;
    u8 *buffer;
};

extern struct board board;
extern struct hart *harts[];
#define MAX_HARTS 512

/* fdt.c: fills `board` and calls `found` for each usable hart. Returns 0 if it is no tree. */
int fdt_scan(const void *tree, void (*found)(u64 id));

/* sbi.c */
struct sbiret {
    long error;
    u64 value;
};
struct sbiret sbi_call(u64 extension, u64 function, u64 x, u64 y, u64 z);
u64 sbi_probe(u64 extension);
u64 sbi_base(u64 function);
long sbi_hart_start(u64 id, u64 address, u64 opaque);
long sbi_send_ipi(u64 mask, u64 base);
long sbi_remote_fence_i(u64 mask, u64 base);
void set_timer(u64 deadline);
void machine_off(int failed) __attribute__((noreturn));
extern u32 timer_is_csr;

/* console.c: a line is built by one hart, and leaves it whole. */
struct line {
    u32 used;
    char text[188];
};
void console_init(void);
extern u32 console_is_sbi;
void put(struct line *line, const char *text);
void put_dec(struct line *line, u64 value);
void put_hex(struct line *line, u64 value, int digits);
void print(struct line *line);
void fatal(const char *what, u64 detail) __attribute__((noreturn));

/* sync.c */
int barrier(struct hart *hart);
const char *check_ipi(struct hart *hart);
const char *check_timer(struct hart *hart);
const char *check_atomics(struct hart *hart);

/* sv39.c, compute.c */
const char *check_sv39(struct hart *hart);
const char *check_crc(struct hart *hart);
u64 rtc_read(void);

/* start.S. A probe whose access faults returns to its caller with `cause` and `value` set. */
void hart_entry(void);
void probe_call(u64 address);
u64 probe_load(u64 address);
void probe_store(u64 address, u64 value);
extern char image_end[];

static inline struct hart *this_hart(void) {
    struct hart *hart;
    __asm__ volatile("mv %0, tp" : "=r"(hart));
    return hart;
}
