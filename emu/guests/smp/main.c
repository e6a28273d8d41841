/* The embedded SMP guest: starts every hart of the tree, checks each, reports, powers off. */
#include "smp.h"

static const char *const NAMES[CHECKS] = {"ipi", "timer", "atomics", "sv39", "crc"};

struct board board;
struct hart *harts[MAX_HARTS];
static u64 ids[MAX_HARTS];
static u64 free_memory;

void boot(u64 id, const void *tree);
void hart_main(struct hart *hart);
u64 trap(u64 cause, u64 value, u64 pc, u64 ra);

void *memset(void *at, int byte, u64 count);

/* The compiler may call this for an initializer; there is no C library. */
void *memset(void *at, int byte, u64 count) {
    for (u8 *to = at; count; count--)
        *to++ = (u8)byte;
    return at;
}

static void found_hart(u64 id) {
    if (board.harts < MAX_HARTS)
        ids[board.harts++] = id;
}

/* Whole zeroed pages behind the image. */
static void *pages(u64 count) {
    u64 *at = (u64 *)free_memory;
    free_memory += count * PAGE;
    if (free_memory > board.memory + board.size)
        fatal("RAM ends at", board.memory + board.size);
    for (u64 *word = at; word < (u64 *)free_memory; word++)
        *word = 0;
    return at;
}

static struct hart *new_hart(u64 index) {
    struct hart *hart = pages(1);
    hart->stack_top = (u64)pages(2) + 2 * PAGE;
    hart->id = ids[index];
    hart->index = index;
    hart->root = pages(1);
    hart->middle = pages(1);
    hart->high = pages(1);
    hart->leaf = pages(1);
    hart->page_a = pages(1);
    hart->page_b = pages(1);
    hart->buffer = pages(1);
    return hart;
}

/* Called by start.S with interrupts off. Returns where the hart goes on. */
u64 trap(u64 cause, u64 value, u64 pc, u64 ra) {
    struct hart *hart = this_hart();
    if (cause == (INTERRUPT | IRQ_SOFT)) {
        csr_clear(sip, SIP_SOFT);
        hart->ipis++;
        return pc;
    }
    if (cause == (INTERRUPT | IRQ_TIMER)) {
        if (!hart->tick_limit)
            fatal("an IPI is lost; taken so far", hart->ipis);
        if (now() < hart->tick_deadline)
            hart->early = 1;
        hart->tick_deadline += hart->tick_step;
        set_timer(++hart->ticks < hart->tick_limit ? hart->tick_deadline : ~0ul);
        return pc;
    }
    if (hart && hart->expect && !(cause & INTERRUPT)) {
        hart->cause = cause;
        hart->value = value;
        return ra;
    }
    struct line line = {0};
    put(&line, "unexpected trap: scause ");
    put_hex(&line, cause, 16);
    put(&line, ", stval ");
    put_hex(&line, value, 16);
    put(&line, ", sepc ");
    put_hex(&line, pc, 16);
    print(&line);
    fatal("unexpected trap at", pc);
}

static void banner(void) {
    struct line line = {0};
    put(&line, "emu SMP guest: ");
    put_dec(&line, board.harts);
    put(&line, board.harts == 1 ? " hart, " : " harts, ");
    put_dec(&line, board.size >> 20);
    put(&line, " MiB RAM at ");
    put_hex(&line, board.memory, 8);
    put(&line, ", timebase ");
    put_dec(&line, board.timebase);
    put(&line, " Hz");
    print(&line);
    u64 spec = sbi_base(0);
    put(&line, "SBI ");
    put_dec(&line, spec >> 24);
    put(&line, ".");
    put_dec(&line, spec & 0xffffff);
    put(&line, " by implementation ");
    put_dec(&line, sbi_base(1));
    put(&line, ", console ");
    put(&line, console_is_sbi ? "dbcn" : "uart");
    put(&line, ", timer ");
    put(&line, timer_is_csr ? "sstc" : "sbi");
    print(&line);
}

