"""The line editor of a monitor for people: bytes typed go in, bytes to show come out, now and then a line.

    editor = LineEditor(complete); editor.show_prompt()
    for byte in typed: line = editor.feed(byte); screen(editor.taken())

Rules
- no input or output of its own, no clock, no terminal: it works on a pty, a pipe, a socket or a place on a
  mux alike, one byte at a time;
- what it shows, byte for byte, is what QEMU shows (tests replay the same keys on the reference): a line that
  changed is written again behind as many steps to the left as the cursor stood to the right;
- bytes are not decoded: a character of several bytes is as many keys, as in QEMU.
Keys: arrows, Home, End, Delete; Ctrl-A -B -D -E -F -H -K -L -N -P -U -W; Tab; Enter.
Source: the screens of QEMU 10.0.13. See emu/README.md, "Decisions", for why this is no library.
"""

from __future__ import annotations

import enum
import os.path
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROMPT = "(qemu) "
MOST_BYTES = 4095  # of a line
MOST_LINES = 64  # of history
MOST_COMPLETIONS = 256
SCREEN_COLUMNS = 80
LEFT, RIGHT, CLEAR_RIGHT, CLEAR_SCREEN = b"\x1b[D", b"\x1b[C", b"\x1b[K", b"\x1b[2J\x1b[1;1H"
SPACE = b" \t\n\v\f\r"


@dataclass(frozen=True)
class Completion:
    """How the word before the cursor may go on: whole words, and how much of them has been typed."""

    words: Sequence[str]
    typed: int  # bytes


Completer = Callable[[str], Completion]


def no_completion(_line: str) -> Completion:
    """A line that nothing is known of."""
    return Completion((), 0)


class _In(enum.Enum):
    """Which part of a key's sequence has come."""

    NOTHING = ""
    ESCAPE = "ESC"
    CSI = "ESC ["
    SS3 = "ESC O"


