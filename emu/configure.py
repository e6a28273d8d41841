"""Phases 10 to 14 of the start: objects, the machine's properties, the accelerator, memory and CPU model.

Source: BEHAVIOUR 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from emu.core.qdict import QValue
from emu.emulator import Emulator
from emu.errors import Leave, OptionError, UserError
from emu.options.config_groups import qemu_find_opts
from emu.options.keyval import dashify, merge
from emu.options.visitor import JSON, STRING

if TYPE_CHECKING:
    from emu.options.settings import Settings
    from emu.qom.object import Object


def qemu_create_objects(e: Emulator, late: bool) -> None:
    """-object, of the types made early or late."""
    from emu.qom.creatable import object_add, type_of

    for said in e.settings.objects:
        cls = cast("type[Object]", type_of(said.values).cls)
        if getattr(cls, "late", False) is late:
            values = said.values
            if e.settings.mem_prealloc and "prealloc" in cls.class_properties() and "prealloc" not in values:
                values = {**values, "prealloc": True if said.visitor is JSON else "on"}
            # QEMU has left the option's words behind by then
            object_add(values, said.visitor)


def qemu_apply_machine_options(e: Emulator) -> None:
    """-machine's properties, -m, -smp: each alone."""
    from emu.options.boot_order import asks_for_nothing
    from emu.options.memory_size import memory_property

    s, machine = e.settings, e.machine
    merge(s.machine, {"memory": memory_property(s)})
    properties: dict[str, QValue] = {**dashify(s.machine)}  # type: ignore[dict-item]
    for key in ("type", "accel"):
        properties.pop(key, None)
    if s.mem_path is not None and "memory-backend" in properties:
        raise OptionError("'-mem-path' can't be used together with'-machine memory-backend'")
    machine.prealloc = s.mem_prealloc
    for key, value in properties.items():
        prop = machine.find_property(key)
        if isinstance(value, dict) and prop is not None and key not in ("smp", "memory", "boot"):
            raise OptionError(f"Parameters '{key}.*' are unexpected")
        machine.set_property(key, value, STRING)
    if not asks_for_nothing(machine.said_boot):
        s.lack("firmware cannot be told an order in this build", where=s.boot.where if s.boot else ())


def configure_accelerators(e: Emulator) -> None:
    """The accelerator: the first of -accel or of -machine accel= that there is."""
    from emu.accel.accel import SUFFIX, Accel
    from emu.qom.types import type_by_name

    s = e.settings
    if s.sets("icount"):
        from emu.options.icount import judge_icount

        judge_icount(s)
    by_machine = s.machine_text("accel")
    if by_machine is not None and s.sets("accel"):
        raise OptionError('The -accel and "-machine accel=" options are incompatible')
    names = by_machine.split(":") if by_machine is not None else ["tcg"]
    wanted: list[tuple[str, dict[str, str], tuple[str, ...]]] = [(name, {}, ()) for name in names]
    if s.sets("accel"):
        wanted = [(opts.get("accel", ""), opts.to_qdict(), opts.where) for opts in s.sets("accel")]
    for name, values, where in wanted:
        found = type_by_name(name + SUFFIX)
        if found is None or found.abstract or not issubclass(found.cls, Accel):
            e.reporter.error(OptionError(f"invalid accelerator {name}", where=where))
            continue
        accel = found.cls()
        try:
            for key, value in values.items():
                if key == "thread" and value == "multi" and _counts_instructions(s):
                    raise OptionError("No MTTCG when icount is enabled")
                if key not in ("accel", "id"):
                    accel.set_property(key, value, STRING)
        except UserError as error:
            raise error.at(where) from None
        e.accel = accel
        return
    raise Leave("", 1)


def _counts_instructions(s: Settings) -> bool:
    return s.groups.first(qemu_find_opts("icount")).get("shift") is not None


def qemu_resolve_machine_memdev_and_cpu(e: Emulator) -> None:
    """-cpu; then what the machine's properties come to together."""
    if e.settings.cpu is not None:
        from emu.hw.riscv.cpu import parse_cpu

        e.machine.cpu_type = parse_cpu(e.settings.cpu)
    e.machine.check()
