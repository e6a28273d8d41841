"""The line editor of HMP: keys in, line and screen out; against a model that knows no screen."""

from __future__ import annotations

import random

import pytest

from emu.monitor.readline import MOST_BYTES, MOST_LINES, Completion, LineEditor

UP, DOWN, RIGHT, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D"


class Screen:
    """One line of a terminal: what is on it, and the cursor."""

    def __init__(self) -> None:
        self.cells = bytearray()
        self.at = 0

    def show(self, data: bytes) -> None:
        while data:
            for sequence, action in (
                (b"\x1b[D", self._left), (b"\x1b[C", self._right), (b"\x1b[K", self._clear_right),
                (b"\x1b[2J\x1b[1;1H", self._home), (b"\n", self._home),
            ):  # fmt: skip
                if data.startswith(sequence):
                    action()
                    data = data[len(sequence) :]
                    break
            else:
                self.cells[self.at : self.at + 1] = data[:1]
                self.at += 1
                data = data[1:]

    def _left(self) -> None:
        assert self.at > 0, "left of the screen"
        self.at -= 1

    def _right(self) -> None:
        assert self.at < len(self.cells), "right of what was written"
        self.at += 1

    def _clear_right(self) -> None:
        del self.cells[self.at :]

    def _home(self) -> None:
        self.cells.clear()
        self.at = 0


def words(text: str) -> Completion:
    """A completer that knows a few commands."""
    known = ("info", "infinite", "stop", "step", "file/")
    last = text.split(" ")[-1]
    return Completion([word for word in known if word.startswith(last)], len(last))


def typed(keys: bytes, editor: LineEditor | None = None) -> tuple[list[str], bytes]:
    """The lines that keys enter, and the bytes shown."""
    editor = editor or LineEditor(words)
    lines, out = [], b""
    for byte in keys:
        line = editor.feed(byte)
        if line is not None:
            lines.append(line)
            editor.show_prompt()
        out += editor.taken()
    return lines, out


@pytest.mark.parametrize(("keys", "lines"), [
    (b"abc\r", ["abc"]),
    (b"abc\n", ["abc"]),
    (b"abc\x7f\x08X\r", ["aX"]),
    (b"bc\x01a\x05d\r", ["abcd"]),
    (b"ac" + LEFT + b"b\r", ["abc"]),
    (b"ab" + LEFT * 5 + RIGHT * 9 + b"c\r", ["abc"]),
    (b"abc\x01\x04\r", ["bc"]),
    (b"abc\x01\x1b[3~\r", ["bc"]),
    (b"abc\x1b[1~X\x1b[4~Y\r", ["XabcY"]),
    (b"abc\x1bOHX\x1bOFY\r", ["XabcY"]),
    (b"abc\x02\x02\x06X\r", ["abXc"]),
    (b"abcd" + LEFT * 2 + b"\x0b\r", ["ab"]),
    (b"abcd" + LEFT * 2 + b"\x15\r", ["cd"]),
    (b"one two  \x17X\r", ["one X"]),
    (b" one\x17X\r", ["X"]),  # the first word takes what stands before it along
    (b"\x17\x7f\x04\x15\x0b\r", [""]),
    (b"one\rtwo\r" + UP + b"\r", ["one", "two", "two"]),
    (b"one\rtwo\r" + UP * 2 + b"!\r" + UP * 2 + b"\r", ["one", "two", "one!", "two"]),
    (b"one\rtwo\r" + UP * 9 + DOWN + b"\r", ["one", "two", "two"]),
    (b"one\r" + UP + DOWN + b"x\r", ["one", "x"]),
    (b"one\rtwo\r\x10\x10\x0e\r", ["one", "two", "two"]),
    (b"one\rtwo\rone\r" + UP * 2 + b"\r", ["one", "two", "one", "two"]),  # known lines move, are not doubled
    (b"one\r\r\r" + UP + b"\r", ["one", "", "", "one"]),
    (b"st\t\r", ["st"]),
    (b"sto\t\r", ["stop "]),
    (b"in\t\r", ["inf"]),
    (b"stop inf\to\t\r", ["stop info "]),
    (b"fi\tx\r", ["file/x"]),
    (b"zz\t\r", ["zz"]),
    (b"inX" + LEFT + b"\t\r", ["infX"]),
    (b"a\x00\x03\x07\x14b\r", ["ab"]),
    (b"a\x1bZb\x1b[Zc\x1b[9~d\r", ["abcd"]),
    (b"a\x9bDb\r", ["ba"]),
    ("ä€".encode() + b"\r", ["ä€"]),
    (b"\xff\r", ["\udcff"]),
])  # fmt: skip
def test_keys_make_lines(keys: bytes, lines: list[str]) -> None:
    assert typed(keys)[0] == lines