/* One line per hart, in the order of the tree, and the report. Returns how many checks failed. */
static int report(u64 clock_start) {
    int failed = 0;
    struct line line = {0};
    struct line sum = {0};
    put(&sum, "FAILED:");
    for (u64 i = 0; i < board.harts; i++) {
        put(&line, "hart ");
        put_dec(&line, harts[i]->id);
        put(&line, ": ");
        for (int check = 0; check < CHECKS; check++) {
            const char *wrong = harts[i]->wrong[check];
            put(&line, NAMES[check]);
            put(&line, wrong ? " FAILED (" : check == CHECK_CRC ? " " : " ok");
            if (wrong) {
                failed++;
                put(&line, wrong);
                put(&line, check == CHECK_CRC ? ") " : ")");
                put(&sum, " hart ");
                put_dec(&sum, harts[i]->id);
                put(&sum, " ");
                put(&sum, NAMES[check]);
                put(&sum, ";");
            }
            if (check == CHECK_CRC)
                put_hex(&line, harts[i]->crc, 8);
            else
                put(&line, ", ");
        }
        print(&line);
    }
    if (board.rtc && rtc_read() <= clock_start) {
        failed++;
        put(&sum, " rtc stands still;");
    }
    if (!failed) {
        put_dec(&line, board.harts);
        put(&line, board.harts == 1 ? " hart" : " harts");
        put(&line, ", all checks passed");
        print(&line);
    } else {
        print(&sum);
    }
    return failed;
}

/* What every hart does. All harts leave it together. */
static void run_checks(struct hart *hart) {
    if (!hart->rounds) {
        struct line line = {0};
        put(&line, "hart ");
        put_dec(&line, hart->id);
        put(&line, " online");
        print(&line);
    }
    hart->wrong[CHECK_IPI] = check_ipi(hart);
    hart->wrong[CHECK_TIMER] = check_timer(hart);
    hart->wrong[CHECK_ATOMICS] = check_atomics(hart);
    hart->wrong[CHECK_SV39] = check_sv39(hart);
    hart->wrong[CHECK_CRC] = check_crc(hart);
    barrier(hart);
    hart->rounds++;
}

void hart_main(struct hart *hart) {
    run_checks(hart);
    while (board.endless) {
        barrier(hart); /* the boot hart has looked at what came out */
        run_checks(hart);
    }
    for (;;)
        wfi();
}

/* The boot hart, when all checks of a round are done: a line a round, the whole report if one failed. */
static void end_of_round(struct hart *self, u64 clock_start) {
    int failed = 0;
    for (u64 i = 0; i < board.harts; i++)
        for (int check = 0; check < CHECKS; check++)
            failed += harts[i]->wrong[check] != 0;
    if (failed)
        machine_off(report(clock_start));
    struct line line = {0};
    put(&line, "round ");
    put_dec(&line, self->rounds);
    put(&line, ": all checks passed");
    print(&line);
    barrier(self);
}

void boot(u64 id, const void *tree) {
    console_init();
    if (!fdt_scan(tree, found_hart))
        fatal("no device tree at", (u64)tree);
    if (!board.timebase)
        fatal("no timebase in the tree at", (u64)tree);
    free_memory = (u64)image_end;
    timer_is_csr = board.sstc;
    struct hart *self = 0;
    for (u64 i = 0; i < board.harts; i++) {
        harts[i] = new_hart(i);
        if (ids[i] == id)
            self = harts[i];
    }
    if (!self)
        fatal("the tree does not know the boot hart", id);
    __asm__ volatile("mv tp, %0" ::"r"(self));
    banner();
    u64 clock_start = rtc_read();
    fence();
    for (u64 i = 0; i < board.harts; i++) {
        if (harts[i] == self)
            continue;
        if (sbi_hart_start(ids[i], (u64)hart_entry, (u64)harts[i]))
            fatal("SBI hart_start refuses hart", ids[i]);
    }
    for (;;) {
        run_checks(self);
        if (!board.endless)
            machine_off(report(clock_start));
        end_of_round(self, clock_start);
    }
}
