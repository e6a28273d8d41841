"""Print a generated page of the documentation: `emu docs options`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emu.errors import UserError
from emu.options.reference import reference_text

PAGES = {"options": reference_text}


def main(argv: Sequence[str]) -> int:
    """The page, on standard output. Errors: UserError."""
    if len(argv) != 1 or argv[0] not in PAGES:
        raise UserError(f"usage: emu docs {'|'.join(PAGES)}")
    sys.stdout.write(PAGES[argv[0]]())
    return 0
