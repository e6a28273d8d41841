"""Phases 10 to 14 of the start: objects, the machine's properties, the accelerator, memory and CPU model.

Source: BEHAVIOUR 3.3.
"""

from __future__ import annotations

from emu.core.qdict import QValue
from emu.emulator import Emulator
from emu.errors import Leave, OptionError, UserError
from emu.options.visitor import STRING


def qemu_create_objects(e: Emulator, late: bool) -> None:
    """-object, of the types made early or late."""
    from emu.qom.creatable import object_add, type_of

    for said in e.settings.objects:
        if getattr(type_of(said.values).cls, "late", False) is late:
            # QEMU has left the option's words behind by then
            object_add(said.values, said.visitor)


def qemu_apply_machine_options(e: Emulator) -> None:
    """-machine's properties, -m, -smp: each alone."""
    from emu.options.keyval import dashify

    machine = e.machine
    properties: dict[str, QValue] = {**dashify(e.settings.machine)}  # type: ignore[dict-item]
    for key in ("type", "accel"):
        properties.pop(key, None)
    if e.settings.memory_size is not None:
        machine.said_ram = machine.read_ram(_memory_text(e.settings.memory_size))
    for key, value in properties.items():
        prop = machine.find_property(key)
        if isinstance(value, dict) and prop is not None and key not in ("smp", "memory"):
            raise OptionError(f"Parameters '{key}.*' are unexpected")
        machine.set_property(key, value, STRING)


def _memory_text(said: str) -> str:
    """The size of -m; a bare number is in MiB."""
    if not said:
        raise OptionError("missing 'size' option value")
    return said + "M" if said[-1] in "0123456789" else said


def configure_accelerators(e: Emulator) -> None:
    """The accelerator: the first of -accel or of -machine accel= that there is."""
    from emu.accel.accel import SUFFIX, Accel
    from emu.qom.types import type_by_name

    s = e.settings
    by_machine = s.machine_text("accel")
    if by_machine is not None and s.accels:
        raise OptionError('The -accel and "-machine accel=" options are incompatible')
    names = by_machine.split(":") if by_machine is not None else ["tcg"]
    wanted: list[tuple[str, dict[str, str], tuple[str, ...]]] = [(name, {}, ()) for name in names]
    if s.accels:
        wanted = [(said.opts.get("accel", ""), said.opts.to_qdict(), said.where) for said in s.accels]
    for name, values, where in wanted:
        found = type_by_name(name + SUFFIX)
        if found is None or found.abstract or not issubclass(found.cls, Accel):
            e.reporter.error(OptionError(f"invalid accelerator {name}", where=where))
            continue
        accel = found.cls()
        try:
            for key, value in values.items():
                if key not in ("accel", "id"):
                    accel.set_property(key, value, STRING)
        except UserError as error:
            raise error.at(where) from None
        e.accel = accel
        return
    raise Leave("", 1)


def qemu_resolve_machine_memdev_and_cpu(e: Emulator) -> None:
    """-cpu; then what the machine's properties come to together."""
    if e.settings.cpu is not None:
        from emu.hw.riscv.cpu import parse_cpu

        e.machine.cpu_type = parse_cpu(e.settings.cpu)
    e.machine.check()
