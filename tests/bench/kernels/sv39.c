// Work that hangs on address translation: Sv39, S-mode, 4 KiB pages. PHASE says which:
//   1 touch    random pages of 64 MiB read, changed, written
//   2 page     one entry changed, sfence.vma of that page, the page read
//   3 all      sfence.vma of everything, 16 pages read
//   4 fault    page fault into S-mode, which maps the page; access retried; page unmapped again
//   5 switch   satp to the other of two address spaces (two ASIDs), 4 pages read
// Device and code space is one to one in 1 GiB pages; the pages at work are at 4 GiB.

#include "bench.h"

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_A = 0x40, PTE_D = 0x80 };
enum { PAGE = 4096, PAGES = 16384, TABLES = PAGES / 512 };
#define LEAF (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define WORK 0x100000000UL

static u64 *root[2], *middle[2], *leaf[2];  // of two address spaces; leaf is one array of PAGES entries
static u8 *frames;
static u64 faults;

static u64 pte(const void *at, u64 bits) { return (u64)at >> 12 << 10 | bits; }
static volatile u64 *page(u64 number) { return (volatile u64 *)(WORK + number * PAGE + (number * 72 & 4088)); }
static inline void fence_page(const volatile void *at) {
    __asm__ volatile("sfence.vma %0, zero" ::"r"(at) : "memory");
}
static inline void fence_all(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static u64 satp(int space) { return 8UL << 60 | (u64)(space + 1) << 44 | (u64)root[space] >> 12; }

static void make_tables(void) {
    u8 *at = image_end;
    for (int space = 0; space < 2; space++) {
        root[space] = (u64 *)at;
        middle[space] = (u64 *)(at + PAGE);
        leaf[space] = (u64 *)(at + 2 * PAGE);
        at += (2 + TABLES) * PAGE;
    }
    frames = at;
    for (int space = 0; space < 2; space++) {
        root[space][0] = pte(0, LEAF);
        root[space][2] = pte((void *)0x80000000UL, LEAF | PTE_X);
        root[space][4] = pte(middle[space], PTE_V);
        for (u64 i = 0; i < TABLES; i++)
            middle[space][i] = pte(leaf[space] + i * 512, PTE_V);
        for (u64 i = 0; i < PAGES; i++)
            leaf[space][i] = pte(frames + (space ? PAGES - 1 - i : i) * PAGE, LEAF);
    }
}

// The only trap that may come: a load or store page fault in phase 4.
u64 trap(u64 cause, u64 value, u64 pc) {
    if ((cause != 13 && cause != 15) || PHASE != 4) {
        put("BENCH-TRAP cause=");
        put_hex(cause);
        put(" pc=");
        put_hex(pc);
        put("\n");
        *TEST_DEVICE = 1 << 16 | 0x3333;
    }
    u64 number = (value - WORK) / PAGE;
    leaf[0][number] = pte(frames + number * PAGE, LEAF);
    fence_page((void *)value);
    faults++;
    return pc;
}

static void supervisor(void) {
    u64 seed = 9, sum = 0, rounds;
    for (u64 i = 0; i < PAGES; i++)
        *page(i) = i;
#if PHASE == 1
    rounds = ROUNDS(4500000);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        volatile u64 *at = page(next_random(&seed) % PAGES);
        sum += *at;
        *at = sum;
    }
    finish("sv39-touch", sum, rounds);
#elif PHASE == 2
    rounds = ROUNDS(900000);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        u64 number = i % 256;
        volatile u64 *at = (volatile u64 *)(WORK + number * PAGE);
        leaf[0][number] = pte(frames + (number + 256 * (next_random(&seed) % 8)) * PAGE, LEAF);
        fence_page(at);
        sum += *at;
        *at = sum;
    }
    finish("sv39-sfence-page", sum, rounds);
#elif PHASE == 3
    rounds = ROUNDS(300000);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        fence_all();
        for (u64 n = 0; n < 16; n++)
            sum += *page((i + n * 37) % PAGES);
    }
    finish("sv39-sfence-all", sum, rounds);
#elif PHASE == 4
    rounds = ROUNDS(400000);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        u64 number = next_random(&seed) % 1024;
        leaf[0][number] = 0;
        fence_page(page(number));
        if (i & 1)
            *page(number) = i;
        else
            sum += *page(number);
    }
    finish("sv39-fault", mix(sum, faults), rounds);
#else
    rounds = ROUNDS(900000);
    begin();
    for (u64 i = 0; i < rounds; i++) {
        csr_write(satp, satp(i & 1));
        for (u64 n = 0; n < 4; n++)
            sum = mix(sum, *page(n * 67 + (i & 30)));
    }
    finish("sv39-switch", sum, rounds);
#endif
}

void supervisor_vector(void);

int main(void) {
    make_tables();
    csr_write(pmpaddr0, ~0UL >> 10);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mcounteren, 7);
    csr_write(medeleg, 1 << 13 | 1 << 15);
    csr_write(stvec, supervisor_vector);
    csr_write(satp, satp(0));
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11);
    csr_write(mepc, supervisor);
    __asm__ volatile("sfence.vma\n mret" ::: "memory");
    return 0;
}
