// k0: the mix that small-core benchmarks agree on: a linked list (find, reverse, sort), 16-bit
// matrices, a state machine over text, and a CRC over all their results. Written for this bench.

#include "bench.h"

enum { NODES = 160, N = 20, TEXT = 600 };

struct node {
    struct node *next;
    s16 key, value;
};

static struct node pool[NODES];
static s16 a[N][N], b[N][N];
static s32 c[N][N];
static char text[TEXT + 1];

static u16 crc16(u16 crc, u32 value, int bits) {
    for (int i = 0; i < bits; i++) {
        u32 bit = (value ^ crc) & 1;
        crc >>= 1;
        if (bit)
            crc ^= 0xa001;
        value >>= 1;
    }
    return crc;
}

// -- the list

static NOINLINE struct node *list_make(u64 *seed) {
    for (int i = 0; i < NODES; i++) {
        u64 r = next_random(seed);
        pool[i].key = r & 0x7fff;
        pool[i].value = r >> 16 & 0xff;
        pool[i].next = i + 1 < NODES ? &pool[i + 1] : 0;
    }
    return pool;
}

static NOINLINE struct node *list_find(struct node *list, s16 value) {
    while (list && list->value != value)
        list = list->next;
    return list;
}

static NOINLINE struct node *list_reverse(struct node *list) {
    struct node *done = 0;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static int by_key(const struct node *x, const struct node *y) { return x->key - y->key; }
static int by_value(const struct node *x, const struct node *y) {
    return x->value != y->value ? x->value - y->value : x->key - y->key;
}

typedef int (*order)(const struct node *, const struct node *);

static NOINLINE struct node *list_merge(struct node *x, struct node *y, order less) {
    struct node head, *tail = &head;
    while (x && y) {
        struct node **from = less(x, y) <= 0 ? &x : &y;
        tail->next = *from;
        tail = *from;
        *from = (*from)->next;
    }
    tail->next = x ? x : y;
    return head.next;
}

static NOINLINE struct node *list_sort(struct node *list, order less) {
    struct node *runs[12] = {0};  // runs[i] holds 2^i nodes or none
    while (list) {
        struct node *run = list;
        list = list->next;
        run->next = 0;
        int i = 0;
        for (; runs[i]; i++) {
            run = list_merge(runs[i], run, less);
            runs[i] = 0;
        }
        runs[i] = run;
    }
    struct node *all = 0;
    for (int i = 0; i < 12; i++)
        if (runs[i])
            all = list_merge(runs[i], all, less);
    return all;
}

static NOINLINE u16 list_work(struct node **list, u16 crc, u32 round) {
    for (int i = 0; i < 24; i++) {
        struct node *found = list_find(*list, (round * 7 + i * 11) & 0xff);
        if (found) {
            crc = crc16(crc, found->key, 16);
            found->value = (found->value + 1) & 0xff;
        }
        *list = list_reverse(*list);
    }
    *list = list_sort(*list, round & 1 ? by_key : by_value);
    return crc16(crc, (u16)(*list)->key, 16);
}

// -- the matrices

static NOINLINE u16 matrix_work(u16 crc, s16 by) {
    s32 sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = a[i][j] + by;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            s32 dot = 0;
            for (int k = 0; k < N; k++)
                dot += (s32)a[i][k] * b[k][j];
            c[i][j] = dot;
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            s32 part = (c[i][j] >> 2 & 0xf) * (c[i][j] >> 5 & 0x7f);
            sum += c[i][j] > sum ? 10 : part;
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = a[i][j] - by;
    return crc16(crc, sum, 32);
}

// -- the state machine: numbers between commas

enum state { START, INVALID, SIGNED, INTEGER, POINT, FRACTION, EXPONENT, SCALED, DIGITS, STATES };

static int is_digit(char ch) { return ch >= '0' && ch <= '9'; }

static NOINLINE enum state token(const char **at, u32 *moves) {
    enum state state = START;
    const char *p = *at;
    for (; *p && state != INVALID; p++) {
        char ch = *p;
        if (ch == ',') {
            p++;
            break;
        }
        switch (state) {
        case START:
            state = is_digit(ch) ? INTEGER : ch == '+' || ch == '-' ? SIGNED : ch == '.' ? POINT : INVALID;
            break;
        case SIGNED:
            state = is_digit(ch) ? INTEGER : ch == '.' ? POINT : INVALID;
            break;
        case INTEGER:
            state = is_digit(ch) ? INTEGER : ch == '.' ? FRACTION : ch == 'e' ? EXPONENT : INVALID;
            break;
        case POINT:
            state = is_digit(ch) ? FRACTION : INVALID;
            break;
        case FRACTION:
            state = is_digit(ch) ? FRACTION : ch == 'e' ? EXPONENT : INVALID;
            break;
        case EXPONENT:
            state = is_digit(ch) ? DIGITS : ch == '+' || ch == '-' ? SCALED : INVALID;
            break;
        case SCALED:
        case DIGITS:
            state = is_digit(ch) ? DIGITS : INVALID;
            break;
        default:
            break;
        }
        moves[state]++;
    }
    if (state == INVALID)
        while (*p && *p++ != ',') {
        }
    *at = p;
    return state;
}

static NOINLINE u16 text_work(u16 crc, u32 round) {
    u32 ends[STATES] = {0}, moves[STATES] = {0};
    u32 at = round * 13 % TEXT;
    char kept = text[at];
    text[at] = "0,.e+x"[round % 6];
    const char *p = text;
    while (*p)
        ends[token(&p, moves)]++;
    text[at] = kept;
    for (int i = 0; i < STATES; i++) {
        crc = crc16(crc, ends[i], 16);
        crc = crc16(crc, moves[i], 16);
    }
    return crc;
}

int main(void) {
    static const char *const tokens[] = {"5012,", "-874,", "+122,", "35.54400,", ".1234500,", "-110.700,",
                                         "5.500e+3,", "-.123e-2,", "-87e+832,", "T0.3e-1F,", "-T.T++Tq,"};
    u64 seed = 0x1234567;
    struct node *list = list_make(&seed);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = next_random(&seed) & 0xff;
            b[i][j] = next_random(&seed) & 0xff;
        }
    for (u32 at = 0, i = 0; at < TEXT; i = next_random(&seed) % 11)
        for (const char *p = tokens[i]; *p && at < TEXT;)
            text[at++] = *p++;
    u32 rounds = ROUNDS(20000);
    u16 crc = 0;
    u64 sum = 0;
    begin();
    for (u32 round = 0; round < rounds; round++) {
        crc = list_work(&list, crc, round);
        crc = matrix_work(crc, round & 0x3f);
        crc = text_work(crc, round);
        sum = mix(sum, crc);
    }
    finish("k0-mix", sum, rounds);
}
