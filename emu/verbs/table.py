"""Which verbs there are, and how one is run."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from emu import verbs

PLANNED = ("campaign", "trace", "top")


def names() -> list[str]:
    """All verbs of this build."""
    return sorted(m.name for m in pkgutil.iter_modules(verbs.__path__) if m.name != "table")


def is_verb(word: str) -> bool:
    """Whether `word` is a verb of this build, or of a later one."""
    return word in PLANNED or word in names()


def run(word: str, argv: Sequence[str]) -> int:
    """Run the verb; its exit status. Errors: emu.errors.UserError."""
    if word in PLANNED:
        from emu.errors import UserError

        raise UserError(f"{word}: not in this build (there are: {', '.join(names())})")
    status: int = importlib.import_module(f"{verbs.__name__}.{word}").main(list(argv))
    return status
