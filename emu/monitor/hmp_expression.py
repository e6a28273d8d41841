"""Expressions of HMP: numbers as C writes them, + - | & ^ * / % ~ ( ), 'c', and registers as $name.

    expr_sum = expr_logic {(+|-) expr_logic}    expr_logic = expr_prod {(&|'|'|^) expr_prod}
    expr_prod = expr_unary {(*|/|%) expr_unary}

Values are 64-bit and signed, as in C. The unusual binding (& before +) is QEMU's.
Source: answers of QEMU 10.0.13 to `print`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from emu.monitor.hmp_line import Line, LineFault

Registers = Callable[[str], int | None]
_MASK = (1 << 64) - 1
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "*": operator.mul,
}  # fmt: skip


def signed(value: int) -> int:
    """The low 64 bits as a signed number."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def evaluate(line: Line, register: Registers) -> int:
    """Read an expression: its value, signed, and `line` stands behind it. Errors: LineFault."""
    line.skip_blanks()
    return _Reader(line, register).sum()


class _Reader:
    """Recursive descent over `line`."""

    def __init__(self, line: Line, register: Registers) -> None:
        self._line = line
        self._register = register

    def sum(self) -> int:
        return self._chain("+-", lambda: self._chain("&|^", lambda: self._chain("*/%", self._unary)))

    def _chain(self, operators: str, operand: Callable[[], int]) -> int:
        value = operand()
        while (op := self._line.peek) and op in operators:
            self._next()
            value = signed(self._apply(op, value, operand()))
        return value

    def _apply(self, op: str, left: int, right: int) -> int:
        if op not in "/%":
            return _OPERATORS[op](left, right)
        if right == 0:
            raise LineFault("division by zero\n")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if op == "/" else left - quotient * right

    def _next(self) -> None:
        self._line.at += 1
        self._line.skip_blanks()

    def _unary(self) -> int:
        char = self._line.peek
        if not char:
            raise LineFault("unexpected end of expression\n")
        if char in "+-~":
            self._next()
            value = self._unary()
            return {"+": value, "-": signed(-value), "~": ~value}[char]
        if char == "(":
            self._next()
            value = self.sum()
            if self._line.peek != ")":
                raise LineFault("')' expected\n")
            self._next()
            return value
        if char == "'":
            return self._character()
        if char == "$":
            return self._named()
        return self._number()

    def _character(self) -> int:
        line = self._line
        line.at += 1
        if line.ended:
            raise LineFault("character constant expected\n")
        value = ord(line.peek)
        line.at += 1
        if line.peek != "'":
            raise LineFault("missing terminating ' character\n")
        self._next()
        return value

    def _named(self) -> int:
        line = self._line
        line.at += 1
        start = line.at
        while (char := line.peek) and ((char.isascii() and char.isalnum()) or char in "_.:"):
            line.at += 1
        value = self._register(line.text[start : line.at])
        line.skip_blanks()
        if value is None:
            raise LineFault("unknown register\n")
        return signed(value)

    def _number(self) -> int:
        line = self._line
        m = _NUMBER.match(line.text, line.at)
        if m is None:
            raise LineFault(f"invalid char '{line.peek}' in expression\n")
        value = int(m[0], 8 if m[0].startswith("0") and m[0][1:2] not in ("x", "X") else 0)
        if value > _MASK:
            raise LineFault("number too large\n")
        line.at = m.end()
        line.skip_blanks()
        return signed(value)
