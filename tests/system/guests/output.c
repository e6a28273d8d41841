/* Output of several harts to one UART comes out in the order in which it was written.
 *
 * params: count = characters; arg[0]: 1 to sleep for ever at the end.
 * The harts pass a baton through memory and write one character each when they have it: a, b, c, ...,
 * harts' letters by turn number, a line feed after each 64. The last one ends the machine at once.
 * Source: Unprivileged ISA, "FENCE" (o,w before the baton's store; r,o after its load).
 */
#include "rt.h"

static volatile u64 baton;

u64 guest_main(u64 me) {
    volatile u8 *uart = (volatile u8 *)UART0;
    u64 n = params.harts;
    chance_seed(me);
    if (me == 0)
        print("output begins\n");
    barrier(me);
    for (u64 turn = 0; turn < params.count; turn++) {
        if (turn % n != me)
            continue;
        wait_until(me, &baton, turn);
        while (!(uart[5] & 0x20)) {
        }
        uart[0] = (u8)(turn % 64 == 63 ? '\n' : 'a' + turn % 26);
        fence();
        if (turn == params.count - 1 && !params.arg[0])
            finish(0);
        baton = turn + 1;
    }
    for (;;)
        wfi();
}
