"""The monitor for people on a real terminal: who has the keyboard, editing, and what is left at the end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.lib.guests import need
from tests.lib.terminal import Terminal
from tests.system.test_terminal import BOOT_S, SOON_S, answers, at_prompt, ended, u_boot

BANNER = rb"QEMU 10\.0\.13 monitor - type 'help' for more information\r\r\n"
PROMPT = rb"\(qemu\) $"
STOPPED = ("-M", "virt", "-bios", "none", "-S")
BARE = ("-M", "none")  # without harts: quick


def ask(tty: Terminal, line: bytes, answer: bytes) -> re.Match[bytes]:
    """A line typed at the prompt, and its answer, then the prompt again."""
    tty.send(line + b"\r")
    found = tty.expect(re.escape(line) + rb"\x1b\[K\r\r\n" + answer, SOON_S)
    tty.expect(PROMPT, SOON_S)
    return found


def test_the_console_has_the_keyboard_and_ctrl_a_c_gives_it_to_the_monitor_and_back() -> None:
    with u_boot("-nographic") as tty:
        at_prompt(tty)
        assert b"QEMU" not in tty.console.replace(b"qemu", b"")
        for turn in range(2):
            tty.send(b"\x01c")
            tty.expect((b"" if turn else BANNER) + PROMPT, SOON_S)
            ask(tty, b"info status", rb"VM status: running\r")
            ask(tty, b"stop", b"")
            ask(tty, b"info status", rb"VM status: paused\r")
            ask(tty, b"cont", b"")
            tty.send(b"\x01c\x15")  # U-Boot's Ctrl-U: an empty line
            answers(tty)
        tty.send(b"\x01c")
        tty.expect(PROMPT, SOON_S)
        tty.send(b"quit\r")
        ended(tty)


def test_what_the_guest_says_shows_while_the_monitor_has_the_keyboard() -> None:
    with u_boot("-nographic") as tty:
        at_prompt(tty)
        tty.send(b"sleep 1; echo later on\n\x01c")
        tty.expect(BANNER, SOON_S)
        tty.expect(rb"later on\r", SOON_S)
        tty.send(b"\r")
        tty.expect(PROMPT, SOON_S)
        tty.send(b"\x01x")
        ended(tty)


def test_editing_history_and_completion() -> None:
    with Terminal(*BARE, "-display", "none", "-monitor", "stdio") as tty:
        tty.expect(BANNER + PROMPT, BOOT_S)
        tty.send(b"info stotus\x1b[D\x1b[D\x1b[D\x7fa\x05\r")
        tty.expect(rb"VM status: running\r", SOON_S)
        tty.expect(PROMPT, SOON_S)
        tty.send(b"\x1b[A\r")
        tty.expect(rb"VM status: running\r", SOON_S)
        tty.expect(PROMPT, SOON_S)
        tty.send(b"system_\t")
        names = rb"system_powerdown  system_reset      system_wakeup     "
        tty.expect(rb"\n" + names + rb"\r\r\n\(qemu\) system_\x1b\[K$", SOON_S)
        tty.send(b"r\t\r")
        tty.expect(PROMPT, SOON_S)
        ask(tty, b"info history", rb"0: 'info status'\r\r\n1: 'system_reset '\r\r\n2: 'info history'\r")
        tty.send(b"quit\r")
        ended(tty)


def test_ctrl_c_is_the_terminals_where_the_monitor_alone_has_it() -> None:
    with Terminal(*BARE, "-display", "none", "-monitor", "stdio") as tty:
        tty.expect(BANNER + PROMPT, BOOT_S)
        tty.send(b"\x03")
        ended(tty)
        assert tty.console.endswith(b"emu: terminating on signal 2\r\n")


def test_a_reset_asked_for_is_done_before_the_next_prompt() -> None:
    with Terminal(*STOPPED, "-display", "none", "-monitor", "stdio") as tty:
        tty.expect(BANNER + PROMPT, BOOT_S)
        ask(tty, b"cont", b"")
        ask(tty, b"stop", b"")
        ask(tty, b"system_reset", b"")
        ask(tty, b"info status", rb"VM status: paused \(prelaunch\)\r")
        tty.send(b"q\r")
        ended(tty)


def test_a_lost_hart_leaves_a_machine_that_a_monitor_can_reset() -> None:
    with u_boot("-display", "none", "-serial", "null", "-monitor", "stdio") as tty:
        tty.expect(BANNER + PROMPT, BOOT_S)
        (worker,) = psutil.Process(tty.pid).children()
        worker.kill()
        tty.expect(rb"emu: hart 0 \(pid %d\): worker killed by signal 9" % worker.pid, SOON_S)
        tty.send(b"\r")
        tty.expect(PROMPT, SOON_S)
        ask(tty, b"info status", rb"VM status: paused \(internal-error\)\r")
        ask(tty, b"cont", rb"Error: Resetting the Virtual Machine is required\r")
        ask(tty, b"system_reset", b"")
        ask(tty, b"cont", b"")
        ask(tty, b"info status", rb"VM status: running\r")
        tty.send(b"quit\r")
        ended(tty)


def test_a_crash_of_the_main_loop_is_no_raw_terminal() -> None:
    """What Python does with a bug of ours: a traceback, status 1, and the terminal as it was."""
    code = (
        "import emu.monitor.hmp_commands.run_control, emu.monitor.commands.run_control as r, sys\n"
        "r.stop = None\n"
        "import emu.main; sys.argv[0] = 'emu'; sys.exit(emu.main.main(sys.argv[1:]))"
    )
    words = (*BARE, "-display", "none", "-monitor", "stdio")
    with Terminal(command=(sys.executable, "-c", code, *words)) as tty:
        tty.expect(BANNER + PROMPT, BOOT_S)
        assert tty.raw
        tty.send(b"stop\r")
        assert tty.wait(SOON_S) == 1
        assert b"TypeError" in tty.console
        assert tty.attributes == tty.before
        tty.assert_nothing_left()


def test_a_monitor_on_a_pty(tmp_path: Path) -> None:
    link = tmp_path / "monitor"
    words = (*BARE, "-display", "none", "-chardev", f"pty,id=m,path={link}", "-mon", "m")
    with Terminal(*words) as tty:
        tty.expect(rb"char device redirected to /dev/pts/\d+ \(label m\)\r\n", BOOT_S)
        tty.wait_for("the link", link.is_symlink, SOON_S)
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"info name\rquit\r")
        seen = b""
        while chunk := _read(fd):
            seen += chunk
        assert b"info name" in seen
        ended(tty)
        assert not link.is_symlink()


def _read(fd: int) -> bytes:
    try:
        data = os.read(fd, 4096)
    except OSError:
        data = b""
    if not data:
        os.close(fd)
    return data


# -- on a screen


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tmux is not installed")
        pytest.skip("tmux is not installed")
    made = Tmux(tmp_path / "tmux")
    yield made
    made.close()


class Tmux:
    """A terminal as people have it: `screen` is what they see. The shell's prompt is `$ `."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._command = ("tmux", "-f", "/dev/null", "-S", str(socket))
        self._run("new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=$ ", "sh", "-i")
        self.expect("$")

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [*self._command, *words], capture_output=True, text=True, check=True, timeout=SOON_S
        ).stdout

    @property
    def screen(self) -> list[str]:
        """The lines with something on them."""
        return [line.rstrip() for line in self._run("capture-pane", "-p").splitlines() if line.strip()]

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self._run("send-keys", *keys)

    def expect(self, *last: str) -> None:
        """Until these are the last lines of the screen."""
        end = time.monotonic() + SOON_S
        while self.screen[-len(last) :] != list(last):
            assert time.monotonic() < end, f"wanted {last}\n" + "\n".join(self.screen)
            time.sleep(0.02)  # nobody tells when a screen changes

    def sees(self, text: str) -> None:
        """Until this is somewhere on the screen."""
        end = time.monotonic() + SOON_S
        while text not in "\n".join(self.screen):
            assert time.monotonic() < end, f"wanted {text}\n" + "\n".join(self.screen)
            time.sleep(0.02)

    def close(self) -> None:
        """End the server and what runs in it."""
        server = psutil.Process(int(self._run("display-message", "-p", "#{pid}")))
        self._run("kill-server")
        server.wait(SOON_S)
        self._socket.unlink(missing_ok=True)


