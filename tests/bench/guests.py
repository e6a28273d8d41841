"""The bare-metal guests of the bench: what they are built from, and the hashes that freeze them.

Rules
- one ELF for all engines, built by `emu.guests.bare`; the work is fixed in the source (ROUNDS), so that
  today's figure can be compared with last year's;
- once landed a kernel does not change: `frozen.json` holds the sha256 of every source, and a bench with
  other sources does not start (`--thaw` writes the new hashes, for all to see in the diff);
- the compiler's version and the ELF hashes are kept beside them: when only those differ, figures of the
  same run can still be compared with each other, so that is a warning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emu.guests import bare

KERNELS = Path(__file__).parent / "kernels"
FROZEN = Path(__file__).parent / "frozen.json"
_LIBRARY = ("start.S", "bench.c")


class ThawedError(Exception):
    """Sources differ from what was frozen. The text names them and the way out."""


@dataclass(frozen=True)
class Guest:
    """One ELF: `source` is a file in kernels/; `alone`: it brings its own entry."""

    name: str
    source: str
    defines: tuple[tuple[str, int], ...] = ()
    harts: int = 1
    alone: bool = field(default=False)

    def build(self, scale: int = 1, symbols: bool = False) -> Path:
        """The ELF (in the cache); `scale` divides its work. Raises emu.guests.errors.BuildError.

        symbols: its twin for profiles, equal in what is loaded.
        """
        names = (self.source,) if self.alone else (*_LIBRARY, self.source)
        defines = {} if self.alone else {**dict(self.defines), "HARTS": self.harts, "SCALE": scale}
        return bare.build([KERNELS / name for name in names], defines=defines, symbols=symbols)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source_hashes() -> dict[str, str]:
    """sha256 of every file the kernels are made of."""
    files = (path for path in sorted(KERNELS.iterdir()) if path.suffix in (".c", ".h", ".S"))
    return {path.name: _sha256(path) for path in files}


def read_frozen() -> dict[str, Any]:
    """frozen.json, or an empty one."""
    try:
        loaded = json.loads(FROZEN.read_text())
    except FileNotFoundError:
        loaded = {}
    return {"compiler": "", "sources": {}, "elfs": {}, **loaded}


def check_frozen() -> None:
    """The sources are the frozen ones. Raises ThawedError."""
    frozen, now = read_frozen()["sources"], source_hashes()
    changed = sorted(name for name in frozen.keys() | now.keys() if frozen.get(name) != now.get(name))
    if changed:
        raise ThawedError(
            f"kernels differ from frozen.json: {', '.join(changed)}; figures from before mean nothing "
            "any more. If that is meant, run once with --thaw"
        )


def elf_warnings(guests: Iterable[Guest]) -> list[str]:
    """What a compiler other than the frozen one made of the same sources: lines for the report."""
    frozen = read_frozen()
    other = [g.name for g in guests if frozen["elfs"].get(g.name) != _sha256(g.build())]
    if not other:
        return []
    how = f"built by ziglang {bare.compiler_version()} (frozen with {frozen['compiler'] or 'none'})"
    return [f"{how}, these are not the frozen ELFs, do not compare with earlier reports: {', '.join(other)}"]


def thaw(guests: Iterable[Guest]) -> None:
    """Freeze what is there now."""
    facts = {
        "compiler": bare.compiler_version(),
        "sources": source_hashes(),
        "elfs": {guest.name: _sha256(guest.build()) for guest in guests},
    }
    FROZEN.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
