"""Names of guest addresses: from the symbol table of an ELF file, or from a System.map.

Source: ELF specification, "Symbol Table"; Linux's System.map is `address type name`, a line each.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

MAGIC = b"\x7fELF"
FAR = 1 << 20  # bytes: what lies further behind a symbol is not its code


class Symbols:
    """Symbols by address; none known at first."""

    def __init__(self, found: dict[int, str] | None = None) -> None:
        self._at = sorted((found or {}).items())
        self._addresses = [address for address, _ in self._at]

    @classmethod
    def read(cls, path: Path) -> Symbols:
        """Of a file; none if it has none. Errors: OSError."""
        with path.open("rb") as file:
            head = file.read(4)
        if head == MAGIC:
            return cls(_of_elf(path))
        return cls(_of_map(path.read_text(errors="replace")))

    def name(self, address: int) -> str:
        """`symbol+0x12`, "" if nothing near is known."""
        at = bisect_right(self._addresses, address) - 1
        if at < 0 or address - self._addresses[at] > FAR:
            return ""
        offset = address - self._addresses[at]
        return f"{self._at[at][1]}+{offset:#x}" if offset else self._at[at][1]


def _of_elf(path: Path) -> dict[int, str]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    found: dict[int, str] = {}
    try:
        with path.open("rb") as file:
            for section in ELFFile(file).iter_sections():
                if isinstance(section, SymbolTableSection):
                    for symbol in section.iter_symbols():
                        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_value"]:
                            found[symbol["st_value"]] = symbol.name
    except ELFError:
        return {}
    return found


def _of_map(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1].lower() in "tw":
            try:
                found[int(words[0], 16)] = words[2]
            except ValueError:
                return {}
    return found
