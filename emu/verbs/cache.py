"""Show or empty the cache of engines: `emu cache [list|clear]`. Guests are `emu fetch`'s."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from emu.errors import UserError
from ipc.engine import cache_dir, digest

_IR = "ir"  # compiled parts, kept by content


def _engines() -> list[Path]:
    found = cache_dir().glob("*/engine.blob")
    return sorted((p.parent for p in found), key=lambda p: p.stat().st_mtime)


def _size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def main(argv: Sequence[str]) -> int:
    """`list` (the default): a line an engine. `clear`: remove all of them."""
    what = argv[0] if argv else "list"
    if what not in ("list", "clear") or len(argv) > 1:
        raise UserError("usage: emu cache [list|clear]")
    current = digest()
    for path in [*_engines(), *cache_dir().glob(_IR)]:
        size = f"{_size(path) / 1024:.0f} KiB"
        if what == "clear":
            shutil.rmtree(path)
        note = " (of these sources)" if path.name == current else ""
        sys.stdout.write(f"{'removed ' if what == 'clear' else ''}{path}  {size}{note}\n")
    return 0
