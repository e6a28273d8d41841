"""HMP without a machine: the monitor on a port, words of a line, expressions, formats, completion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from emu.chardev.mux import Mux
from emu.emulator import Emulator
from emu.loop.poll import MainLoop
from emu.loop.timers import Clocks
from emu.monitor.hmp import HmpMonitor, banner
from emu.monitor.hmp_completion import complete
from emu.monitor.hmp_expression import evaluate
from emu.monitor.hmp_formats import show_char, show_in_column, show_plain
from emu.monitor.hmp_line import Line, LineFault
from emu.monitor.hmp_mappings import Leaf, joined
from emu.monitor.hmp_session import Session
from emu.monitor.hmp_table import commands, hmp_command
from tests.lib.frontend import Base, Front

BANNER = banner().replace("\n", "\r\n").encode()
PROMPT = b"(qemu) "


@pytest.fixture
def loop() -> Iterator[MainLoop]:
    made = MainLoop(Clocks(lambda: 0))
    yield made
    made.close()


def emulator(loop: MainLoop, ready: bool = False) -> Emulator:
    """As much of one as these tests need: no machine."""
    vm = SimpleNamespace(ready=True, slots=()) if ready else None
    return cast(Emulator, SimpleNamespace(loop=loop, vm=vm))


class Connected(Base):
    connected = True


def turns(loop: MainLoop) -> None:
    for _ in range(3):
        loop.wait(nonblocking=True)


def shown(base: Base) -> bytes:
    out = bytes(base.out)
    base.out.clear()
    return out


# -- the monitor


def test_it_greets_who_is_there_and_who_comes(loop: MainLoop) -> None:
    HmpMonitor(emulator(loop), there := Connected())
    assert shown(there) == BANNER + PROMPT
    HmpMonitor(emulator(loop), later := Base())
    assert shown(later) == b""
    later.on_connection(True)
    assert shown(later) == BANNER + PROMPT


def test_the_prompt_comes_a_turn_after_the_answer_and_no_key_before(loop: MainLoop) -> None:
    monitor = HmpMonitor(emulator(loop), base := Connected())
    shown(base)
    monitor.receive(b"foo")
    assert monitor.can_receive() == 1
    shown(base)
    monitor.receive(b"\r")
    assert shown(base) == b"\r\nunknown command: 'foo'\r\n"
    assert monitor.can_receive() == 0
    loop.wait(nonblocking=True)
    assert (shown(base), monitor.can_receive()) == (b"", 0)
    loop.wait(nonblocking=True)
    assert (shown(base), monitor.can_receive()) == (PROMPT, 1)


def test_behind_a_console_it_waits_for_the_keyboard(loop: MainLoop) -> None:
    base, console = Connected(), Front()
    mux = Mux("serial0", base, lambda: None, opened=False)
    HmpMonitor(emulator(loop), mux.port())
    mux.port().attach(console)
    mux.open()
    mux.receive(b"for the guest")
    assert (shown(base), console.got) == (b"", b"for the guest")
    mux.receive(b"\x01c")
    assert shown(base) == BANNER + PROMPT
    mux.receive(b"inf\x01c")
    assert shown(base) == b"i\x1b[K\x1b[Din\x1b[K\x1b[D\x1b[Dinf\x1b[K\r\n"
    mux.receive(b"\x01cfoo\r")
    turns(loop)
    # a new line: inf is forgotten
    assert shown(base).endswith(b"foo\x1b[K\r\nunknown command: 'foo'\r\n" + PROMPT)


def test_a_device_that_takes_no_more_stops_the_keys_and_loses_nothing(loop: MainLoop) -> None:
    class Slow(Connected):
        room = 1 << 20
        watched = 0

        def put(self, data: bytes) -> int:
            taken = min(self.room, len(data))
            self.room -= taken
            self.out += data[:taken]
            return taken

        def watch_writable(self) -> None:
            self.watched += 1

    monitor = HmpMonitor(emulator(loop), base := Slow())
    shown(base)
    base.room = 0
    typed = 0
    while monitor.can_receive():
        monitor.receive(b"x")
        typed += 1
    assert base.watched >= 1
    base.room = 1 << 20
    monitor.backend_writable()
    assert monitor.can_receive() == 1
    assert shown(base).endswith(b"x" * typed + b"\x1b[K")


# -- words, expressions, formats


@pytest.mark.parametrize(("text", "value", "rest"), [
    ("1", 1, ""), ("1 ", 1, ""), ("1 2", 1, "2"), ("0x10", 16, ""), ("010", 8, ""),
    ("0", 0, ""), ("08", 0, "8"),
    ("1+2*3", 7, ""), ("1&3+4", 5, ""), ("6^3|8", 13, ""), ("(1+2)*3", 9, ""), ("-1", -1, ""), ("~0", -1, ""),
    ("- - 3", 3, ""), ("-7/2", -3, ""), ("-7%2", -1, ""), ("'a'", 97, ""), ("$a+1", 6, ""),
    ("1<<2", 1, "<<2"),
    ("0xffffffffffffffff", -1, ""), ("0x8000000000000000-1", (1 << 63) - 1, ""), ("1 / 2", 0, ""),
    ("2,3", 2, ",3"),
])  # fmt: skip
def test_expressions(text: str, value: int, rest: str) -> None:
    line = Line(text)
    assert evaluate(line, {"a": 5}.get) == value
    assert line.rest == rest


@pytest.mark.parametrize(("text", "fault"), [
    ("", "unexpected end of expression"), ("1+", "unexpected end of expression"), ("(1", "')' expected"),
    ("$b", "unknown register"), ("'", "character constant expected"),
    ("'a", "missing terminating ' character"),
    ("1/0", "division by zero"), ("1%0", "division by zero"), ("z", "invalid char 'z' in expression"),
    ("18446744073709551616", "number too large"),
])  # fmt: skip
def test_faults_of_expressions(text: str, fault: str) -> None:
    with pytest.raises(LineFault) as error:
        evaluate(Line(text), {"a": 5}.get)
    assert error.value.text == f"{fault}\n"


def test_numbers_in_formats() -> None:
    values = ((255, "x"), (8, "o"), (-1, "u"), (-1, "d"), (65, "c"), (0, "x"))
    texts = ["0xff", "010", "18446744073709551615", "-1", "'A'", "0"]
    assert [show_plain(value, letter) for value, letter in values] == texts
    chars = ["'\\''", "'\\\\'", "'\\n'", "'\\r'", "'\\x00'", "'~'"]
    assert [show_char(ord(c)) for c in "'\\\n\r\0~"] == chars
    assert show_in_column(0xFFFFFFFF, "d", 4) == "4294967295"
    assert show_in_column((1 << 64) - 1, "d", 8) == f"{-1:>20}"
    assert show_in_column(7, "x", 2) == "0x0007"
    assert show_in_column(7, "o", 1) == " 07"


def test_mappings_that_touch_are_one_line() -> None:
    a, b, c, d = (Leaf(0x1000 * i, 0x8000 + 0x1000 * i, 0x1000, 0xCE) for i in range(4))
    other = c._replace(attr=0xC2)
    assert list(joined(iter((a, b, other, d)))) == [a._replace(size=0x2000), other, d]
    assert list(joined(iter(()))) == []
    assert list(joined(iter((a, c)))) == [a, c]


# -- completion


@pytest.mark.parametrize(("line", "wanted", "absent"), [
    ("", {"help", "?", "quit", "q", "info"}, {"foo"}),
    ("he", {"help"}, {"info"}),
    ("info ver", {"version"}, {"status"}),
    ("info ", {"version", "status", "registers"}, {"help"}),
    ("help ", {"help", "quit", "info"}, {"version"}),
    ("help info st", {"status"}, {"version"}),
    ("device_add virtio-r", {"virtio-rng-device"}, {"virtio-mmio"}),
    ("object_add rng", {"rng-builtin", "rng-random"}, set()),
    ("chardev-add ", {"null", "socket", "ringbuf"}, set()),
    ("watchdog_action ", {"reset", "none", "inject-nmi"}, set()),
    ("log int,unim", {"int,unimp"}, {"int,int"}),
    ("quit ", set(), set()),
    ("foo ", set(), set()),
    ('x "unterminated', set(), set()),
    ("a b c d e f g h i j k l m n o p q r", set(), set()),
])  # fmt: skip
def test_completion(loop: MainLoop, line: str, wanted: set[str], absent: set[str]) -> None:
    s = Session(emulator(loop, ready=True))
    found = complete(s, line)
    assert found.typed == len(line) - (line.rfind(" ") + 1) or not wanted
    assert wanted <= set(found.words)
    assert not absent & set(found.words)
    if not wanted:
        assert not found.words


def test_before_there_is_a_board_only_what_works_is_offered(loop: MainLoop) -> None:
    words = complete(Session(emulator(loop)), "").words
    assert {"help", "quit", "exit_preconfig"} <= set(words)
    assert not {"stop", "x", "device_add"} & set(words)


def test_file_names(loop: MainLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "folder/below").touch()
    s = Session(emulator(loop, ready=True))
    ask: Callable[[str], set[str]] = lambda line: set(complete(s, line).words)  # noqa: E731
    assert ask("logfile f") == {"file", "folder/"}
    assert ask("logfile folder/") == {"folder/below"}
    assert ask(f"logfile {tmp_path}/fi") == {f"{tmp_path}/file"}
    assert ask("dumpdtb nothing/") == set()


def test_a_name_taken_twice_is_refused_naming_both_places() -> None:
    assert commands()["c"] is commands()["cont"]
    with pytest.raises(ValueError, match=r"HMP command stop registered twice: emu\.monitor\..*, tests\."):
        hmp_command("stop")(lambda s: None)
