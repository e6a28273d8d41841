/* Sv39: each hart walks tables of its own, and provokes what must fault.
 *
 * The map: the gigapage of the image as 2 MiB leaves and those of the devices as 1 GiB leaves, all
 * where they are; in the topmost gigapage, 4 KiB leaves (first 2 MiB) and an alias of the hart's
 * own memory (second). The hart keeps running on this map to the end.
 * Source: Privileged ISA 1.12, 4.3 "Page-Based Virtual-Memory System", 4.4 "Sv39"; Svade, Svadu.
 */
#include "smp.h"

#define V 1ul
#define R 2ul
#define W 4ul
#define X 8ul
#define U 16ul
#define A 64ul
#define D 128ul
#define GIB (1ul << 30)
#define MIB2 (2ul << 20)
#define HIGH (0ul - GIB)
#define SATP_SV39 (8ul << 60)
#define AT(page) (HIGH + (page) * PAGE + 0x128)
#define WORD (0x128 / 8)
#define RET 0x8082 /* c.jr ra */

static u64 pte(const volatile void *at, u64 flags) { return (u64)at >> 12 << 10 | flags; }
static void flush(u64 address) { __asm__ volatile("sfence.vma %0" ::"r"(address) : "memory"); }

/* Whether `access` at `address` faulted as it must: this cause, and stval the very address. */
static int faulted(struct hart *hart, u64 cause, u64 address) {
    return hart->cause == cause && hart->value == address;
}

static u64 load(struct hart *hart, u64 address) {
    hart->cause = 0;
    hart->expect = 1;
    u64 value = probe_load(address);
    hart->expect = 0;
    return value;
}

static void store(struct hart *hart, u64 address, u64 value) {
    hart->cause = 0;
    hart->expect = 1;
    probe_store(address, value);
    hart->expect = 0;
}

static void call(struct hart *hart, u64 address) {
    hart->cause = 0;
    hart->expect = 1;
    probe_call(address);
    hart->expect = 0;
}

static void map_gigapage(struct hart *hart, u64 address) {
    u64 base = address & ~(GIB - 1);
    if (address && !hart->root[base / GIB])
        hart->root[base / GIB] = pte((void *)base, V | R | W | A | D);
}

static void build(struct hart *hart) {
    u64 here = (u64)image_end & ~(GIB - 1);
    for (u64 i = 0; i < 512; i++)
        hart->middle[i] = pte((void *)(here + i * MIB2), V | R | W | X | A | D);
    hart->root[here / GIB] = pte(hart->middle, V);
    map_gigapage(hart, board.uart);
    map_gigapage(hart, board.rtc);
    map_gigapage(hart, board.finisher);
    hart->root[511] = pte(hart->high, V);
    hart->high[0] = pte(hart->leaf, V);
    hart->high[1] = pte((void *)((u64)hart & ~(MIB2 - 1)), V | R | W | A | D);
    hart->leaf[0] = pte(hart->page_a, V | R | W);
    hart->leaf[1] = pte(hart->page_b, V | R | A);
    hart->leaf[2] = 0;
    hart->leaf[3] = pte(hart->page_b, V | R | W | U | A | D);
    hart->leaf[4] = pte(hart->page_a, V | R | W | A | D);
    hart->leaf[5] = pte(hart->page_b, V | X | A);
    hart->page_a[WORD] = 0xa0a0 + hart->id;
    hart->page_b[WORD] = RET;
    fence_i();
}

/* The accessed and dirty bits, set by the hart (Svadu) or by us after its fault (Svade). */
static const char *accessed_dirty(struct hart *hart) {
    volatile u64 *entry = &hart->leaf[0];
    u64 at = AT(0);
    if (load(hart, at) != hart->page_a[WORD]) {
        if (!faulted(hart, FAULT_LOAD, at) || *entry & A)
            return "load with A clear";
        *entry |= A;
        flush(at);
        if (load(hart, at) != hart->page_a[WORD])
            return "load after A was set";
    }
    if (!(*entry & A) || *entry & D)
        return "A and D after a load";
    store(hart, at, 7);
    if (hart->cause) {
        if (!faulted(hart, FAULT_STORE, at) || *entry & D)
            return "store with D clear";
        *entry |= D;
        flush(at);
        store(hart, at, 7);
    }
    if (hart->cause || hart->page_a[WORD] != 7 || !(*entry & D))
        return "D after a store";
    return 0;
}

static const char *permissions(struct hart *hart) {
    store(hart, AT(1), 1);
    if (!faulted(hart, FAULT_STORE, AT(1)) || hart->page_b[WORD] != RET)
        return "store to a read-only page";
    load(hart, AT(2));
    if (!faulted(hart, FAULT_LOAD, AT(2)))
        return "load from an unmapped page";
    store(hart, AT(2), 1);
    if (!faulted(hart, FAULT_STORE, AT(2)))
        return "store to an unmapped page";
    call(hart, AT(1));
    if (!faulted(hart, FAULT_FETCH, AT(1)))
        return "fetch from a page without X";
    call(hart, AT(5));
    if (hart->cause)
        return "fetch from a page with X";
    load(hart, AT(5));
    if (!faulted(hart, FAULT_LOAD, AT(5)))
        return "load from a page with X alone";
    csr_set(sstatus, SSTATUS_MXR);
    u64 word = load(hart, AT(5));
    csr_clear(sstatus, SSTATUS_MXR);
    if (hart->cause || word != RET)
        return "load with MXR";
    load(hart, AT(3));
    if (!faulted(hart, FAULT_LOAD, AT(3)))
        return "load from a user page";
    csr_set(sstatus, SSTATUS_SUM);
    word = load(hart, AT(3));
    csr_clear(sstatus, SSTATUS_SUM);
    if (hart->cause || word != RET)
        return "load with SUM";
    load(hart, 1ul << 40);
    if (!faulted(hart, FAULT_LOAD, 1ul << 40))
        return "load from a non-canonical address";
    return 0;
}

const char *check_sv39(struct hart *hart) {
    csr_write(satp, 0);
    build(hart);
    u64 satp = SATP_SV39 | (u64)hart->root >> 12;
    __asm__ volatile("sfence.vma" ::: "memory");
    csr_write(satp, satp);
    __asm__ volatile("sfence.vma" ::: "memory");
    if (csr_read(satp) != satp)
        return "satp does not take the mode";
    const char *wrong = accessed_dirty(hart);
    if (!wrong)
        wrong = permissions(hart);
    if (wrong)
        return wrong;
    u64 alias = HIGH + MIB2 + ((u64)hart & (MIB2 - 1));
    if (load(hart, alias) != hart->stack_top || hart->cause)
        return "load through a 2 MiB leaf";
    if (load(hart, AT(4)) != hart->page_a[WORD])
        return "load before a remap";
    hart->leaf[4] = pte(hart->page_b, V | R | W | A | D);
    flush(AT(4));
    return load(hart, AT(4)) == hart->page_b[WORD] ? 0 : "load after a remap";
}
