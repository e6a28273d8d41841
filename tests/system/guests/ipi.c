/* IPI ping-pong between pairs of harts that sleep in WFI, over the CLINT's msip.
 *
 * params: count = round trips of each hart with all its partners together; arg[0] = ticks of guest time
 * after which a missing interrupt is called lost; arg[1] = most turns of the delay before an answer.
 *
 * Every hart meets every other: in tournament k, hart i plays with i ^ k. One side of a pair has a timer
 * armed as a watchdog, so that its sleep has a deadline; the other sleeps with none. In half of the
 * rounds the interrupt is seen in mip, in the other half it is taken.
 */
#include "rt.h"

#define DELAY_STEPS 4

struct box {
    volatile u64 mail;    /* round number, written by the partner before it rings */
    volatile u64 done;    /* rounds this hart has finished, for reports */
    volatile u64 taken;   /* interrupts taken */
    volatile u64 expired; /* the watchdog's interrupt came */
    u64 deadline;
    u64 pad[LINE / 8 - 5];
};
static struct box boxes[MAX_HARTS] __attribute__((aligned(LINE)));
static volatile u64 waits, ticks[MAX_HARTS];

void interrupt(u64 cause) {
    u64 me = csr_read(mhartid);
    if (cause == 3) {
        *msip(me) = 0;
        boxes[me].taken++;
    } else {
        csr_clear(mie, MIP_MTIP);
        boxes[me].expired = 1;
    }
}

static void lost(u64 me, u64 peer, u64 round) {
    u64 pending = csr_read(mip);
    console_lock();
    print("ipi LOST hart=%u waits_for=%u round=%u own_msip=%u mip=%x mail=%u", me, peer, round, (u64)*msip(me),
          pending, boxes[me].mail);
    print(" peer_msip=%u peer_mail=%u peer_done=%u\n", (u64)*msip(peer), boxes[peer].mail, boxes[peer].done);
    finish(1);
}

static void wait_for(u64 me, u64 peer, u64 round, u64 watched) {
    struct box *own = &boxes[me];
    u64 slept = 0;
    if (watched && (long)(own->deadline - now()) < (long)(params.arg[0] / 2)) {
        own->deadline = now() + params.arg[0];
        *mtimecmp(me) = own->deadline;
    }
    if (round & 1) { /* seen: MIE is off */
        while (!(csr_read(mip) & MIP_MSIP)) {
            if (watched && (csr_read(mip) & MIP_MTIP))
                lost(me, peer, round);
            slept++;
            wfi();
        }
        if (watched && now() >= own->deadline)
            lost(me, peer, round); /* it was there, but only the watchdog woke us */
        *msip(me) = 0;
    } else { /* taken: enabled for a moment after each WFI, so that none falls between look and WFI */
        u64 before = own->taken;
        for (;;) {
            csr_set(mstatus, MSTATUS_MIE);
            csr_clear(mstatus, MSTATUS_MIE);
            if (own->expired)
                lost(me, peer, round);
            if (own->taken != before)
                break;
            slept++;
            wfi();
        }
    }
    fence();
    if (own->mail != round)
        lost(me, peer, round);
    own->done = round;
    amoadd(&waits, slept);
}

static void send(u64 me, u64 peer, u64 round) {
    u32 steps = chance(me) % DELAY_STEPS; /* often at once, sometimes after the partner has gone to sleep */
    if (steps)
        skew(me, (u32)params.arg[1] >> (4 * (DELAY_STEPS - 1 - steps)));
    boxes[peer].mail = round;
    fence();
    *msip(peer) = 1;
}

u64 guest_main(u64 me) {
    u64 n = params.harts, rounds = params.count / (n - 1), next = 1;
    chance_seed(me);
    *msip(me) = 0;
    for (u64 k = 1; k < n; k++) {
        u64 peer = me ^ k, first = (me < peer) == (k & 1);
        u64 enabled = MIP_MSIP | (first ? MIP_MTIP : 0);
        *mtimecmp(me) = ~0ul;
        boxes[me].deadline = 0;
        u64 start = now();
        barrier(me);
        csr_write(mie, enabled);
        for (u64 r = 0; r < rounds; r++, next++) {
            if (first)
                send(me, peer, next);
            wait_for(me, peer, next, first);
            if (!first)
                send(me, peer, next);
        }
        csr_write(mie, 0);
        if (first)
            ticks[me] = now() - start;
        barrier(me);
        for (u64 hart = 0; me == 0 && hart < n; hart++)
            if ((hart < (hart ^ k)) == (k & 1))
                print("ipi pair %u-%u rounds=%u ticks=%u\n", hart, hart ^ k, rounds, ticks[hart]);
        barrier(me);
    }
    if (me == 0)
        print("ipi done sleeps=%u\n", waits);
    return 0;
}
