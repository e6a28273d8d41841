"""The command line: option table, parsers of option values, and the record of what was said.

Light on purpose: this package imports nothing of the machine (`emu -h` must not).
"""

from emu.options.command_line import parse
from emu.options.settings import Settings

__all__ = ["Settings", "parse"]
