"""Fetched guests for tests: skipped with the reason where there is no network, a failure in CI."""

from __future__ import annotations

import os

import pytest

from emu.guests import GuestMissing, guest


def need(name: str) -> str:
    """Path of a guest (see emu.guests.guest). Skips, or fails when CI=true, if it was not fetched."""
    try:
        return str(guest(name))
    except GuestMissing as e:
        if os.environ.get("CI") == "true":
            pytest.fail(f"guest {name} is missing in CI: {e}")
        pytest.skip(f"guest {name} is not on this machine: {e}")
