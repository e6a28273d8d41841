// k1: what system programs of the eighties did, as the old synthetic benchmark has it: records with
// variants, short strings compared and copied, calls with pointers, small enumerations. Our own text.

#include "bench.h"

enum kind { SMALL, LARGE, OTHER, LAST };
enum { WIDTH = 31, ROWS = 50 };

struct record {
    struct record *link;
    enum kind discriminant;
    union {
        struct {
            enum kind kind;
            int number;
            char label[WIDTH];
        } one;
        struct {
            enum kind kind;
            char label[WIDTH];
        } two;
    } variant;
};

static struct record first, second;
static int row[ROWS], table[ROWS][ROWS];
static int number;
static char letter_a, letter_b;
static int flag;

static NOINLINE int compare(const char *x, const char *y) {
    while (*x && *x == *y)
        x++, y++;
    return (u8)*x - (u8)*y;
}

static NOINLINE void copy(char *to, const char *from) {
    while ((*to++ = *from++)) {
    }
}

static NOINLINE enum kind classify(char x, char y) {
    char was = x;
    if (was != y)
        return SMALL;
    letter_a = was;
    return LARGE;
}

static NOINLINE int in_order(const char *x, const char *y) {
    int at = 2;
    char seen = 'A';
    while (at <= 2)
        if (classify(x[at], y[at + 1]) == SMALL) {
            seen = 'A';
            at++;
        }
    if (seen >= 'W' && seen < 'Z')
        at = 7;
    if (seen == 'R')
        return 1;
    if (compare(x, y) > 0) {
        number = at + 7;
        return 1;
    }
    return 0;
}

static NOINLINE void select_kind(enum kind value, enum kind *out) {
    *out = value == OTHER ? value : LAST;
    switch (value) {
    case SMALL:
        *out = SMALL;
        break;
    case LARGE:
        *out = number > 100 ? SMALL : LAST;
        break;
    case OTHER:
        *out = LARGE;
        break;
    default:
        *out = OTHER;
        break;
    }
}

static NOINLINE void add(int x, int y, int *out) { *out = x + 2 + y; }

static NOINLINE void fill(int *line, int (*square)[ROWS], int x, int y) {
    int at = x + 5;
    line[at] = y;
    line[at + 1] = line[at];
    line[at + 30] = at;
    for (int i = at; i <= at + 1; i++)
        square[at][i] = at;
    square[at][at - 1]++;
    square[at + 5][at] = line[at];
    number = 5;
}

static NOINLINE void advance(struct record **out) {
    if (first.link)
        *out = first.link;
    add(10, number, &first.variant.one.number);
}

static NOINLINE void follow(struct record *from) {
    struct record *next = from->link;
    *from->link = first;
    from->variant.one.number = 5;
    next->variant.one.number = from->variant.one.number;
    next->link = from->link;
    advance(&next->link);
    if (next->discriminant == SMALL) {
        next->variant.one.number = 6;
        select_kind(from->variant.one.kind, &next->variant.one.kind);
        next->link = first.link;
        add(next->variant.one.number, 10, &next->variant.one.number);
    } else {
        *from = *from->link;
    }
}

static NOINLINE void letters(void) {
    flag |= letter_a == 'A';
    letter_b = 'B';
}

int main(void) {
    char x[WIDTH], y[WIDTH];
    u32 rounds = ROUNDS(4200000);
    u64 sum = 0;
    first.link = &second;
    first.discriminant = SMALL;
    first.variant.one.kind = OTHER;
    first.variant.one.number = 40;
    copy(first.variant.one.label, "RECORDS, SOME STRING OF THIRTY");
    copy(x, "RECORDS, 1ST STRING OF A FEW");
    table[8][7] = 10;
    begin();
    for (u32 round = 0; round < rounds; round++) {
        int one = 2, two = 3, three = 0;
        enum kind kind = LARGE;
        letter_a = 'A';
        letters();
        copy(y, round & 1 ? "RECORDS, 2ND STRING OF A FEW" : "RECORDS, 2ND STRING OF SOME");
        flag = !in_order(x, y);
        while (one < two) {
            three = 5 * one - two;
            add(one, two, &three);
            one++;
        }
        fill(row, table, one, three);
        follow(&first);
        for (char ch = 'A'; ch <= letter_b; ch++)
            if (kind == classify(ch, 'C')) {
                select_kind(SMALL, &kind);
                two = round;
            }
        two = two * one;
        one = two / three;
        two = 7 * (two - three) - one;
        sum = mix(sum, (u64)two << 32 ^ (u32)(one + number + row[8] + second.variant.one.number + flag));
    }
    finish("k1-records", mix(sum, table[8][7]), rounds);
}
