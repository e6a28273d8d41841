/* rtcalarm SECONDS: let /dev/rtc0 ring SECONDS from now. For Linux on riscv64, without a C library.
 *
 * The goldfish clock has an alarm, but its driver does not say that it can wake the machine, so there is no
 * sysfs `wakealarm`, and rtcwake refuses. The ioctl works all the same; the alarm outlives the process.
 * Exit status: 0, 1 for wrong words, 2 when the kernel refuses.
 * Source: Linux Documentation/admin-guide/rtc.rst, include/uapi/linux/rtc.h. */

struct rtc_time {
    int sec, min, hour, day, month, year, weekday, yearday, dst; /* day from 1, month from 0, year - 1900 */
};

struct rtc_wkalrm {
    unsigned char enabled, pending;
    struct rtc_time time;
};

#define IOR(nr, type) (2u << 30 | (unsigned)sizeof(type) << 16 | 'p' << 8 | (nr))
#define IOW(nr, type) (1u << 30 | (unsigned)sizeof(type) << 16 | 'p' << 8 | (nr))
#define RTC_RD_TIME IOR(0x09, struct rtc_time)
#define RTC_WKALM_SET IOW(0x0f, struct rtc_wkalrm)
enum { SYS_IOCTL = 29, SYS_OPENAT = 56, SYS_WRITE = 64, SYS_EXIT = 93, AT_FDCWD = -100 };

static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = 0;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

static int days_of(int month, int year)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    year += 1900;
    return days[month] + (month == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static void advance(struct rtc_time *t, long seconds)
{
    long sum = t->sec + 60L * t->min + 3600L * t->hour + seconds;
    t->sec = sum % 60;
    t->min = sum / 60 % 60;
    t->hour = sum / 3600 % 24;
    for (long days = sum / 86400; days > 0; days--) {
        if (++t->day <= days_of(t->month, t->year))
            continue;
        t->day = 1;
        if (++t->month == 12) {
            t->month = 0;
            t->year++;
        }
    }
}

static long number(const char *text)
{
    long n = 0;
    if (*text == 0)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > 99999999)
            return -1;
        n = 10 * n + (*text - '0');
    }
    return n;
}

static int fail(const char *text, long size, int status)
{
    call(SYS_WRITE, 2, (long)text, size);
    return status;
}

#define FAIL(text, status) fail(text, sizeof(text) - 1, status)

int run(long argc, char **argv)
{
    struct rtc_wkalrm alarm;
    long seconds = argc == 2 ? number(argv[1]) : -1;
    if (seconds < 0)
        return FAIL("usage: rtcalarm SECONDS\n", 1);
    long fd = call(SYS_OPENAT, AT_FDCWD, (long)"/dev/rtc0", 0);
    if (fd < 0)
        return FAIL("rtcalarm: cannot open /dev/rtc0\n", 2);
    if (call(SYS_IOCTL, fd, RTC_RD_TIME, (long)&alarm.time) < 0)
        return FAIL("rtcalarm: cannot read the clock\n", 2);
    advance(&alarm.time, seconds);
    alarm.enabled = 1;
    alarm.pending = 0;
    if (call(SYS_IOCTL, fd, RTC_WKALM_SET, (long)&alarm) < 0)
        return FAIL("rtcalarm: cannot set the alarm\n", 2);
    return 0;
}

/* The stack at entry: argc, argv[0], ..., 0. */
__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "    ld a0, 0(sp)\n"
        "    addi a1, sp, 8\n"
        "    call run\n"
        "    li a7, 93\n"
        "    ecall\n");
