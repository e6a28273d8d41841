// Device registers read without side effect. PHASE 1: the UART's line status, as a polling console
// does; 2: mtime of the CLINT.

#include "bench.h"

int main(void) {
    u64 sum = 0, rounds = ROUNDS(8000000);
    begin();
#if PHASE == 1
    for (u64 i = 0; i < rounds; i++)
        sum += UART[UART_LSR];
    finish("mmio-lsr", sum, rounds);
#else
    u64 last = *CLINT_MTIME;
    for (u64 i = 0; i < rounds; i++) {
        u64 now = *CLINT_MTIME;
        sum += now < last;  // time never runs back
        last = now;
    }
    finish("mmio-mtime", sum, rounds);
#endif
}
