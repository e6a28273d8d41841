// One MMIO round trip at a time: the UART's scratch register, which nobody serves but its device.

#include "bench.h"

static u32 hist[HIST_SIZE];

int main(void) {
    u64 rounds = ROUNDS(1300000), sum = 0;
    UART[UART_SCR] = 0x5a;
    for (u64 i = 0; i < 1000; i++)
        sum += UART[UART_SCR];
    begin();
    for (u64 i = 0; i < rounds; i++) {
        u64 first = ticks();
        sum += UART[UART_SCR];
        hist_add(hist, ticks() - first);
    }
    note_end();
    report("mmio-scr", sum, rounds);
    put_histogram(hist);
    stop();
}
