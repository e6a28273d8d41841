"""A program on a terminal: a pseudo-terminal that is the controlling terminal of a session of its own.

    with Terminal("-M", "virt", "-nographic", ...) as tty:
        tty.expect(rb"# $"); tty.send(b"\\x03"); tty.send(b"\\x01x"); assert tty.wait() == 0

What `Emu` is for pipes. `console` is everything on the screen, standard error included. What was started in
the session is killed on leaving, whatever process group it is in.
"""

from __future__ import annotations

import errno
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from types import TracebackType

import psutil

from tests.lib.processes import session_members
from tests.lib.vm import ConsoleTimeout, Emu

Attributes = list[int | list[bytes | int]]
# exec keeps the pid, so the program leads the session: a closed terminal is told to it. Its signals are those
# of a login: a shell without job control starts what it puts into the background with INT and QUIT ignored,
# and who runs the tests so would find that Ctrl-\\ does nothing
_TAKE = """
import fcntl, os, signal, sys, termios
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""

# What job control is, and nothing of what shells do beside it: settings of the terminal are left alone
_JOB_CONTROL = """
import os, signal, sys
def shell_on_top():
    os.tcsetpgrp(0, os.getpgrp())
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
print("JOB", job, flush=True)
while True:
    _, how = os.waitpid(job, os.WUNTRACED)
    shell_on_top()
    if not os.WIFSTOPPED(how):
        break
    print("STOPPED", os.WSTOPSIG(how), flush=True)
    if input() == "fg":
        os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
print("ENDED", os.waitstatus_to_exitcode(how), flush=True)
"""


class Terminal(Emu):
    """`emu ARGS...` on a terminal; with `command`, that program instead.

    job_control: it is a job of a little shell, which leads the session. The shell says `JOB PID`, `STOPPED
    SIGNAL` and `ENDED STATUS` (below 0: a signal), and while the job is stopped takes the lines `fg`, `bg`.
    errors: standard error is a pipe, to `errors`.
    """

    def __init__(
        self, *args: str, job_control: bool = False, errors: bool = False, command: tuple[str, ...] = ()
    ) -> None:
        self.args = list(command or (sys.executable, "-m", "emu", *args))
        if job_control:
            self.args = [sys.executable, "-c", _JOB_CONTROL, *self.args]
        self.console = b""
        self.errors = b""
        self._seen = 0
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE, *self.args], stdin=slave, stdout=slave,
            stderr=subprocess.PIPE if errors else slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._open = {self.master: "console"}
        if self.process.stderr is not None:
            self._open[self.process.stderr.fileno()] = "errors"

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        for member in session_members(self.pid):
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        self.hang_up()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def hang_up(self) -> None:
        """Close the terminal's window."""
        if self.master >= 0:
            self._open.pop(self.master, None)
            os.close(self.master)
            self.master = -1

    @property
    def attributes(self) -> Attributes:
        """The terminal's settings now, as the program sees them."""
        return termios.tcgetattr(self.master)

    def restore(self) -> None:
        """Put the settings back as they were at first."""
        termios.tcsetattr(self.master, termios.TCSANOW, self.before)

    @property
    def raw(self) -> bool:
        """Whether characters come through one by one."""
        flags = self.attributes[3]
        assert isinstance(flags, int)
        return not flags & termios.ICANON

    def send(self, data: bytes, timeout: float = 60) -> None:
        """Type. What comes back is read meanwhile, as a terminal does: else both sides may wait."""
        end = time.monotonic() + timeout
        while data:
            left = end - time.monotonic()
            if left <= 0:
                raise ConsoleTimeout(f"{len(data)} bytes could not be typed in {timeout} s\n{self.tail()}")
            readable, writable, _ = select.select(list(self._open), [self.master], [], left)
            if writable:
                data = data[os.write(self.master, data) :]
            if readable:
                self._read(0)

    def _read(self, timeout: float) -> bool:
        """As `Emu`. The last program that has it open being gone is the end."""
        try:
            return super()._read(timeout)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._open.clear()
            return False

    def assert_nothing_left(self, within_s: float = 2.0) -> None:
        """No living process of its session after its end."""
        end = time.monotonic() + within_s
        while left := [p.pid for p in session_members(self.pid)]:
            assert time.monotonic() < end, f"left after {within_s} s: {left}"
            time.sleep(0.005)  # nobody announces the death of somebody else's child

    def wait_for(self, what: str, condition: Callable[[], bool], timeout: float = 60) -> None:
        """Until `condition()` is true, which no event announces. Reads the screen meanwhile."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise ConsoleTimeout(f"{what}: not in {timeout} s\n{self.tail()}")
            self._read(0.02)
