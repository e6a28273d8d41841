"""Kinds of arguments of HMP commands: how each is read from the line, and what is said when it cannot be.

    @hmp_command("pmemsave", ..., args=(Int("val"), Int("size"), Word("filename", FILE)))

Each kind takes its part of the line; the function gets the values by name. One that may be missing is not
passed, so that the function's default holds.
Source: texts of QEMU 10.0.13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.monitor.hmp_expression import Registers, evaluate, signed
from emu.monitor.hmp_line import SPACE, Line, LineFault, NoWord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emu.monitor.hmp_formats import Formats

MISSING = object()  # the argument is not there
WHAT = {"string": "string", "file": "filename", "block": "block device name"}


@dataclass
class Reading:
    """What arguments are read with: the command's name for complaints, registers, formats last used."""

    command: str
    register: Registers
    formats: Formats


@dataclass(frozen=True)
class Argument:
    """An argument called `name`. optional: it may be missing."""

    name: str
    optional: bool = False

    def read(self, line: Line, reading: Reading) -> object:
        """Its value, or MISSING. Errors: LineFault."""
        raise NotImplementedError


@dataclass(frozen=True)
class Word(Argument):
    """A word, in double quotes or not. kind: string, file, block: what completion offers, faults say."""

    kind: str = "string"

    def read(self, line: Line, reading: Reading) -> object:
        """As `Argument`."""
        line.skip_blanks()
        if self.optional and line.ended:
            return MISSING
        try:
            return line.word()
        except NoWord as fault:
            raise LineFault(f"{fault.text}{reading.command}: {WHAT[self.kind]} expected\n") from None


@dataclass(frozen=True)
class Options(Argument):
    """A word `driver,name=value,...`, perhaps none, as a set of options of -device."""

    def read(self, line: Line, reading: Reading) -> object:
        """A QemuOpts."""
        from emu.core.ids import ID_EXPECTED, ID_HINT, id_wellformed
        from emu.errors import OptionError
        from emu.options import groups
        from emu.options.qemuopts import QemuOpts, opts_parse_id

        line.skip_blanks()
        text = "" if line.ended else Word(self.name).read(line, reading)
        assert isinstance(text, str)
        opts = QemuOpts(groups.DEVICE, opts_parse_id(text))
        if opts.id is not None and not id_wellformed(opts.id):
            raise LineFault(f"{ID_EXPECTED.format('id')}\n{ID_HINT}\n")
        try:
            opts.do_parse(text, "driver")
        except OptionError as error:
            raise LineFault(f"{error.text}\n") from None
        return opts


@dataclass(frozen=True)
class Rest(Argument):
    """All that is left, blanks included."""

    def read(self, line: Line, reading: Reading) -> object:
        """As `Argument`."""
        line.skip_blanks()
        if line.ended:
            if self.optional:
                return MISSING
            raise LineFault(f"{reading.command}: string expected\n")
        rest, line.at = line.rest, len(line.text)
        return rest


@dataclass(frozen=True)
class Int(Argument):
    """An expression of 64 bits. bits=32: no more than that."""

    bits: int = 64

    def read(self, line: Line, reading: Reading) -> object:
        """As `Argument`; signed."""
        line.skip_blanks()
        if self.optional and line.ended:
            return MISSING
        value = evaluate(line, reading.register)
        if self.bits == 32 and value >> 32:
            raise LineFault(f"'{reading.command}' has failed: integer is for 32-bit values\n")
        return signed(value)


@dataclass(frozen=True)
class Switch(Argument):
    """on or off."""

    def read(self, line: Line, reading: Reading) -> object:
        """As `Argument`."""
        line.skip_blanks()
        if self.optional and line.ended:
            return MISSING
        word = line.plain_word()
        if word not in ("on", "off"):
            raise LineFault("Expected 'on' or 'off'\n")
        return word == "on"


@dataclass(frozen=True)
class Flag(Argument):
    """An option of one letter: `-f`. others: letters of the command's flags that come later."""

    optional: bool = True
    others: str = ""

    def read(self, line: Line, reading: Reading) -> object:
        """True, or MISSING."""
        line.skip_blanks()
        if line.peek != "-":
            return MISSING
        letter = line.text[line.at + 1 : line.at + 2]
        if letter != self.name:
            if letter and letter in self.others:
                return MISSING
            raise LineFault(f"{reading.command}: unsupported option -{letter}\n")
        line.at += 2
        return True


@dataclass(frozen=True)
class Fmt(Argument):
    """/NNfs: how many, in which format, of what size. The last used ones hold where it says nothing."""

    def read(self, line: Line, reading: Reading) -> object:
        """A Format."""
        line.skip_blanks()
        if line.peek != "/":
            return reading.formats.last()
        line.at += 1
        digits = line.at
        while line.peek and line.peek in "0123456789":
            line.at += 1
        count = int(line.text[digits : line.at]) if line.at > digits else 1
        format = size = ""
        while (char := line.peek) and char in "oduxicbhwgL":
            if char in "bhwgL":
                size = char
            else:
                format = char
            line.at += 1
        if line.peek and line.peek not in SPACE:
            raise LineFault(f"invalid char in format: '{line.peek}'\n")
        return reading.formats.choose(count, format, size)


def read_all(args: tuple[Argument, ...], line: Line, reading: Reading) -> Mapping[str, object]:
    """Values by name; what is missing is not there. Errors: LineFault."""
    values: dict[str, object] = {}
    for arg in args:
        value = arg.read(line, reading)
        if value is not MISSING:
            values[arg.name] = value
    line.skip_blanks()
    if not line.ended:
        raise LineFault(f"{reading.command}: extraneous characters at the end of line\n")
    return values
