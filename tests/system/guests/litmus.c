/* Litmus tests: small races, run many times, their outcomes counted.
 *
 * The bodies and the table of tests are made by tests/system/litmus.py from its own table.
 * params: count = runs of each test; arg[0] = bit i: do test i; arg[1] = runs between two meetings of the
 * harts (1 aligns them best; more where the host has fewer processors than harts); arg[2] = ticks of guest
 * time after which a test ends early, at the end of a batch (0: never).
 *
 * A test has a cell for each run, its variables on lines of their own. Between batches each variable is
 * cleared by a hart that does not store it, so that the store finds its line elsewhere and waits in the
 * host's store buffer: that is where outcomes come from that no interleaving gives.
 */
#include "rt.h"

#define BATCH 256
#define VARS 2
#define THREADS 4

struct test {
    const char *name;
    u64 threads;
    u64 (*body[THREADS])(volatile u32 *x, volatile u32 *y); /* results: first in bits 0..31, second 32..63 */
    u64 results[THREADS]; /* how many a thread has; they are r1, r2, ... in the order of threads */
    u64 clears[THREADS];  /* bit v: this thread clears variable v */
};
extern const struct test litmus_tests[];
extern const u64 litmus_count;

struct cell {
    volatile u32 at[VARS][LINE / 4];
};
static struct cell cells[BATCH] __attribute__((aligned(LINE)));
static u64 out[THREADS][BATCH] __attribute__((aligned(LINE)));
static volatile u64 line __attribute__((aligned(LINE)));
static u64 passed[MAX_HARTS * LINE / 8];
static volatile u64 enough; /* hart 0 says it between two barriers */
static u64 histogram[1 << THREADS];

static void clear(u64 vars) {
    for (u64 v = 0; v < VARS; v++)
        if (vars >> v & 1)
            for (u64 i = 0; i < BATCH; i++)
                cells[i].at[v][0] = 0;
}

static void count(const struct test *test, u64 runs) {
    for (u64 i = 0; i < runs; i++) {
        u64 key = 0, at = 0;
        for (u64 t = 0; t < test->threads; t++)
            for (u64 r = 0; r < test->results[t]; r++) {
                u64 value = out[t][i] >> (32 * r) & 0xffffffff;
                if (value > 1) {
                    print("litmus %s BAD VALUE r%u=%x\n", test->name, at + 1, value);
                    finish(1);
                }
                key |= value << at++;
            }
        histogram[key]++;
    }
}

static void report(const struct test *test) {
    u64 results = 0;
    for (u64 t = 0; t < test->threads; t++)
        results += test->results[t];
    for (u64 key = 0; key < 1ul << results; key++) {
        if (histogram[key]) {
            print("litmus %s", test->name);
            for (u64 r = 0; r < results; r++)
                print(" r%u=%u", r + 1, key >> r & 1);
            print(" %u\n", histogram[key]);
        }
        histogram[key] = 0;
    }
}

static void run(const struct test *test, u64 me) {
    static const u32 skews[] = {0, 3, 20, 150};
    u64 n = test->threads, align = params.arg[1], *mine = &passed[me * LINE / 8], start = now();
    for (u64 done = 0, turn = 0; done < params.count; done += BATCH, turn++) {
        u64 runs = params.count - done < BATCH ? params.count - done : BATCH;
        u64 role = (me + turn) % n;
        u32 most = skews[chance(me) % 4];
        clear(test->clears[role]);
        barrier(me);
        if (enough)
            break;
        for (u64 i = 0; i < runs; i++) {
            if (i % align == 0)
                meet(me, &line, mine, n);
            skew(me, most);
            out[role][i] = test->body[role](cells[i].at[0], cells[i].at[1]);
        }
        barrier(me);
        if (me == 0) {
            count(test, runs);
            enough = params.arg[2] && now() - start > params.arg[2];
        }
    }
    barrier(me);
    enough = 0;
    if (me == 0)
        report(test);
}

u64 guest_main(u64 me) {
    chance_seed(me);
    for (u64 i = 0; i < litmus_count; i++)
        if (params.arg[0] >> i & 1 && litmus_tests[i].threads == params.harts)
            run(&litmus_tests[i], me);
    barrier(me);
    if (me == 0)
        print("litmus done\n");
    return 0;
}
