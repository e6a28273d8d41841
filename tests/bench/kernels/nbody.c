// Five bodies under gravity, symplectic steps: multiply, add, divide and square root in double
// precision. ops is steps. The sum is of the bit patterns of where the bodies end.
// The planets' data are those that every n-body program uses (AU, years, solar masses).

#include "bench.h"

enum { BODIES = 5 };
#define SOLAR_MASS (4 * 3.141592653589793 * 3.141592653589793)
#define DAYS 365.24

struct body {
    double at[3], speed[3], mass;
};

static struct body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, SOLAR_MASS},
    {{4.84143144246472090, -1.16032004402742839, -1.03622044471123109e-1},
     {1.66007664274403694e-3 * DAYS, 7.69901118419740425e-3 * DAYS, -6.90460016972063023e-5 * DAYS},
     9.54791938424326609e-4 * SOLAR_MASS},
    {{8.34336671824457987, 4.12479856412430479, -4.03523417114321381e-1},
     {-2.76742510726411899e-3 * DAYS, 4.99852801234917238e-3 * DAYS, 2.30417297573763929e-5 * DAYS},
     2.85885980666130812e-4 * SOLAR_MASS},
    {{1.28943695621391310e1, -1.51111514016986312e1, -2.23307578892655734e-1},
     {2.96460137564761618e-3 * DAYS, 2.37847173959480950e-3 * DAYS, -2.96589568540237556e-5 * DAYS},
     4.36624404335156298e-5 * SOLAR_MASS},
    {{1.53796971148509165e1, -2.59193146099879641e1, 1.79258772950371181e-1},
     {2.68067772490389322e-3 * DAYS, 1.62824170038242295e-3 * DAYS, -9.51592254519715870e-5 * DAYS},
     5.15138902046611451e-5 * SOLAR_MASS},
};

static inline double root(double x) {
    double y;
    __asm__("fsqrt.d %0, %1" : "=f"(y) : "f"(x));
    return y;
}

static NOINLINE void advance(double dt) {
    for (int i = 0; i < BODIES; i++) {
        struct body *b = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *o = &bodies[j];
            double d[3], square = 0;
            for (int n = 0; n < 3; n++) {
                d[n] = b->at[n] - o->at[n];
                square += d[n] * d[n];
            }
            double force = dt / (square * root(square));
            for (int n = 0; n < 3; n++) {
                b->speed[n] -= d[n] * o->mass * force;
                o->speed[n] += d[n] * b->mass * force;
            }
        }
    }
    for (int i = 0; i < BODIES; i++)
        for (int n = 0; n < 3; n++)
            bodies[i].at[n] += dt * bodies[i].speed[n];
}

int main(void) {
    u64 steps = ROUNDS(1100000UL), sum = 0;
    begin();
    for (u64 i = 0; i < steps; i++)
        advance(0.01);
    for (int i = 0; i < BODIES; i++)
        for (int n = 0; n < 3; n++) {
            union {
                double d;
                u64 u;
            } bits = {bodies[i].at[n]};
            sum = mix(sum, bits.u);
        }
    finish("nbody", sum, steps);
}
