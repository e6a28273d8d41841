"""`python -m tests.bench`: what `make bench` runs."""

import os
import sys

from tests.bench.run import main

if __name__ == "__main__":
    # set in many development shells; without it Python keeps compiled modules, as for every user
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main())
