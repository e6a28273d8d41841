// HARTS harts at once. PHASE says at what:
//   1 amo    amoadd.d on one word
//   2 lrsc   lr.d/sc.d on one word
//   3 lock   a spin lock (not a fair one: those measure the host's scheduler) around loads and stores
//   4 alone  arithmetic and private memory, nothing shared: how far harts scale
// ops is what all of them did together.

#include "bench.h"

enum { LINE = 64 };

static struct {
    u64 word;
    u8 pad[LINE - 8];
} shared[8] __attribute__((aligned(LINE)));  // 0 the counter, 1 the lock, 3 arrived, 4 done
static u64 guarded[4];
static u64 private_sum[HARTS][LINE / 8] __attribute__((aligned(LINE)));
static u32 private_words[HARTS][1024] __attribute__((aligned(LINE)));

static u64 add(u64 *at, u64 by) { return __atomic_fetch_add(at, by, __ATOMIC_SEQ_CST); }
static u64 see(u64 *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }

static NOINLINE void work(u64 hart, u64 rounds) {
#if PHASE == 1
    for (u64 i = 0; i < rounds; i++)
        __asm__ volatile("amoadd.d zero, %0, (%1)" ::"r"(1UL), "r"(&shared[0].word) : "memory");
#elif PHASE == 2
    for (u64 i = 0; i < rounds; i++) {
        u64 value, failed;
        __asm__ volatile("1: lr.d.aq %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)\n bnez %1, 1b"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(&shared[0].word)
                         : "memory");
    }
#elif PHASE == 3
    for (u64 i = 0; i < rounds; i++) {
        while (__atomic_exchange_n(&shared[1].word, 1, __ATOMIC_ACQUIRE))
            while (see(&shared[1].word))
                __asm__ volatile(".word 0x0100000f" ::: "memory");  // pause
        for (int n = 0; n < 4; n++)
            guarded[n] += n + 1;
        shared[0].word++;
        __atomic_store_n(&shared[1].word, 0, __ATOMIC_RELEASE);
    }
#else
    u64 x = hart * 0 + 88172645463325252UL;  // every hart the same work
    u32 *words = private_words[hart];
    for (u64 i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        words[x & 1023] += x >> 40;
        x += words[i & 1023];
    }
    private_sum[hart][0] = x;
    add(&shared[0].word, rounds);
#endif
}

static void meet(u64 *at) {
    add(at, 1);
    while (see(at) != HARTS) {
    }
}

static u64 rounds(void) {
    return ROUNDS(PHASE == 1 ? 160000000UL : PHASE == 2 ? 60000000UL : PHASE == 3 ? 40000000UL : 120000000UL) /
           (PHASE == 4 ? 1 : HARTS);
}

void hart_main(void) {
    u64 hart;
    __asm__("mv %0, tp" : "=r"(hart));
    meet(&shared[3].word);
    work(hart, rounds());
    meet(&shared[4].word);
}

int main(void) {
    static const char *const names[] = {"", "smp-amo", "smp-lrsc", "smp-lock", "smp-alone"};
    meet(&shared[3].word);
    begin();
    work(0, rounds());
    meet(&shared[4].word);
    note_end();
    u64 sum = shared[0].word;
    for (int i = 0; i < 4; i++)
        sum = mix(sum, guarded[i]);
    for (int i = 0; i < HARTS; i++)
        sum = mix(sum, private_sum[i][0]);
    report(names[PHASE], sum, rounds() * HARTS);
    stop();
}