class LineEditor:
    """One line, its history, and what has to be shown. complete(text before the cursor) -> Completion."""

    def __init__(self, complete: Completer = no_completion, prompt: str = PROMPT) -> None:
        self.prompt = prompt
        self.history: list[str] = []
        self._complete = complete
        self._line = bytearray()
        self._at = 0  # the cursor, bytes
        self._shown = b""  # the line as it stands on the screen
        self._shown_at = 0
        self._browsing = -1  # index into history, -1: a line of its own
        self._in = _In.NOTHING
        self._parameter = 0
        self._out = bytearray()
        self._keys: dict[int, Callable[[], object]] = {
            0x01: self._begin, 0x02: self._left, 0x04: self._delete, 0x05: self._end, 0x06: self._right,
            0x08: self._backspace, 0x09: self._tab, 0x0B: self._kill_right, 0x0C: self._clear_screen,
            0x0E: self._newer, 0x10: self._older, 0x15: self._kill_left, 0x17: self._kill_word,
            0x7F: self._backspace,
        }  # fmt: skip
        self._sequences: dict[tuple[_In, int], Callable[[], object]] = {
            (_In.CSI, ord("A")): self._older, (_In.CSI, ord("F")): self._older,
            (_In.CSI, ord("B")): self._newer, (_In.CSI, ord("E")): self._newer,
            (_In.CSI, ord("C")): self._right, (_In.CSI, ord("D")): self._left,
            (_In.SS3, ord("H")): self._begin, (_In.SS3, ord("F")): self._end,
        }  # fmt: skip
        self._numbered = {1: self._begin, 3: self._delete, 4: self._end}

    # -- for the one who reads and shows

    def feed(self, byte: int) -> str | None:
        """One byte typed. The line, if this byte ended it."""
        if self._in is not _In.NOTHING:
            self._sequence(byte)
        elif byte in (0x0A, 0x0D):
            return self._enter()
        elif byte == 0x1B:
            self._in = _In.ESCAPE
        elif byte == 0x9B:
            self._in, self._parameter = _In.CSI, 0
        elif byte in self._keys:
            self._keys[byte]()
        elif byte >= 0x20:
            self._insert(bytes((byte,)))
        self._update()
        return None

    def taken(self) -> bytes:
        """What has to be shown since the last call; line ends are single newlines."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def show_prompt(self) -> None:
        """A line begins, or goes on after something else was shown."""
        self._out += self.prompt.encode()
        self._shown, self._shown_at = b"", 0
        self._in = _In.NOTHING

    def restart(self) -> None:
        """Forget the line that is being typed."""
        self._line.clear()
        self._at = 0

    # -- keys

    def _sequence(self, byte: int) -> None:
        came, self._in = self._in, _In.NOTHING
        if came is _In.ESCAPE:
            if byte == ord("["):
                self._in, self._parameter = _In.CSI, 0
            elif byte == ord("O"):
                self._in = _In.SS3
        elif came is _In.CSI and byte in b"0123456789":
            self._in = came
            self._parameter = (self._parameter * 10 + byte - ord("0")) & 0xFFFF_FFFF
        elif came is _In.CSI and byte == ord("~"):
            if self._parameter in self._numbered:
                self._numbered[self._parameter]()
        elif (came, byte) in self._sequences:
            self._sequences[came, byte]()

    def _enter(self) -> str:
        line = self._line.decode("utf-8", "surrogateescape")
        self._remember(line)
        self._out += b"\n"
        self.restart()
        self._shown, self._shown_at = b"", 0
        return line

    def _insert(self, data: bytes) -> None:
        for byte in data[: MOST_BYTES - len(self._line)]:
            self._line.insert(self._at, byte)
            self._at += 1

    def _begin(self) -> None:
        self._at = 0

    def _end(self) -> None:
        self._at = len(self._line)

    def _left(self) -> None:
        self._at = max(0, self._at - 1)

    def _right(self) -> None:
        self._at = min(len(self._line), self._at + 1)

    def _delete(self) -> None:
        del self._line[self._at : self._at + 1]

    def _backspace(self) -> None:
        if self._at:
            self._left()
            self._delete()

    def _kill_right(self) -> None:
        del self._line[self._at :]

    def _kill_left(self) -> None:
        del self._line[: self._at]
        self._at = 0

    def _kill_word(self) -> None:
        """The word before the cursor, the blanks behind it, and those before it if it is the first."""
        start = max(0, self._at - 1)
        while start > 0 and self._line[start] in SPACE:
            start -= 1
        while start > 0 and self._line[start] not in SPACE:
            start -= 1
        start += start > 0
        del self._line[start : self._at]
        self._at = start

    def _clear_screen(self) -> None:
        self._out += CLEAR_SCREEN
        self.show_prompt()

    # -- history

    def _remember(self, line: str) -> None:
        """The newest comes last; one that is there already moves. An empty line leaves it all as it is."""
        if not line:
            return
        self._browsing = -1
        if line in self.history:
            self.history.remove(line)
        self.history.append(line)
        del self.history[:-MOST_LINES]

    def _show_history(self) -> None:
        self._line[:] = self.history[self._browsing].encode("utf-8", "surrogateescape")
        self._end()

    def _older(self) -> None:
        if self._browsing == 0 or not self.history:
            return
        self._browsing = (len(self.history) if self._browsing < 0 else self._browsing) - 1
        self._show_history()

    def _newer(self) -> None:
        if self._browsing < 0:
            return
        self._browsing += 1
        if self._browsing < len(self.history):
            self._show_history()
        else:
            self._browsing = -1
            self.restart()

    # -- completion

    def _tab(self) -> None:
        found = self._complete(self._line[: self._at].decode("utf-8", "surrogateescape"))
        words = list(dict.fromkeys(found.words))[:MOST_COMPLETIONS]
        if not words:
            return
        if len(words) > 1:
            self._out += b"\n"
        words.sort(key=lambda word: word.encode("utf-8", "surrogateescape"))
        same = os.path.commonprefix(words)  # noqa: RUF071  # of texts, as is meant
        self._insert(same.encode("utf-8", "surrogateescape")[found.typed :])
        if len(words) > 1:
            self._list(words)
            self.show_prompt()
        elif not words[0].endswith("/"):
            self._insert(b" ")

    def _list(self, words: list[str]) -> None:
        """In columns, filled row by row."""
        width = min(max(max(map(len, words)) + 2, 10), SCREEN_COLUMNS)
        columns = SCREEN_COLUMNS // width
        for first in range(0, len(words), columns):
            row = "".join(f"{word:<{width}}" for word in words[first : first + columns])
            self._out += row.encode("utf-8", "surrogateescape") + b"\n"

    # -- the screen

    def _update(self) -> None:
        """Make the screen show the line, with the cursor at its place."""
        line = bytes(self._line)
        if line != self._shown:
            self._out += LEFT * self._shown_at + line + CLEAR_RIGHT
            self._shown, self._shown_at = line, len(line)
        steps = self._at - self._shown_at
        self._out += RIGHT * steps if steps > 0 else LEFT * -steps
        self._shown_at = self._at
