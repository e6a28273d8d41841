"""Build the program: `python -m emu.guests.rtcalarm.build [OUT]`, by default over `rtcalarm.elf`.

The ELF is committed for the same reason as the embedded guest's (`emu.guests.smp.build`), and a test builds
it again and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from emu.guests import bare
from emu.guests.errors import BuildError
from emu.report import Reporter

HERE = Path(__file__).parent
ELF = HERE / "rtcalarm.elf"
ZIGLANG = "0.17.1"
# Linux maps segments of files in pages
_FLAGS = ("-Os", "-Wall", "-Wextra", "-Werror", "-Wl,-z,max-page-size=4096")


def build(out: Path) -> Path:
    """Build to `out`. Raises BuildError with what the compiler said."""
    bare.link(bare.compile_command("rv64imac", _FLAGS), [HERE / "rtcalarm.c"], HERE / "rtcalarm.ld", out)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Build, and say what came out. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        out = build(Path(arguments[0]) if arguments else ELF)
    except BuildError as error:
        Reporter("rtcalarm").error(error)
        return 1
    print(f"{out}: {out.stat().st_size} bytes, ziglang {bare.compiler_version()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
