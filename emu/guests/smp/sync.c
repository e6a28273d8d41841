/* Harts with each other and with time: barriers made of IPIs, IPI counts, ticks, shared counters.
 *
 * Rule: a hart that waits sleeps in WFI and is woken by exactly one IPI, so a lost, a doubled and a
 * spurious one all show. No hart spins for another: sleeping costs no instructions.
 */
#include "smp.h"

#define PATIENCE_S 60
#define ROUNDS 100
#define TICKS 5
#define ADDS 100000
#define FENCES 20

static volatile u64 arrived, added;
static volatile u32 reserved;

static void ring(const struct hart *from) {
    u64 next = from->index + 1 == board.harts ? 0 : from->index + 1;
    fence();
    if (sbi_send_ipi(1, harts[next]->id))
        fatal("SBI send_ipi refuses hart", harts[next]->id);
}

/* Sleep until an IPI is pending, and take it. Interrupts are off: WFI returns all the same. */
static void await_ipi(void) {
    u64 deadline = now() + PATIENCE_S * board.timebase;
    set_timer(deadline);
    csr_write(sie, SIP_SOFT | SIP_TIMER);
    while (!(csr_read(sip) & SIP_SOFT)) {
        if (now() >= deadline)
            fatal("an IPI is lost; waited until", deadline);
        wfi();
    }
    csr_clear(sip, SIP_SOFT);
    csr_write(sie, 0);
    set_timer(~0ul);
    fence();
}

/* Wait for all harts. The last to come starts a chain of one IPI per hart and leaves when it is
 * back, so at that moment no IPI is under way. Returns 1 on that hart. */
int barrier(struct hart *hart) {
    int last = amo_add(&arrived, 1) == board.harts - 1;
    if (board.harts == 1) {
        arrived = 0;
        return 1;
    }
    if (last) {
        arrived = 0;
        ring(hart);
        await_ipi();
    } else {
        await_ipi();
        ring(hart);
    }
    return last;
}

/* Take interrupts, asleep in between, until `*count` is `wanted`.
 * Testing and sleeping happen with interrupts off: one taken between the two would be slept on. */
static void await_count(volatile u64 *count, u64 wanted) {
    while (*count < wanted) {
        wfi();
        csr_set(sstatus, SSTATUS_SIE);
        csr_clear(sstatus, SSTATUS_SIE);
    }
}

/* Everybody fences everybody, so that harts wait for each other's fences while they owe their own. */
static const char *remote_fences(void) {
    for (int i = 0; i < FENCES; i++) {
        if (sbi_remote_fence_i(0, ~0ul))
            return "remote fence";
        if (board.rtc)
            rtc_read();
    }
    return 0;
}

/* A token goes round all harts, then one call interrupts every hart at once. */
const char *check_ipi(struct hart *hart) {
    hart->ipis = 0;
    int first = barrier(hart);
    hart->tick_limit = 0; /* the timer says that patience is over */
    set_timer(now() + PATIENCE_S * board.timebase);
    csr_write(sie, SIP_SOFT | SIP_TIMER);
    for (u64 round = 1; round <= ROUNDS; round++) {
        if (first)
            ring(hart);
        await_count(&hart->ipis, round);
        if (!first)
            ring(hart);
    }
    if (first && sbi_send_ipi(0, ~0ul)) /* base -1: every hart */
        fatal("SBI send_ipi to all refuses", 0);
    await_count(&hart->ipis, ROUNDS + 1);
    csr_write(sie, 0);
    set_timer(~0ul);
    barrier(hart);
    return hart->ipis == ROUNDS + 1 ? remote_fences() : "wrong count";
}

const char *check_timer(struct hart *hart) {
    hart->ticks = hart->early = 0;
    hart->tick_limit = TICKS;
    hart->tick_step = board.timebase / 1000;
    hart->tick_deadline = now() + hart->tick_step;
    set_timer(hart->tick_deadline);
    csr_write(sie, SIP_TIMER);
    await_count(&hart->ticks, TICKS);
    csr_write(sie, 0);
    set_timer(~0ul);
    if (csr_read(sip) & SIP_TIMER)
        return "still pending";
    return hart->early ? "early" : hart->ticks == TICKS ? 0 : "wrong count";
}

const char *check_atomics(struct hart *hart) {
    barrier(hart);
    for (u32 i = 0; i < ADDS; i++) {
        amo_add(&added, 1);
        lrsc_increment(&reserved);
    }
    barrier(hart);
    u64 wanted = (hart->rounds + 1) * ADDS * board.harts;
    if (added != wanted)
        return "amoadd";
    return reserved == (u32)wanted ? 0 : "lr/sc";
}
