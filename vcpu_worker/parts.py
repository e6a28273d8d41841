"""What a hart's worker is given at its birth: everything it may touch, and nothing else.

The main loop makes this before it forks; mappings and descriptors keep their addresses and numbers in
the child. Descriptors that are not named here are closed by the child (DESIGN law 8).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ipc.doorbell import Bell
from ipc.segment import Control


class Engine(Protocol):
    """What a worker uses of `ipc.engine.Engine`; tests have one that follows a script."""

    @property
    def dispatch_address(self) -> int:
        """Host address of the handler table."""

    @property
    def stop_address(self) -> int:
        """Host address of the table whose every entry stops."""

    @property
    def tables_address(self) -> int:
        """Host address of the decode tables."""

    @property
    def run(self) -> Callable[[int], int]:
        """Run the hart whose slot is at a host address; gives an Exit."""

    def call(self, name: str, *args: int) -> int:
        """Call an exported native."""


@dataclass(frozen=True)
class Region:
    """Guest memory that compiled code reaches directly, and where it is mapped in every process."""

    gpa: int  # multiple of 4096
    size: int  # bytes, multiple of 4096
    flags: int  # layout.REGION_*
    host: int  # host address


@dataclass(frozen=True)
class Parts:
    """The parts of one worker. `parent` is the pid that must still be its parent."""

    hart: int
    parent: int
    gen: int  # the generation it acknowledges at birth
    control: Control
    engine: Engine
    regions: tuple[Region, ...]
    arena_bytes: int
    mailbox: socket.socket  # receiving end: anyone -> this hart
    up: socket.socket  # this hart -> main
    bell: Bell  # main -> this hart; blocking
    main_bell: Bell
    kick_fds: tuple[int, ...]  # sending ends of all mailboxes, by hart
    log_fd: int = -1  # where Exit.TRACE writes; -1: nowhere
    errors: bool = True  # whether standard error is kept: a daemon's children must let it go

    def fds(self) -> set[int]:
        """Descriptors the worker keeps, besides standard error."""
        own = {self.mailbox.fileno(), self.up.fileno(), self.bell.fileno(), self.main_bell.fileno()}
        return own | set(self.kick_fds) | ({self.log_fd} if self.log_fd > 2 else set())
