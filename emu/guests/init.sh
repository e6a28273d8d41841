#!/bin/sh
# The first process of the test guests. The kernel command line says what it does:
#
#   test=WORD[,WORD...]  poweroff reboot shell info smpstress forkstress panic idle spin
#                        suspend, and with the image with modules: blk net rng powerkey watchdog
#   rounds=N             how much work smpstress and forkstress do (2)
#   seconds=N            how long idle and spin last (0 = for ever), and watchdog feeds
#   modules=NAME[,NAME...]  which modules to load, of those that are there (all)
#   alarm=N              the clock ends a suspend after N seconds (0 = it does not)
#
# Every word prints one line that starts with its name in capitals; after the last word the machine
# is powered off. Without `test=` it is a shell.

export PATH=/bin:/sbin HOME=/root TERM=vt100

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp

words=shell rounds=2 seconds=0 alarm=0 modules=
for part in $(cat /proc/cmdline); do
    case $part in
        test=*) words=${part#test=} ;;
        rounds=*) rounds=${part#rounds=} ;;
        seconds=*) seconds=${part#seconds=} ;;
        alarm=*) alarm=${part#alarm=} ;;
        modules=*) modules=${part#modules=} ;;
    esac
done
harts=$(nproc)

if [ -n "$modules" ]; then
    IFS=,
    for module in $modules; do
        modprobe "$module" || echo "GUEST-MODULE failed: $module"
    done
    unset IFS
elif [ -f /etc/modules ]; then
    while read -r module; do
        insmod "$module" || echo "GUEST-MODULE failed: $module"
    done </etc/modules
fi

read -r uptime _ </proc/uptime
echo "GUEST-READY nproc=$harts uptime=$uptime"

# Run "$@" once per hart, each pinned to its own, output in /tmp/job.N; wait for all.
on_each_hart() {
    hart=0
    while [ $hart -lt "$harts" ]; do
        taskset -c $hart "$@" >/tmp/job.$hart 2>&1 &
        hart=$((hart + 1))
    done
    wait
}

checksum_job='n=0
while [ $n -lt $0 ]; do cat /bin/busybox; n=$((n + 1)); done | sha256sum'

# /bin/busybox by its path: the shell runs its own applets without a fork.
fork_job='n=0
while [ $n -lt $0 ]; do /bin/busybox true || exit 1; n=$((n + 1)); done
echo $n'

spin_job='while :; do :; done'

last() {
    if [ "$seconds" -gt 0 ]; then sleep "$seconds"; else while :; do sleep 86400; done; fi
}

do_poweroff() { :; }

do_reboot() { reboot -f; }

do_shell() {
    echo "SHELL on $(cat /sys/class/tty/console/active), 'exit' powers off"
    # A session of its own with the console as its terminal: job control and Ctrl-C need both.
    cd /root && setsid cttyhack sh || echo "SHELL left with status $?"
}

do_info() {
    echo "INFO $(uname -srm)"
    for file in cmdline cpuinfo interrupts meminfo iomem; do
        echo "-- /proc/$file"
        cat /proc/$file
    done
}

do_smpstress() {
    on_each_hart sh -c "$checksum_job" "$rounds"
    sums=$(cat /tmp/job.* | sort -u)
    if [ "$(echo "$sums" | wc -l)" = 1 ] && [ "${#sums}" -ge 64 ]; then
        echo "SMPSTRESS ok sum=$(echo "$sums" | cut -c 1-16) jobs=$harts"
    else
        echo "SMPSTRESS MISMATCH"
        cat /tmp/job.*
    fi
}

do_forkstress() {
    each=$((rounds * 50))
    on_each_hart sh -c "$fork_job" $each
    if [ "$(cat /tmp/job.* | sort -u)" = $each ]; then
        echo "FORKSTRESS ok forks=$((each * harts)) jobs=$harts"
    else
        echo "FORKSTRESS FAILED"
        cat /tmp/job.*
    fi
}

do_panic() {
    echo "PANIC now"
    echo c >/proc/sysrq-trigger
}

do_idle() {
    echo "IDLE $seconds"
    last
}

do_spin() {
    echo "SPIN $seconds"
    hart=0
    while [ $hart -lt "$harts" ]; do
        taskset -c $hart sh -c "$spin_job" &
        hart=$((hart + 1))
    done
    last
}

do_blk() {
    for disk in /sys/block/vd*; do
        [ -e "$disk" ] || continue
        echo "BLK ${disk##*/} sectors=$(cat "$disk/size") sum=$(sha256sum <"/dev/${disk##*/}" | cut -c 1-16)"
    done
    [ -e "$disk" ] || echo "BLK none"
}

do_net() {
    ip link set lo up
    ip link set eth0 up && udhcpc -i eth0 -n -q -s /bin/true >/tmp/net 2>&1
    echo "NET $(grep -o 'lease of [0-9.]* obtained' /tmp/net || echo none)"
}

do_rng() {
    echo "RNG $(cat /sys/class/misc/hw_random/rng_current) $(head -c 16 /dev/hwrng | hexdump -v -e '/1 "%02x"')"
}

# Woken by the alarm, by a key on the console, or by the monitor's system_wakeup.
do_suspend() {
    echo enabled >"/sys/class/tty/$(cat /sys/class/tty/console/active)/power/wakeup"
    echo "SUSPEND to $(cat /sys/power/mem_sleep)"
    before=$(date +%s)
    [ "$alarm" = 0 ] || rtcalarm "$alarm"
    if echo mem >/sys/power/state; then
        echo "SUSPEND resumed nproc=$(nproc) slept=$(($(date +%s) - before))"
    else
        echo "SUSPEND FAILED"
    fi
}

# The power button of an input device ends the wait; what follows the last word is power-off.
do_powerkey() {
    [ -c /dev/input/event0 ] || { echo "POWERKEY none"; return; }
    exec 3</dev/input/event0
    echo "POWERKEY awaited of $(cat /sys/class/input/event0/device/name)"
    while set -- $(dd bs=24 count=1 <&3 2>/dev/null | hexdump -v -e '12/2 "%u "'); do
        # Eight words of time, then type, code and value
        [ $# = 12 ] || { echo "POWERKEY lost"; return; }
        [ "$9 ${10} ${11}" != "1 116 1" ] || { echo "POWERKEY pressed"; return; }
    done
}

do_watchdog() {
    [ -c /dev/watchdog ] || { echo "WATCHDOG none"; return; }
    watchdog -F -T 1 -t 200ms /dev/watchdog &
    echo "WATCHDOG fed for $seconds"
    sleep "$seconds"
    echo "WATCHDOG starves"
    kill -9 $!
    sleep 60
}

IFS=,
for word in $words; do
    unset IFS
    case $word in
        poweroff | reboot | shell | info | smpstress | forkstress | panic | idle | spin) "do_$word" ;;
        blk | net | rng | suspend | powerkey | watchdog) "do_$word" ;;
        *) echo "GUEST-UNKNOWN test=$word" ;;
    esac
done
poweroff -f
