"""Build the embedded guest: `python -m emu.guests.smp.build [OUT]`, by default over `smp.elf`.

The ELF is committed, so that nobody needs a cross compiler to boot; a test builds it again and
compares the bytes, which takes the very compiler named here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from emu.guests import bare
from emu.guests.errors import BuildError
from emu.report import Reporter

HERE = Path(__file__).parent
ELF = HERE / "smp.elf"
ZIGLANG = "0.17.1"
ENTRY = 0x8020_0000
SOURCES = ("start.S", "main.c", "fdt.c", "sbi.c", "console.c", "sync.c", "sv39.c", "compute.c")
# Without F and D: it boots before floating point does, and must not meet it by a compiler's whim.
MARCH = "rv64imac"
_FLAGS = ("-Os", "-Wall", "-Wextra", "-Werror")


def build(out: Path) -> Path:
    """Build to `out`. Raises BuildError with what the compiler said."""
    sources = [HERE / name for name in SOURCES]
    bare.link(bare.compile_command(MARCH, _FLAGS), sources, HERE / "smp.ld", out)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Build, and say what came out. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        out = build(Path(arguments[0]) if arguments else ELF)
    except BuildError as error:
        Reporter("smp").error(error)
        return 1
    print(f"{out}: {out.stat().st_size} bytes, ziglang {bare.compiler_version()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