@pytest.mark.parametrize(("keys", "shown"), [
    (b"ab", b"a\x1b[K\x1b[Dab\x1b[K"),
    (b"ab" + LEFT, b"a\x1b[K\x1b[Dab\x1b[K\x1b[D"),
    (b"a\x0c", b"a\x1b[K\x1b[2J\x1b[1;1H(qemu) a\x1b[K"),
    (b"a\r", b"a\x1b[K\n(qemu) "),
    (b"st\t", b"s\x1b[K\x1b[Dst\x1b[K\nstep      stop      \n(qemu) st\x1b[K"),
    (b"", b""),
    (b"\x01\x05", b""),
])  # fmt: skip
def test_what_is_shown_byte_for_byte(keys: bytes, shown: bytes) -> None:
    assert typed(keys)[1] == shown


def test_many_words_stand_in_columns() -> None:
    names = [f"word{i:02}" + "x" * (i % 3) for i in range(20)]
    editor = LineEditor(lambda text: Completion(names, len(text)))
    _, out = typed(b"\t", editor)
    rows = out.split(b"\n")[1:-1]
    assert [len(row.split()) for row in rows] == [8, 8, 4]
    assert b" ".join(row.strip() for row in rows).split() == sorted(name.encode() for name in names)
    assert out.endswith(b"(qemu) word\x1b[K")


def test_a_line_and_a_history_have_limits() -> None:
    editor = LineEditor()
    for _ in range(MOST_BYTES + 100):
        assert editor.feed(ord("x")) is None
        editor.taken()  # each key shows the whole line again, as QEMU does
    assert editor.feed(ord("\r")) == "x" * MOST_BYTES
    editor.history.clear()
    typed(b"".join(b"line %d\r" % i for i in range(MOST_LINES + 5)), editor)
    assert editor.history == [f"line {i}" for i in range(5, MOST_LINES + 5)]


KEYS = (b"a", b"bc", b" ", b"\r", b"\x01", b"\x05", b"\x04", b"\x7f", b"\x0b", b"\x15", b"\x0c", UP, DOWN,
        LEFT, RIGHT, b"\x1b[3~")  # fmt: skip


class Model:
    """The same with a string and an index."""

    def __init__(self) -> None:
        self.line, self.at = "", 0
        self.history: list[str] = []
        self.browsing: int | None = None

    def put(self, line: str) -> None:
        self.line, self.at = line, len(line)

    def press(self, key: bytes) -> None:
        left, right = self.line[: self.at], self.line[self.at :]
        match key:
            case b"\r":
                if self.line:
                    self.history = [one for one in self.history if one != self.line] + [self.line]
                    self.history = self.history[-MOST_LINES:]
                    self.browsing = None
                self.put("")
            case b"\x01":
                self.at = 0
            case b"\x05":
                self.at = len(self.line)
            case b"\x04" | b"\x1b[3~":
                self.line = left + right[1:]
            case b"\x7f":
                self.line, self.at = left[:-1] + right, max(0, self.at - 1)
            case b"\x0b":
                self.line = left
            case b"\x15":
                self.line, self.at = right, 0
            case b"\x1b[D":
                self.at = max(0, self.at - 1)
            case b"\x1b[C":
                self.at = min(len(self.line), self.at + 1)
            case b"\x1b[A":
                index = (len(self.history) if self.browsing is None else self.browsing) - 1
                if index >= 0:
                    self.browsing = index
                    self.put(self.history[index])
            case b"\x1b[B":
                if self.browsing is not None and self.browsing + 1 < len(self.history):
                    self.browsing += 1
                    self.put(self.history[self.browsing])
                elif self.browsing is not None:
                    self.browsing = None
                    self.put("")
            case b"\x0c":
                pass
            case _:
                self.line = left + key.decode() + right
                self.at += len(key)


@pytest.mark.parametrize("seed", range(30))
def test_the_screen_shows_the_line_after_any_keys(seed: int) -> None:
    rng = random.Random(seed)
    editor, model, screen = LineEditor(), Model(), Screen()
    editor.show_prompt()
    screen.show(editor.taken())
    for n in range(400):
        key = rng.choice(KEYS)
        model.press(key)
        for byte in key:
            line = editor.feed(byte)
            screen.show(editor.taken())
            if line is not None:
                editor.show_prompt()
                screen.show(editor.taken())
        assert screen.cells == b"(qemu) " + model.line.encode(), f"seed {seed}, key {n}"
        assert screen.at == len("(qemu) ") + model.at, f"seed {seed}, key {n}"
    assert editor.history == model.history