def test_a_session_as_people_see_it(tmux: Tmux) -> None:
    words = (sys.executable, "-m", "emu", "-M", "virt", "-bios", need("u-boot"), "-nographic")
    tmux.press(f"cd {Path(__file__).parents[2]}; clear; {' '.join(words)}", "Enter")
    tmux.sees("Hit any key")
    tmux.press("Space")
    tmux.expect("=>")
    tmux.press("C-a", "c")
    tmux.expect("=> QEMU 10.0.13 monitor - type 'help' for more information", "(qemu)")
    tmux.press("info stat", "Tab", "Enter")
    tmux.expect("(qemu) info status", "VM status: running", "(qemu)")
    tmux.press("Up", "C-w", "n", "a", "Tab")
    tmux.expect("VM status: running", "(qemu) info name")
    tmux.press("C-a", "c", "C-u")
    tmux.expect("(qemu) info name")
    tmux.press("echo still a $? guest", "Enter")
    tmux.expect("still a 0 guest", "=>")
    tmux.press("C-a", "c", "C-l")
    tmux.expect("(qemu)")
    tmux.press("quit", "Enter")
    tmux.expect("(qemu) quit", "$")
    tmux.press("echo still echoes", "Enter")
    tmux.expect("$ echo still echoes", "still echoes", "$")
