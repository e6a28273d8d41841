"""`python -m emu`: the same as the `emu` command."""

import sys

from emu.main import main

if __name__ == "__main__":
    sys.exit(main())
