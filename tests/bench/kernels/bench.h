// What every kernel of the bench stands on: registers of the virt board, counters, the result line.
//
// A kernel is entered at main() on hart 0 in M-mode, floating point on, interrupts off; the others of
// the HARTS harts enter hart_main(). It calls begin(), works, calls finish(). SCALE divides the work
// (1: the real thing; more: a quick look). The heap is RAM behind the image, zero at the start.

#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long u64;
typedef long s64;

#ifndef HARTS
#define HARTS 1
#endif
#ifndef SCALE
#define SCALE 1
#endif
#define ROUNDS(n) ((n) / SCALE > 1 ? (n) / SCALE : 1)

#define TEST_DEVICE ((volatile u32 *)0x100000)
#define CLINT_MSIP(hart) ((volatile u32 *)(0x2000000 + 4 * (hart)))
#define CLINT_MTIME ((volatile u64 *)0x200bff8)
#define UART ((volatile u8 *)0x10000000)
enum { UART_THR = 0, UART_LSR = 5, UART_SCR = 7, LSR_THRE = 0x20 };
enum { MIP_MSIP = 8, MSTATUS_MIE = 8 };

#define NOINLINE __attribute__((noinline))

#define csr_read(name)                                           \
    ({                                                           \
        u64 value_;                                              \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory"); \
        value_;                                                  \
    })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"rK"((u64)(value)) : "memory")
#define csr_set(name, value) __asm__ volatile("csrs " #name ", %0" ::"rK"((u64)(value)) : "memory")
#define csr_clear(name, value) __asm__ volatile("csrc " #name ", %0" ::"rK"((u64)(value)) : "memory")

extern u8 image_end[];

static inline u64 ticks(void) { return csr_read(time); }

// Start of what is measured, and its end: one line
//     BENCH name sum=<16 hex> ops=<n> insns=<n> ticks=<n>
// sum must be the same on every engine; insns is the difference of instret, ticks of time (10 MHz).
// finish() does not return: it ends the machine with "pass".
void begin(void);
void finish(const char *name, u64 sum, u64 ops) __attribute__((noreturn));
// The same in parts: note_end() takes the counters, report() prints; what is put() between report()
// and stop() is still on the line.
void note_end(void);
void report(const char *name, u64 sum, u64 ops);
void stop(void) __attribute__((noreturn));

void put(const char *text);
void put_dec(u64 value);
void put_hex(u64 value);

// A histogram of differences of time: exact below 2048 ticks, then 16 steps for each power of two.
// put_histogram prints " hist=<ticks>:<count>,..." of the steps that are not empty.
enum { HIST_EXACT = 2048, HIST_SIZE = 2048 + 16 * 24 };
void hist_add(u32 *hist, u64 value);
void put_histogram(const u32 *hist);

// xorshift64*: the only randomness there is.
static inline u64 next_random(u64 *state) {
    u64 x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dUL;
}

static inline u64 mix(u64 sum, u64 value) {
    sum = (sum ^ value) * 0x9e3779b97f4a7c15UL;
    return sum ^ sum >> 29;
}

#endif
