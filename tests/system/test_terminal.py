"""The emulator on a real terminal: who gets Ctrl-C and Ctrl-Z, how it ends, and what it leaves behind.

`-nographic` gives the guest every key but those after Ctrl-A; `-serial stdio` keeps the terminal's signals
for the emulator. Texts and exit statuses are QEMU's, taken from QEMU 10 on the same terminal.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import string
import time
from pathlib import Path

import psutil
import pytest

from tests.lib.guests import need
from tests.lib.processes import session_members
from tests.lib.terminal import Terminal

BOOT_S = 120  # a loaded host of two cores; a quiet one needs a tenth
SOON_S = 30
SHELL = rb"# (?:\x1b\[6n)?$"  # busybox asks a terminal of unknown width for it
PLAIN = ("-display", "none", "-serial", "stdio")
HELP = b"".join(
    line + b"\r\n\r"  # the last \r is the text's, the first the terminal's
    for line in (
        b"",
        b"C-a h    print this help",
        b"C-a x    exit emulator",
        b"C-a s    save disk data back to file (if -snapshot)",
        b"C-a t    toggle console timestamps",
        b"C-a b    send break (magic sysrq)",
        b"C-a c    switch between console and monitor",
        b"C-a C-a  sends C-a",
    )
)


def u_boot(*console: str, job_control: bool = False, errors: bool = False) -> Terminal:
    """U-Boot at its prompt in half a second. It polls the port there: its hart never sleeps."""
    machine = ("-M", "virt", "-m", "128M", "-bios", need("u-boot"))
    return Terminal(*machine, *console, job_control=job_control, errors=errors)


def at_prompt(tty: Terminal) -> None:
    """Stop U-Boot's countdown."""
    tty.expect(rb"Hit any key to stop autoboot", BOOT_S)
    assert tty.raw
    tty.send(b" ")
    tty.expect(rb"=> $", BOOT_S)


def answers(tty: Terminal) -> None:
    """U-Boot takes a command."""
    tty.send(b"echo 4 is $? 2 times\n")
    tty.expect(rb"4 is [01] 2 times", SOON_S)
    tty.expect(rb"=> $", SOON_S)


def linux(*console: str) -> Terminal:
    """Debian at a shell with job control."""
    return Terminal(
        "-M", "virt", "-smp", "2", "-m", "512M", *console,
        "-kernel", need("linux"), "-initrd", need("initrd"),
        "-append", "console=ttyS0 earlycon=sbi quiet test=shell",
    )  # fmt: skip


def ended(tty: Terminal, status: int = 0) -> None:
    """It has ended with `status`, the terminal as it was, nothing left, no word of Python's."""
    assert tty.wait(SOON_S) == status, tty.tail()
    assert tty.attributes == tty.before
    assert b"Traceback" not in tty.console
    assert b"Traceback" not in tty.errors
    tty.assert_nothing_left()


def used_s(processes: list[psutil.Process]) -> float:
    """Processor time of all of them."""
    return sum(t.user + t.system for t in (p.cpu_times() for p in processes))


# -- -nographic: keys


def test_ctrl_a_h_helps_and_ctrl_a_x_quits() -> None:
    with u_boot("-nographic") as tty:
        at_prompt(tty)
        tty.send(b"\x01h")
        tty.expect(re.escape(HELP), SOON_S)
        answers(tty)
        tty.send(b"\x01x")
        ended(tty)
        assert tty.console.endswith(b"=> QEMU: Terminated\r\n\r")


def test_ctrl_a_x_works_in_a_guest_that_takes_no_input() -> None:
    with u_boot("-nographic") as tty:
        at_prompt(tty)
        tty.send(b"while true; do true; done\n" + b"x" * 100 + b"\x01x")
        ended(tty)


