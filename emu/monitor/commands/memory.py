"""Guest memory: how much there is, where it lies, and writing it to files.

Source: BEHAVIOUR 5.2; QEMU's QAPI and replies.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.errors import HostError, OptionError, UserError, strerror
from emu.monitor.commands.registry import qmp_command
from emu.monitor.types import U16, U64

if TYPE_CHECKING:
    from emu.backends.hostmem import MemoryBackend
    from emu.emulator import Emulator

CHUNK = 1 << 16


class HostMemPolicy(enum.Enum):
    """How the host's nodes are used; ours is always the host's own way."""

    DEFAULT = "default"


@dataclass(frozen=True)
class Memdev:
    """A memory back end."""

    id: str | None
    size: int
    merge: bool
    dump: bool
    prealloc: bool
    share: bool
    host_nodes: list[U16]
    policy: HostMemPolicy
    reserve: bool


@qmp_command("query-memdev", preconfig=True)
def query_memdev(_e: Emulator) -> list[Memdev]:
    """Those that users have made, the newest first."""
    from emu.backends.hostmem import MemoryBackend
    from emu.qom.object import container

    found = [one for one in container("/objects").children.values() if isinstance(one, MemoryBackend)]
    return [_memdev(one) for one in reversed(found)]


def _memdev(one: MemoryBackend) -> Memdev:
    return Memdev(
        one.name_in_parent, one.size, merge=True, dump=True, prealloc=one.prealloc, share=one.share,
        host_nodes=[], policy=HostMemPolicy.DEFAULT, reserve=True,
    )  # fmt: skip


@dataclass(frozen=True)
class MemoryInfo:
    """Bytes. plugged: while it ran; no board here can."""

    base_memory: int
    plugged_memory: int | None = None


@qmp_command("query-memory-size-summary")
def query_memory_size_summary(e: Emulator) -> MemoryInfo:
    """Of guest RAM."""
    return MemoryInfo(e.machine.ram.size)


def _save(path: str, at: int, size: int, read: Callable[[int, int], bytes]) -> None:
    """Write memory to a file, piece by piece: only the host's disk limits the size. Errors: UserError."""
    try:
        with open(path, "wb", buffering=0) as file:
            end = at + size
            while at < end:
                data = read(at, min(CHUNK, end - at))
                file.write(data)
                at += len(data)
    except OSError as error:
        raise HostError(f"Could not open '{path}': {strerror(error)}") from error


@qmp_command("pmemsave")
def pmemsave(e: Emulator, val: U64, size: U64, filename: str) -> None:
    """Physical memory from `val` on. Errors: UserError."""
    from emu.bus import bus_read

    vm = e.vm
    assert vm is not None
    _save(filename, val, size, lambda gpa, length: bus_read(vm, gpa, length))


@qmp_command("memsave")
def memsave(e: Emulator, val: U64, size: U64, filename: str, cpu_index: int = 0) -> None:
    """Memory as a hart sees it now. Errors: UserError."""
    from emu.workers.hart_state import HartState

    vm = e.vm
    assert vm is not None
    if not 0 <= cpu_index < len(vm.slots):
        raise OptionError("Parameter 'cpu-index' expects a CPU number")
    hart = HartState(vm, cpu_index)

    def read(gva: int, length: int) -> bytes:
        data = hart.read(gva, length)
        if data is None:
            raise UserError(f"Invalid addr {gva & (1 << 64) - 1:#018x}/size {size} specified")
        return data

    _save(filename, val, size, read)
