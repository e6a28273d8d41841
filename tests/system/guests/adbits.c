/* Walkers that set A and D against a writer of the same PTE's software bits: no bit is lost.
 *
 * params: count = races (PTE times turn) of each phase; a quarter of it in the third. arg[0] != 0: the
 * writer is a process of the host (dma_writer.py), which has the RAM mapped and writes without a hart.
 * "overlapped" counts the PTEs on which the writer was at work before and while the walkers came.
 * Phases: a store's walker against the writer; a load's walker against a store's; all three (3 harts). With a
 * host writer: a store's walker against it; a load's and a store's against it (2 harts).
 *
 * PTES pages of one Sv39 leaf table map one frame. In a turn they are cleared to A = D = 0, then each
 * walker touches all pages in order, and the writer stays on a PTE, toggling its software bits by AMO,
 * until the walkers have been there. The writer alone changes these bits: every AMO must return what its
 * last one left. After the turn every PTE has exactly the bits it should have. The host's writer does what a
 * device does: plain stores, of the PTE's second byte, which no walker changes and every walker's word holds.
 * Source: Privileged ISA, 4.4 "Sv39", "Svadu" (the update is atomic with respect to other accesses).
 */
#include "rt.h"

#define PTES 128 /* few, so that a TLB would still hold them all in the next turn */
#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_A 0x40ul
#define PTE_D 0x80ul
#define PTE_SOFT 0x300ul
#define MSTATUS_MPRV (1ul << 17)
#define MSTATUS_MPP (3ul << 11)
#define MSTATUS_MPP_S (1ul << 11)
#define MENVCFG_ADUE (1ul << 61)
#define SATP_SV39 (8ul << 60)
#define VA 0x40000000ul /* second gigabyte: nothing of ours is there */
/* How long harts wait for each other on a PTE: they may be more than the host's processors. */
#define PATIENCE 20000 /* toggles */
#define SPINS 20000
#define DEAF (20 * TICKS_PER_S) /* a host writer that has not answered by then is gone */
#define LAST (~0ul)

static volatile u64 root[512], middle[512], leaves[512] __attribute__((aligned(4096)));
static volatile u64 frame[512] __attribute__((aligned(4096)));
static u8 soft[PTES]; /* what the writer left in PTE_SOFT >> 8 */
static volatile u64 toggles, overlapped;
static struct {
    volatile u64 at;
    u64 pad[LINE / 8 - 1];
} reached[3] __attribute__((aligned(LINE)));

/* What guest and host writer tell each other; the host finds it by its magic, and dma_writer.py has its layout.
 * Each word has one writer. step: the PTE to be on, times two; odd: hands off; LAST: the end. */
static volatile struct {
    u8 magic[8];
    u64 leaves, ptes, step; /* the guest's; leaves comes last */
    u64 pad[LINE / 8 - 4];
    u64 at, toggles, overlapped; /* the host's; at: the step it has come to */
    u64 more[LINE / 8 - 3];
    u8 soft[PTES];
} dma __attribute__((aligned(LINE))) = {.magic = {'E', 'M', 'U', 'D', 'M', 'A', 'B', 'X'}};

enum { LOAD, STORE, WRITER, IDLE };
static const u8 roles[5][3] = {{STORE, WRITER, IDLE}, {LOAD, STORE, IDLE}, {STORE, LOAD, WRITER},
                               {STORE, IDLE, IDLE}, {STORE, LOAD, IDLE}};
#define HOST_PHASE 3 /* the first with a host writer */

static void fail(const char *what, u64 turn, u64 i, u64 seen, u64 expected) {
    console_lock();
    print("adbits LOST %s turn=%u pte=%u seen=%x expected=%x\n", what, turn, i, seen, expected);
    finish(1);
}

/* Translated accesses from M-mode: MPRV with MPP = S around one instruction, and nothing else between. */
static u64 load_as_s(u64 va) {
    u64 value;
    __asm__ volatile("csrs mstatus, %2\n\tld %0, (%1)\n\tcsrc mstatus, %2"
                     : "=&r"(value)
                     : "r"(va), "r"(MSTATUS_MPRV)
                     : "memory");
    return value;
}

static void store_as_s(u64 va, u64 value) {
    __asm__ volatile("csrs mstatus, %2\n\tsd %1, (%0)\n\tcsrc mstatus, %2" ::"r"(va), "r"(value),
                     "r"(MSTATUS_MPRV)
                     : "memory");
}

static u64 amoxor(volatile u64 *at, u64 value) {
    u64 old;
    __asm__ volatile("amoxor.d %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");
    return old;
}

/* What the writer has left in a PTE's software bits. */
static u64 soft_of(u64 i) { return params.arg[0] ? dma.soft[i] : soft[i]; }

/* Have the host's writer leave the table alone. */
static void hands_off(u64 step) {
    u64 end = now() + DEAF;
    dma.step = step;
    while (dma.at != step)
        if (now() > end) {
            console_lock();
            print("adbits: the host's writer does not answer\n");
            finish(4);
        }
    fence();
}

