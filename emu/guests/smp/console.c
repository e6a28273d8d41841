/* Lines of text: through the firmware's debug console, else through the UART of the tree.
 *
 * Source: SBI 2.0, chapter 12; National PC16550D, section 8.0.
 */
#include "smp.h"

#define EXT_DBCN 0x4442434e
#define LSR 5
#define LSR_THRE 0x20

u32 console_is_sbi;
static volatile u32 lock;

void console_init(void) { console_is_sbi = sbi_probe(EXT_DBCN) != 0; }

void put(struct line *line, const char *text) {
    /* One byte stays free for the end of the line. */
    while (*text && line->used < sizeof line->text - 1)
        line->text[line->used++] = *text++;
}

void put_dec(struct line *line, u64 value) {
    char digits[21];
    u32 at = sizeof digits - 1;
    digits[at] = 0;
    do
        digits[--at] = '0' + value % 10;
    while (value /= 10);
    put(line, digits + at);
}

void put_hex(struct line *line, u64 value, int digits) {
    char text[2] = {0, 0};
    put(line, "0x");
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        text[0] = "0123456789abcdef"[value >> shift & 15];
        put(line, text);
    }
}

static void write(const char *text, u64 length) {
    while (console_is_sbi && length) {
        struct sbiret ret = sbi_call(EXT_DBCN, 0, length, (u64)text, 0);
        if (ret.error)
            break;
        text += ret.value;
        length -= ret.value;
    }
    volatile u8 *uart = (volatile u8 *)board.uart;
    for (; uart && length; length--) {
        while (!(uart[LSR] & LSR_THRE))
            ;
        *uart = (u8)*text++;
    }
}

/* Print the line and empty it. */
void print(struct line *line) {
    line->text[line->used++] = '\n';
    while (amo_swap_acquire(&lock, 1))
        while (lock)
            pause();
    write(line->text, line->used);
    store_release(&lock, 0);
    line->used = 0;
}

/* The guest cannot go on: say why and power off as failed. Waits for no other hart. */
void fatal(const char *what, u64 detail) {
    struct line line = {0};
    struct hart *hart = this_hart();
    put(&line, "FAILED: ");
    if (hart) {
        put(&line, "hart ");
        put_dec(&line, hart->id);
        put(&line, ": ");
    }
    put(&line, what);
    put(&line, " ");
    put_hex(&line, detail, 16);
    print(&line);
    machine_off(1);
}