def test_keys_that_the_terminal_makes_signals_of_go_to_the_guest() -> None:
    with linux("-nographic") as tty:
        tty.expect(SHELL, BOOT_S)
        # the job says so itself: only then is it what the keys are for
        tty.send(b"""sh -c 'echo be""gun; exec sleep 1000'\n""")
        tty.expect(rb"begun\r", SOON_S)
        tty.send(b"\x03")  # the guest's sleep dies of it
        tty.expect(SHELL, SOON_S)
        tty.send(b"""echo status $?; sh -c 'echo be""gun; exec sleep 1001'\n""")
        tty.expect(rb"status 130\r", SOON_S)
        tty.expect(rb"begun\r", SOON_S)
        tty.send(b"\x1a")  # and stops
        tty.expect(rb"\[1\]\+  Stopped +(.*)\r", SOON_S)
        tty.expect(SHELL, SOON_S)
        tty.send(b'stty -echo; echo be""gun; cat -v\n')
        tty.expect(rb"begun\r", SOON_S)
        tty.send(b"one \x01\x01 two \x01\x01\x01\x01\n")  # Ctrl-A twice is one Ctrl-A
        tty.expect(rb"one \^A two \^A\^A\r", SOON_S)
        tty.send(b"\x1c")  # Ctrl-\
        tty.expect(SHELL, SOON_S)
        assert tty.process.poll() is None
        tty.send(b"\x01x")
        ended(tty)


def test_nothing_typed_or_pasted_is_lost() -> None:
    """The port has a FIFO of 16 bytes and no flow control: what it cannot take waits with us."""
    rng = random.Random(4)
    letters = string.ascii_letters + string.digits + " ;:,.!?-"
    line = "".join(rng.choices(letters, k=1500)).encode() + b"\n"
    page = b"".join("".join(rng.choices(letters, k=63)).encode() + b"\n" for _ in range(64))
    with linux("-nographic") as tty:
        tty.expect(SHELL, BOOT_S)
        tty.send(b'echo be""gun; cat >typed\n')
        tty.expect(rb"begun\r", SOON_S)  # the shell has left the keyboard to the others
        for byte in line:
            tty.send(bytes([byte]))
        tty.send(b"\x04")
        tty.expect(SHELL, BOOT_S)
        tty.send(b'echo be""gun; cat >pasted\n')
        tty.expect(rb"begun\r", SOON_S)
        tty.send(page + b"\x04")
        tty.expect(SHELL, BOOT_S)
        tty.send(b"wc -c typed pasted; sha256sum typed pasted\n")
        for data, name in ((line, b"typed"), (page, b"pasted")):
            tty.expect(rb"\b%d %s\r" % (len(data), name), SOON_S)
        for data, name in ((line, b"typed"), (page, b"pasted")):
            tty.expect(hashlib.sha256(data).hexdigest().encode() + b"  " + name, SOON_S)
        tty.send(b"exit\n")
        ended(tty)


# -- -serial stdio: signals of the terminal are ours


def test_ctrl_c_ends_the_emulator() -> None:
    with u_boot(*PLAIN) as tty:
        at_prompt(tty)
        tty.send(b"\x01h\x01x\x15")  # no multiplexer here: keys like any other; Ctrl-U clears the line
        answers(tty)
        tty.send(b"\x03")
        ended(tty)
        assert tty.console.endswith(b"=> emu: terminating on signal 2\r\n")


def test_ctrl_backslash_kills_and_gives_the_terminal_back() -> None:
    with u_boot(*PLAIN, job_control=True) as tty:
        at_prompt(tty)
        tty.send(b"\x1c")
        tty.expect(rb"ENDED -3\r", SOON_S)
        ended(tty)


@pytest.mark.parametrize("console", [PLAIN, ("-nographic",)], ids=["plain", "nographic"])
def test_a_stopped_emulator_stands_still_and_goes_on(console: tuple[str, ...]) -> None:
    with u_boot(*console, job_control=True) as tty:
        job = psutil.Process(int(tty.expect(rb"JOB (\d+)\r", SOON_S)[1]))
        at_prompt(tty)
        for _ in range(3):
            if console == PLAIN:
                tty.send(b"\x1a")
                tty.expect(rb"STOPPED %d\r" % signal.SIGTSTP, SOON_S)
            else:  # Ctrl-Z is the guest's: somebody else asks
                job.send_signal(signal.SIGTSTP)
                tty.expect(rb"STOPPED %d\r" % signal.SIGTSTP, SOON_S)
            assert tty.attributes == tty.before
            group = [job, *job.children()]
            assert len(group) == 2
            before = used_s(group)
            time.sleep(0.3)  # what is measured is this time: U-Boot would use all of it
            assert used_s(group) - before <= 0.02
            tty.send(b"fg\n")
            tty.wait_for("raw mode", lambda: tty.raw, SOON_S)
            answers(tty)
        job.terminate()
        tty.expect(rb"emu: terminating on signal 15 from pid", SOON_S)
        tty.expect(rb"ENDED 0\r", SOON_S)
        ended(tty)


