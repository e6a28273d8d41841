// Characters to the console, polled as a kernel's early console does: LSR read, THR written.

#include "bench.h"

int main(void) {
    u64 lines = ROUNDS(12800), seed = 1, sum = 0;
    begin();
    for (u64 line = 0; line < lines; line++)
        for (int i = 0; i < 64; i++) {
            u8 c = i == 63 ? '\n' : 'a' + next_random(&seed) % 26;
            sum = mix(sum, c);
            while (!(UART[UART_LSR] & LSR_THRE)) {
            }
            UART[UART_THR] = c;
        }
    finish("uart", sum, lines * 64);
}
