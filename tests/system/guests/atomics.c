/* Contention on one word by AMOs and LR/SC: totals are exact.
 *
 * params: count = operations of all harts together, for each kind.
 * "interleaved" counts the additions between which another hart's came: a hart that never met one of the
 * others proves nothing.
 * Each kind's result is compared with what arithmetic says; a hart also checks what its own operations
 * returned where that is determined.
 */
#include "rt.h"

static struct {
    volatile u64 word;
    u64 pad[LINE / 8 - 1];
} cells[24] __attribute__((aligned(LINE)));
enum { ADD_W, ADD_D, XOR_D, OR_AND, MAX_D, LRSC_W, LRSC_D, HALVES, LOCK_SWAP, LOCK_LRSC, KINDS, LOCKED = KINDS, LOCKED_2, OWN };
#define SLICE 8192   /* operations between two barriers: harts run at once just behind one */
#define LOCK_EVERY 8 /* taking a lock costs that many operations; divides SLICE */

static volatile u64 wrong, interleaved;

static void amoadd_w(volatile u32 *at, u32 value) {
    __asm__ volatile("amoadd.w zero, %1, %0" : "+A"(*at) : "r"(value) : "memory");
}

static u64 amoxor_d(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoxor.d %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static u64 amoor_d(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoor.d %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static u64 amoand_d(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoand.d %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static u64 amomaxu_d(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amomaxu.d %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

static void lrsc_w(volatile u32 *at, u32 value) {
    u32 t, failed;
    __asm__ volatile("1: lr.w %0, %2\n\taddw %0, %0, %3\n\tsc.w %1, %0, %2\n\tbnez %1, 1b"
                     : "=&r"(t), "=&r"(failed), "+A"(*at)
                     : "r"(value)
                     : "memory");
}

static void lrsc_d(volatile u64 *at, u64 value) {
    u64 t, failed;
    __asm__ volatile("1: lr.d %0, %2\n\tadd %0, %0, %3\n\tsc.d %1, %0, %2\n\tbnez %1, 1b"
                     : "=&r"(t), "=&r"(failed), "+A"(*at)
                     : "r"(value)
                     : "memory");
}

/* A lock by LR/SC: 0 -> 1 with acquire order; the way kernels do it. */
static int lrsc_try(volatile u32 *at) {
    u32 old, failed = 1;
    __asm__ volatile("lr.w.aq %0, %2\n\tbnez %0, 1f\n\tsc.w %1, %3, %2\n1:"
                     : "=&r"(old), "+&r"(failed), "+A"(*at)
                     : "r"(1)
                     : "memory");
    return !failed;
}

static void complain(const char *what, u64 hart, u64 seen, u64 expected) {
    console_lock();
    print("atomics WRONG %s hart=%u seen=%x expected=%x\n", what, hart, seen, expected);
    console_unlock();
    amoadd(&wrong, 1);
}

/* Operations from .. to - 1 of a kind, by hart `me`. */
static void work(u64 kind, u64 me, u64 from, u64 to) {
    volatile u64 *own = &cells[OWN + me].word, *word = &cells[kind].word;
    u64 bit = 1ul << me, expected = ~0ul, met = 0;
    switch (kind) {
    case ADD_W:
        for (u64 i = from; i < to; i++)
            amoadd_w((volatile u32 *)word, 0x10001);
        break;
    case ADD_D:
        for (u64 i = from; i < to; i++) {
            u64 old = amoadd(word, 0x100000001ul);
            met += old != expected;
            expected = old + 0x100000001ul;
        }
        amoadd(&interleaved, met - 1); /* the first is always unexpected */
        break;
    case XOR_D: /* my byte of the word is mine alone, so I know what it was */
        for (u64 i = from; i < to; i++) {
            u64 old = amoxor_d(word, (i * 0x9d & 0xff) << (8 * me));
            u64 mine = old >> (8 * me) & 0xff;
            if (mine != *own)
                complain("amoxor.d", me, mine, *own);
            *own ^= i * 0x9d & 0xff;
        }
        break;
    case OR_AND:
        for (u64 i = from; i < to; i++) {
            u64 old = i & 1 ? amoand_d(word, ~bit) : amoor_d(word, bit);
            if (((old & bit) != 0) != (i & 1))
                complain("amoor.d/amoand.d", me, old & bit, (i & 1) * bit);
        }
        break;
    case MAX_D: /* what is there never gets smaller */
        for (u64 i = from; i < to; i++) {
            u64 old = amomaxu_d(word, i * MAX_HARTS + me);
            if (i && old < (i - 1) * MAX_HARTS + me)
                complain("amomaxu.d", me, old, (i - 1) * MAX_HARTS + me);
        }
        break;
    case LRSC_W:
        for (u64 i = from; i < to; i++)
            lrsc_w((volatile u32 *)word, 3);
        break;
    case LRSC_D:
        for (u64 i = from; i < to; i++)
            lrsc_d(word, 0x300000003ul);
        break;
    case HALVES: /* neighbours in one doubleword */
        for (u64 i = from; i < to; i++)
            lrsc_w((volatile u32 *)word + (me & 1), 1);
        break;
    case LOCK_SWAP:
        for (u64 i = from; i < to; i += LOCK_EVERY) {
            while (amoswap_acquire((volatile u32 *)word, 1)) {
            }
            cells[LOCKED].word++;
            store_release((volatile u32 *)word, 0);
        }
        break;
    case LOCK_LRSC:
        for (u64 i = from; i < to; i += LOCK_EVERY) {
            while (!lrsc_try((volatile u32 *)word)) {
            }
            cells[LOCKED_2].word++;
            store_release((volatile u32 *)word, 0);
        }
        break;
    }
}

static void total(const char *what, u64 seen, u64 expected) {
    print("atomics %s total=%x expected=%x %s\n", what, seen, expected, seen == expected ? "ok" : "WRONG");
    if (seen != expected)
        wrong++;
}

u64 guest_main(u64 me) {
    u64 n = params.harts, each = params.count / n / LOCK_EVERY * LOCK_EVERY;
    for (u64 kind = 0; kind < KINDS; kind++)
        for (u64 from = 0; from < each; from += SLICE) {
            barrier(me);
            work(kind, me, from, each - from < SLICE ? each : from + SLICE);
        }
    barrier(me);
    if (me)
        return 0;
    total("amoadd.w", (u32)cells[ADD_W].word, (u32)(each * n * 0x10001));
    total("amoadd.d", cells[ADD_D].word, each * n * 0x100000001ul);
    u64 bytes = 0;
    for (u64 i = 0; i < n; i++)
        bytes |= cells[OWN + i].word << (8 * i);
    total("amoxor.d", cells[XOR_D].word, bytes);
    total("amoor.d/amoand.d", cells[OR_AND].word, each & 1 ? (1ul << n) - 1 : 0);
    total("amomaxu.d", cells[MAX_D].word, (each - 1) * MAX_HARTS + n - 1);
    total("lr.w/sc.w", (u32)cells[LRSC_W].word, (u32)(each * n * 3));
    total("lr.d/sc.d", cells[LRSC_D].word, each * n * 0x300000003ul);
    total("halves", cells[HALVES].word, each * (n / 2) << 32 | (u32)(each * (n - n / 2)));
    total("amoswap.w lock", cells[LOCKED].word, each / LOCK_EVERY * n);
    total("lr.w/sc.w lock", cells[LOCKED_2].word, each / LOCK_EVERY * n);
    print("atomics interleaved=%u\n", interleaved);
    return wrong != 0;
}