def test_after_a_stop_that_nobody_can_catch_the_terminal_is_taken_again() -> None:
    with u_boot(*PLAIN, job_control=True) as tty:
        job = int(tty.expect(rb"JOB (\d+)\r", SOON_S)[1])
        at_prompt(tty)
        os.kill(job, signal.SIGSTOP)
        tty.expect(rb"STOPPED %d" % signal.SIGSTOP, SOON_S)
        tty.restore()  # as a shell would; the little one does not
        tty.send(b"fg\n")
        tty.wait_for("raw mode", lambda: tty.raw, SOON_S)
        answers(tty)
        tty.send(b"\x03")
        tty.expect(rb"ENDED 0\r", SOON_S)
        ended(tty)


def test_in_the_background_it_leaves_the_terminal_alone() -> None:
    with u_boot(*PLAIN, job_control=True) as tty:
        tty.expect(rb"JOB", SOON_S)
        at_prompt(tty)
        tty.send(b"\x1a")
        tty.expect(rb"STOPPED", SOON_S)
        members = session_members(tty.pid)
        before = used_s(members)
        tty.send(b"bg\n")
        # it goes on, until somebody types what is not for it
        tty.wait_for("running", lambda: used_s(members) > before + 0.05, SOON_S)
        assert tty.attributes == tty.before
        tty.send(b"x\n")
        tty.expect(rb"STOPPED %d\r" % signal.SIGTTIN, SOON_S)
        assert tty.attributes == tty.before
        tty.send(b"fg\n")
        tty.wait_for("raw mode", lambda: tty.raw, SOON_S)
        answers(tty)
        tty.send(b"\x03")
        tty.expect(rb"ENDED 0\r", SOON_S)
        ended(tty)


def test_a_session_leader_is_not_stopped_for_ever() -> None:
    """Nobody could let it go on: the kernel ignores the key for such a process, and so do we."""
    with u_boot(*PLAIN) as tty:
        at_prompt(tty)
        tty.send(b"\x1a")
        answers(tty)
        tty.send(b"\x03")
        ended(tty)


# -- the end from outside


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("console", [PLAIN, ("-nographic",)], ids=["plain", "nographic"])
def test_a_signal_ends_it_in_order(console: tuple[str, ...], number: signal.Signals) -> None:
    with u_boot(*console) as tty:
        at_prompt(tty)
        tty.process.send_signal(number)
        tty.process.send_signal(number)  # impatience changes nothing
        ended(tty)
        python = re.escape(os.fsencode(Path("/proc/self/cmdline").read_bytes().split(b"\0")[0]))
        text = rb"emu: terminating on signal %d from pid %d \(%s\)\r\n" % (number, os.getpid(), python)
        assert re.search(text, tty.console)


@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize("console", [PLAIN, ("-nographic",)], ids=["plain", "nographic"])
def test_a_closed_terminal_ends_it(console: tuple[str, ...], errors: bool) -> None:
    with u_boot(*console, errors=errors) as tty:
        at_prompt(tty)
        tty.hang_up()
        assert tty.wait(SOON_S) == 0
        assert tty.errors in (b"emu: terminating on signal 1\n", b"")
        assert bool(tty.errors) == errors
        tty.assert_nothing_left()


def test_a_closed_terminal_ends_a_stopped_job_too() -> None:
    with u_boot(*PLAIN, job_control=True) as tty:
        tty.expect(rb"JOB", SOON_S)
        at_prompt(tty)
        tty.send(b"\x1a")
        tty.expect(rb"STOPPED", SOON_S)
        tty.hang_up()
        tty.process.wait(SOON_S)
        tty.assert_nothing_left(SOON_S)


def test_a_lost_hart_ends_it_and_the_terminal_is_as_it_was() -> None:
    with u_boot("-nographic") as tty:
        at_prompt(tty)
        (worker,) = psutil.Process(tty.pid).children()
        worker.kill()
        ended(tty, 1)
        assert re.search(rb"emu: hart 0 \(pid %d\): worker killed by signal 9" % worker.pid, tty.console)


def test_a_wrong_command_line_does_not_touch_the_terminal() -> None:
    with Terminal("-M", "virt", "-nographic", "-kernel", "/nowhere") as tty:
        assert tty.wait(SOON_S) == 1
        assert tty.attributes == tty.before