static void write_soft(u64 turn, u64 i, u64 until) {
    u64 had = soft[i], count = 0, before = 0;
    for (; count < PATIENCE; count++) {
        u64 bits = 1 + count % 3; /* 1, 2, 3: both bits, alone and together */
        u64 old = amoxor(&leaves[i], bits << 8);
        if ((old & PTE_SOFT) >> 8 != had)
            fail("a software bit", turn, i, old, had << 8);
        had ^= bits;
        if ((old & until) == until)
            break;
        before = 1;
    }
    soft[i] = (u8)had;
    toggles += count + 1;
    overlapped += before;
}

/* Come to a PTE together with the others, give or take a little. */
static void gather(u64 me, u64 phase, u64 step) {
    reached[me].at = step;
    for (u64 other = 0; other < 3; other++)
        if (other != me && roles[phase][other] != IDLE)
            for (u64 spins = 0; spins < SPINS && reached[other].at < step; spins++) {
            }
    if (phase >= HOST_PHASE) {
        if (me == 0)
            dma.step = step << 1;
        for (u64 spins = 0; spins < SPINS && dma.at < step << 1; spins++) {
        }
    }
    skew(me, 30);
}

static void walk(u64 turn, u64 i, u64 store) {
    u64 va = VA + (i << 12);
    if (store) {
        store_as_s(va, turn);
    } else {
        load_as_s(va);
    }
}

static void play(u64 me, u64 phase, u64 turns) {
    u64 role = me < 3 ? roles[phase][me] : IDLE, stores = 0;
    u64 until = PTE_A | PTE_D;
    for (u64 turn = 1; turn <= turns; turn++) {
        if (me == 0)
            for (u64 i = 0; i < PTES; i++)
                leaves[i] = ((u64)frame >> 12) << 10 | PTE_V | PTE_R | PTE_W | soft_of(i) << 8;
        barrier(me);
        __asm__ volatile("sfence.vma" ::: "memory");
        for (u64 i = 0; i < PTES; i++) {
            if (role != IDLE)
                gather(me, phase, (phase << 32 | turn) * PTES + i);
            if (role == WRITER)
                write_soft(turn, i, until);
            else if (role != IDLE)
                walk(turn, i, role == STORE);
            if (role == STORE && leaves[i] & PTE_D)
                stores++;
        }
        if (role == STORE && stores != turn * PTES)
            fail("D after its own store", turn, stores, 0, 0);
        barrier(me);
        if (me == 0) {
            if (phase >= HOST_PHASE)
                hands_off(((phase << 32 | turn) * PTES + PTES) << 1 | 1);
            for (u64 i = 0; i < PTES; i++) {
                u64 expected = ((u64)frame >> 12) << 10 | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | soft_of(i) << 8;
                if (leaves[i] != expected)
                    fail("A or D", turn, i, leaves[i], expected);
            }
            if (frame[0] != turn)
                fail("a store through the page", turn, 0, frame[0], turn);
        }
    }
    barrier(me);
}

u64 guest_main(u64 me) {
    u64 host = params.arg[0] != 0, first = host ? HOST_PHASE : 0;
    u64 phases = first + (params.harts >= 3 - host ? 3 - host : 2 - host), turns = (params.count + PTES - 1) / PTES;
    chance_seed(me);
    if (me == 0) {
        root[VA >> 30] = ((u64)middle >> 12) << 10 | PTE_V;
        middle[0] = ((u64)leaves >> 12) << 10 | PTE_V;
    }
    csr_write(pmpaddr0, ~0ul);
    csr_write(pmpcfg0, 0x1f);
    csr_write(0x30a, MENVCFG_ADUE);
    csr_clear(mstatus, MSTATUS_MPP);
    csr_set(mstatus, MSTATUS_MPP_S);
    barrier(me);
    csr_write(satp, SATP_SV39 | (u64)root >> 12);
    if (me == 0 && host) {
        for (u64 i = 0; i < PTES; i++)
            leaves[i] = ((u64)frame >> 12) << 10 | PTE_V | PTE_R | PTE_W;
        dma.ptes = PTES;
        fence();
        dma.leaves = (u64)leaves;
    }
    for (u64 phase = first; phase < phases; phase++) {
        u64 host_toggles = dma.toggles, host_overlapped = dma.overlapped;
        u64 now = phase != 2 ? turns : turns / 4 + 1; /* three harts wait long for each other on two processors */
        play(me, phase, now);
        if (me == 0)
            print("adbits phase %u races=%u toggles=%u overlapped=%u\n", phase, now * PTES,
                  toggles + dma.toggles - host_toggles, overlapped + dma.overlapped - host_overlapped);
        barrier(me);
        if (me == 0)
            toggles = overlapped = 0;
    }
    if (me == 0 && host)
        hands_off(LAST);
    return 0;
}
