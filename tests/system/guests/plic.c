/* Interrupts of a device, through the PLIC, to a hart that sleeps: each is claimed once, none is lost.
 *
 * params: count = interrupts; arg[0] = ticks after which one is called lost.
 * The UART's "transmitter empty" interrupt comes each time it is enabled while the transmitter is empty.
 * Harts take turns: the one whose turn it is enables the source in its own M context and waits for it.
 * Source: RISC-V PLIC 1.0.0; 16550A data sheet, IER bit 1, IIR.
 */
#include "rt.h"

#define SOURCE 10
#define IER 1
#define IIR 2
#define THRI 2

static volatile u32 *const priority = (volatile u32 *)PLIC;
static volatile u32 *enable(u64 hart) { return (volatile u32 *)(PLIC + 0x2000 + 0x80 * 2 * hart); }
static volatile u32 *context(u64 hart) { return (volatile u32 *)(PLIC + 0x200000 + 0x1000 * 2 * hart); }

static void lost(u64 me, u64 round, const char *what, u64 seen) {
    u64 pending = csr_read(mip);
    print("plic LOST hart=%u round=%u %s=%x mip=%x pending=%x\n", me, round, what, seen, pending,
          (u64) * (volatile u32 *)(PLIC + 0x1000));
    finish(1);
}

static void one(u64 me, u64 round) {
    volatile u8 *uart = (volatile u8 *)UART0;
    *mtimecmp(me) = now() + params.arg[0];
    *enable(me) = 1 << SOURCE;
    csr_write(mie, MIP_MEIP | MIP_MTIP);
    uart[IER] = THRI;
    while (!(csr_read(mip) & MIP_MEIP)) {
        if (csr_read(mip) & MIP_MTIP)
            lost(me, round, "claim", 0);
        wfi();
    }
    u32 source = context(me)[1];
    if (source != SOURCE)
        lost(me, round, "claim", source);
    u8 iir = uart[IIR]; /* reading it takes the interrupt back */
    if ((iir & 0xf) != THRI)
        lost(me, round, "iir", iir);
    uart[IER] = 0;
    context(me)[1] = SOURCE;
    /* The board raises a source again whenever the device updates a line that is high already: one stale
     * claim may be left over, and is taken here. */
    u32 stale = context(me)[1];
    if (stale)
        context(me)[1] = stale;
    csr_write(mie, 0);
    *enable(me) = 0;
    *mtimecmp(me) = ~0ul;
}

u64 guest_main(u64 me) {
    u64 n = params.harts;
    if (me == 0)
        priority[SOURCE] = 1;
    *enable(me) = 0;
    *context(me) = 0;
    for (u64 round = 0; round < params.count; round++) {
        barrier(me);
        if (round % n == me)
            one(me, round);
    }
    barrier(me);
    if (me == 0)
        print("plic done rounds=%u\n", params.count);
    return 0;
}
