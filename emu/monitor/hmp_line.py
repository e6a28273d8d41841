"""The text of an HMP command: a line and how far it has been read.

Source: texts of QEMU 10.0.13.
"""

from __future__ import annotations

from dataclasses import dataclass

SPACE = " \t\n\v\f\r"
_ESCAPES = {"n": "\n", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


class LineFault(Exception):
    """The line is wrong. text: lines to show, each with its newline; may be empty."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class NoWord(Exception):
    """There is no word any more. text: why, if it is not the end of the line."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.text = text


@dataclass
class Line:
    """`text`, read as far as `at`."""

    text: str
    at: int = 0

    @property
    def peek(self) -> str:
        """The next character, "" at the end."""
        return self.text[self.at : self.at + 1]

    @property
    def rest(self) -> str:
        """What has not been read."""
        return self.text[self.at :]

    @property
    def ended(self) -> bool:
        """Whether all was read."""
        return self.at >= len(self.text)

    def skip_blanks(self) -> None:
        """On to the next character that is none, or the end."""
        while not self.ended and self.text[self.at] in SPACE:
            self.at += 1

    def plain_word(self, also: str = "") -> str:
        """Characters up to a blank (or one of `also`); may be none."""
        start = self.at
        while not self.ended and self.text[self.at] not in SPACE + also:
            self.at += 1
        return self.text[start : self.at]

    def word(self) -> str:
        """A word, plain or in double quotes, in which \\ escapes. Errors: NoWord."""
        self.skip_blanks()
        if self.ended:
            raise NoWord
        if self.peek != '"':
            return self.plain_word()
        self.at += 1
        out = ""
        while not self.ended and self.peek != '"':
            char = self.peek
            self.at += 1
            if char == "\\":
                char = self.peek
                self.at += 1
                if char not in _ESCAPES:
                    raise NoWord(f"unsupported escape code: '\\{char}'\n")
                char = _ESCAPES[char]
            out += char
        if self.ended:
            raise NoWord("unterminated string\n")
        self.at += 1
        return out
