/* Arithmetic with a known answer, and the wall clock.
 *
 * Source: IEEE 802.3 (CRC-32, reflected 0xedb88320); Goldfish RTC: TIME_LOW latches TIME_HIGH.
 */
#include "smp.h"

#define SEED 0x2545f4914f6cdd1dul
#define CRC_OF_BUFFER 0xa8474ad1u
#define PASSES 4

const char *check_crc(struct hart *hart) {
    u32 table[256];
    for (u32 i = 0; i < 256; i++) {
        u32 word = i;
        for (u32 bit = 0; bit < 8; bit++)
            word = word >> 1 ^ (0xedb88320u & (0u - (word & 1)));
        table[i] = word;
    }
    u64 state = SEED;
    for (u64 i = 0; i < PAGE; i++) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        hart->buffer[i] = (u8)(state >> 56);
    }
    u32 crc = ~0u;
    for (u32 pass = 0; pass < PASSES; pass++)
        for (u64 i = 0; i < PAGE; i++)
            crc = crc >> 8 ^ table[(crc ^ hart->buffer[i]) & 255];
    hart->crc = ~crc;
    barrier(hart);
    if (hart->crc != harts[0]->crc)
        return "differs between harts";
    return hart->crc == CRC_OF_BUFFER ? 0 : "not the known value";
}

/* Nanoseconds since 1970, 0 without a clock. */
u64 rtc_read(void) {
    volatile u32 *rtc = (volatile u32 *)board.rtc;
    if (!rtc)
        return 0;
    u64 low = rtc[0];
    return (u64)rtc[1] << 32 | low;
}
