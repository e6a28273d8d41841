"""What a reset must bring back, as digests by name: two of a machine after a reset are equal.

    hart N      registers, privilege and CSRs            a device's path   its registers and timers
    interrupts  PLIC words of all harts                  rom NAME          RAM where something was loaded

Rules
- a device's state is what stands in its object as numbers, bytes and lists of them; what is to live on (a
  calendar that the guest has set) its class names in `kept_over_reset`;
- counters, caches and the control words of harts are no state of the machine; the seed for random numbers
  in the device tree is new at each reset, and left out.
Units: SHA-256, the first 16 hexadecimal digits.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from emu.core.fdt import FdtError, parse
from emu.loop.timers import Timer
from emu.qom.device import Device

if TYPE_CHECKING:
    from emu.core.rom import Rom
    from emu.vm import Vm
    from ipc.layout import View

# Of the slot's architectural part: how an engine works, not what a guest can see
_ENGINE_WORDS = frozenset({
    "event", "fs_off", "rec", "pcb", "bud", "instret_base", "minstret_delta", "mcycle_delta", "dctx", "fctx",
    "fault", "trap_cause", "trap_tval", "npc", "lr_value", "lr_width",
})  # fmt: skip
_FIRST, _LAST = "x", "lr_addr"  # the architectural part
_INTERRUPT_WORDS = ("msip", "mtimecmp", "hsm_state", "sbi_wait")
_REGISTERS = 32  # x[32] takes writes to x0
_DIGITS = 16


def reset_digest(vm: Vm) -> dict[str, str]:
    """The digests of a machine whose harts are stopped, in a fixed order."""
    return {name: hashlib.sha256(data).hexdigest()[:_DIGITS] for name, data in reset_state(vm)}


def reset_state(vm: Vm) -> Iterator[tuple[str, bytes]]:
    """What is digested, for who wants to see what differs."""
    for i, slot in enumerate(vm.slots):
        yield f"hart {i}", _hart(slot)
    if vm.header is not None:
        yield "interrupts", b"".join(bytes(vm.header.bytes(f"plic_{name}")) for name in (
            "priority", "pending", "claimed", "level", "enable", "threshold"))  # fmt: skip
    assert vm.machine is not None
    for obj in vm.machine.walk():
        if isinstance(obj, Device):
            yield obj.canonical_path, _device(obj)
    for rom in vm.machine.rom_blobs():
        yield f"rom {rom.name} at {rom.gpa:#x}", _loaded(vm, rom)


def architectural_words() -> list[tuple[str, int]]:
    """Name and number of elements of each field of a slot that a guest could see."""
    from ipc.layout import HART

    names = list(HART.fields)
    part = names[names.index(_FIRST) : names.index(_LAST) + 1]
    counts = {name: HART.fields[name].field.count for name in part if name not in _ENGINE_WORDS}
    return list({**counts, "x": _REGISTERS}.items())


def _hart(slot: View) -> bytes:
    words = [*architectural_words(), *((name, 1) for name in _INTERRUPT_WORDS)]
    return "".join(f"{name} {[slot.get(name, i) for i in range(count)]}\n" for name, count in words).encode()


def _device(device: Device) -> bytes:
    kept = type(device).kept_over_reset
    return "".join(
        f"{name} {state}\n"
        for name, value in sorted(vars(device).items())
        if name not in kept and (state := _plain(value)) is not None
    ).encode()


def _plain(value: object) -> object:
    """A value if it is state, None if it is a part that the device works with."""
    if isinstance(value, Timer):
        return f"timer at {value.expiry_ns}" if value.pending else "timer"
    if isinstance(value, bool | int | bytes | str):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, list | tuple | deque):
        items = [_plain(item) for item in value]
        return None if None in items else items
    return None


def _loaded(vm: Vm, rom: Rom) -> bytes:
    data = vm.memory.read(rom.gpa, len(rom.data))
    if rom.name != "fdt":
        return data
    try:
        tree = parse(data)
    except FdtError:
        return data
    chosen = tree.root.find("chosen")
    if chosen is not None:
        chosen.properties.pop("rng-seed", None)
    return tree.pack()
