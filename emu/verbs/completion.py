"""Print the completion of this command for a shell: `eval "$(emu completion bash)"`, or zsh."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emu.errors import UserError
from emu.options.completion import SHELLS, completion_script
from emu.verbs.table import names


def main(argv: Sequence[str]) -> int:
    """The script, on standard output. Errors: UserError."""
    if len(argv) != 1 or argv[0] not in SHELLS:
        raise UserError(f"usage: emu completion {'|'.join(SHELLS)}")
    sys.stdout.write(completion_script(argv[0], names()))
    return 0
