"""The judges of back ends and devices, in the order in which QEMU makes what they judge.

All are pure: nothing is opened or made. So everything that is wrong with a line is said before anything is
done, and what is right and lacking in this build (`Settings.lacks`) is refused when nothing else is wrong.
Source: BEHAVIOUR 3.3, phases 11 to 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emu.errors import OptionError, UserError
from emu.options.default_devices import DefaultDevices, Wanted, default_devices
from emu.options.settings import Said, Settings

if TYPE_CHECKING:
    from emu.options.drives import Drive
    from emu.options.monitors import Monitor
    from emu.options.traits import MachineTraits


MOST_PARALLEL = 3
# names of cards that QEMU knows, in its order; only `none` is there
_VGA = {"none": "no graphic card", "std": "standard VGA", "cirrus": "Cirrus VGA", "vmware": "VMWare SVGA",
        "virtio": "Virtio VGA", "qxl": "QXL VGA", "tcx": "TCX framebuffer",
        "cg3": "CG3 framebuffer"}  # fmt: skip


@contextmanager
def _at(where: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise error.at(where) from None


def judge_defaults(s: Settings, traits: MachineTraits) -> DefaultDevices:
    """The default devices, and -vga. Errors: OptionError; Leave for `-vga help`."""
    drivers = [opts.get("driver", "") for group in ("device", "global") for opts in s.sets(group)]
    drivers += [str(said.tree.get("driver")) for said in s.json_devices]
    made = default_devices(
        Wanted(frozenset(s.off), tuple(drivers), not s.defaults, s.nographic, s.daemonize is not None),
        traits.lacks,
    )
    if s.vga is not None:
        _judge_vga(s.vga.text)
    return made


def _judge_vga(text: str) -> None:
    from emu.errors import Leave

    if text == "help":
        raise Leave(f"{'none':<20} {_VGA['none']}\n")
    name = next((name for name in _VGA if text.startswith(name)), None)
    if name is not None and name != "none":
        raise OptionError(f"{_VGA[name]} not available")
    rest = text.removeprefix("none")
    while name and rest:
        method = next((m for m in ("dumb", "precise") if rest.startswith(f",retrace={m}")), None)
        if method is None:
            name = None
        else:
            rest = rest.removeprefix(f",retrace={method}")
    if name is None:
        raise OptionError(f"unknown vga type: {text}")


def judge_early_backends(s: Settings, traits: MachineTraits) -> list[Drive]:
    """Character devices, disks; the drives. Errors: OptionError at the option; Leave for help."""
    from emu.chardev.spec import from_opts

    for opts in s.sets("chardev"):
        with _at(opts.where):
            spec = from_opts(opts)
            if spec.backend == "stdio" and s.daemonize:
                raise OptionError("cannot use stdio with -daemonize")
    if s.blockdevs:
        from emu.options.blockdevs import judge_blockdevs

        judge_blockdevs(s)
    if s.sets("drive"):
        from emu.options.drives import judge_drives

        return judge_drives(s, traits.interface)
    return []


def judge_late_backends(s: Settings) -> list[Monitor]:
    """Networks, monitors, ports; the monitors. Errors: OptionError at the option; Leave for help."""
    chardevs = {opts.id for opts in s.sets("chardev") if opts.id}
    if s.qtest is not None:
        # QEMU has lost the place by then
        _judge_device(Said(s.qtest.text, ()), f'Failed to initialize device for qtest: "{s.qtest.text}"')
    if s.netdevs or any(s.sets(group) for group in ("netdev", "nic", "net")):
        from emu.options.netdevs import judge_networks

        judge_networks(s, chardevs)
    monitors: list[Monitor] = []
    if s.sets("mon"):
        from emu.options.monitors import judge_monitors

        muxes = {opts.id for opts in s.sets("chardev") if opts.id and opts.get_bool("mux", False)}
        monitors = judge_monitors(s, chardevs, muxes)
    _judge_ports(s, chardevs)
    _judge_semihosting(s, chardevs)
    return monitors


def judge_board_options(
    s: Settings, traits: MachineTraits, drives: list[Drive], max_harts: int
) -> None:
    """Nodes, entries for firmware, drives without a bus, gdb. Errors: OptionError at the option."""
    if s.sets("numa"):
        from emu.options.numa import judge_numa

        judge_numa(s, traits.numa, max_harts)
    if s.sets("fw_cfg"):
        from emu.options.firmware_entries import judge_firmware_entries

        judge_firmware_entries(s, traits.fw_cfg)
    if drives:
        from emu.options.drives import check_orphaned

        check_orphaned(drives, traits.interfaces)
    if s.gdbs:
        from emu.options.monitors import judge_gdb

        judge_gdb(s, int(traits.harts), {opts.id for opts in s.sets("chardev") if opts.id})


# Groups whose sets are all lacking in this build, but for these types
_LACKING = {"drive": (), "netdev": (), "nic": ("none",), "net": ("none",), "numa": (),
            "fw_cfg": (), "icount": ()}  # fmt: skip


def something_lacks(s: Settings) -> bool:
    """Whether the line asks for what this build has not, as far as is known before all is judged."""
    return (
        bool(s.lacks or s.blockdevs or s.netdevs or s.debugcons)
        or any(opts.get("type") not in types for group, types in _LACKING.items() for opts in s.sets(group))
    )


def _judge_device(said: Said, failed: str, daemonize: bool = False) -> None:
    """A short form that is not `chardev:ID`. `failed` follows what is wrong with it."""
    from emu.chardev.spec import parse_short

    with _at(said.where):
        try:
            spec = parse_short(said.text)
            if spec.backend == "stdio" and daemonize:
                raise OptionError("cannot use stdio with -daemonize")
        except OptionError as error:
            error.consequences = (failed,)
            raise


def _judge_ports(s: Settings, chardevs: set[str]) -> None:
    """-serial, -parallel, -debugcon."""
    for kind, ports in (("serial", s.serials), ("parallel", s.parallels)):
        ports = [said for said in ports if said.text != "none"]
        for i, said in enumerate(ports):
            if kind == "parallel" and i == MOST_PARALLEL:
                raise OptionError("too many parallel ports", where=said.where)
            failed = f"could not connect {kind} device to character backend '{said.text}'"
            _judge_port(said, failed, chardevs, s.daemonize is not None)
    for said in s.debugcons:
        failed = f"invalid character backend '{said.text}'"
        _judge_port(said, failed, chardevs, s.daemonize is not None)
        s.lack("there is no ISA bus in this build", "'isa-debugcon' is not a valid device model name",
               where=said.where)  # fmt: skip


def _judge_port(said: Said, failed: str, chardevs: set[str], daemonize: bool) -> None:
    name = said.text.removeprefix("chardev:")
    if name == said.text:
        _judge_device(said, failed, daemonize)
    elif name not in chardevs:
        raise OptionError(failed, where=said.where)


def _judge_semihosting(s: Settings, chardevs: set[str]) -> None:
    for opts in s.sets("semihosting-config"):
        name = opts.get("chardev")
        if name is not None and name not in chardevs:
            raise OptionError(f"semihosting chardev '{name}' not found")


def refuse_lacking(s: Settings) -> None:
    """What is right, and lacking in this build. Errors: OptionError, for the first of it."""
    for lack in s.lacks:
        hint = f"({lack.hint})" if lack.hint else ""
        raise OptionError(lack.text, hint, where=lack.where)
