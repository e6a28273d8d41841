"""Phases 11 and 13 of the start: objects, character devices, disks; then networks, monitors, ports.

Rule: what a phase makes is judged before anything is opened (emu.options.judges). A line that will be
refused for what this build has not opens nothing at all: no client is waited for.
Source: BEHAVIOUR 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.configure import qemu_create_objects
from emu.emulator import Emulator
from emu.errors import OptionError, UserError
from emu.options import judges
from emu.options.settings import Said

if TYPE_CHECKING:
    from emu.options.monitors import Monitor


def qemu_create_early_backends(e: Emulator) -> None:
    """-object of early types, -chardev, disks, in the order of the line."""
    from emu.chardev.spec import from_opts

    qemu_create_objects(e, late=False)
    e.drives = judges.judge_early_backends(e.settings, e.machine.traits)
    if judges.something_lacks(e.settings):
        return  # the line will be refused: nothing is opened for it
    for opts in e.settings.sets("chardev"):
        assert opts.id is not None
        e.settings.where = opts.where
        try:
            e.chardevs.make(from_opts(opts), opts.id)
        except UserError as error:
            raise error.at(opts.where) from None
    e.settings.where = ()


def qemu_create_late_backends(e: Emulator) -> None:
    """The port of qtest, -object of late types, monitors, serial and parallel ports; those nobody asked for
    come last.

    Errors: UserError, also for what is right and lacking in this build.
    """
    s = e.settings
    monitors = judges.judge_late_backends(s)
    refused = judges.something_lacks(s)
    if s.qtest is not None and not refused:
        _make_qtest_port(e, s.qtest)
    qemu_create_objects(e, late=True)
    if refused:
        return
    _make_monitors(e, monitors)
    serials = [*s.serials, *(Said(text, ()) for text in e.defaults.serials)]
    if e.defaults.serials == ("null",) and s.display is None:
        e.reporter.info("no display in this build: the serial port is not shown (-nographic shows it)")
    for i, said in enumerate(serials):
        e.serial.append(_make_port(e, said, f"serial{i}", "serial", asked_for=i < len(s.serials)))
    parallels = [said for said in s.parallels if said.text != "none"]
    for i, said in enumerate([*parallels, *(Said(text, ()) for text in e.defaults.parallels)]):
        _make_port(e, said, f"parallel{i}", "parallel")


def _make_monitors(e: Emulator, monitors: list[Monitor]) -> None:
    """-mon, -monitor, -qmp. Their character devices are there. Errors: UserError at the option."""
    if not monitors:
        return
    from emu.monitor.monitors import monitors_of

    for monitor in monitors:
        port = e.chardevs.port(monitor.chardev)
        assert port is not None
        try:
            if monitor.control:
                monitors_of(e).add_qmp(port, monitor.pretty)
            else:
                monitors_of(e).add_hmp(port, asked_for=True)
        except UserError as error:
            raise error.at(monitor.where) from None


def _make_qtest_port(e: Emulator, said: Said) -> None:
    """The character device of -qtest; the session begins when the machine is complete."""
    from emu.chardev.spec import parse_short

    try:
        e.chardevs.make(parse_short(said.text), "qtest")
    except UserError as error:
        error.consequences = (f'Failed to initialize device for qtest: "{said.text}"',)
        raise


def _make_port(e: Emulator, said: Said, label: str, kind: str, asked_for: bool = True) -> str:
    """The character device of one -serial or -parallel: its label, "" for none. `mon:` has a monitor."""
    from emu.chardev.spec import parse_short

    failed = f"could not connect {kind} device to character backend '{said.text}'"
    if said.text == "none":
        return ""
    if said.text.startswith("chardev:"):
        name = said.text.partition(":")[2]
        if e.chardevs.port(name) is None:
            raise OptionError(failed, where=said.where)
        return name
    e.settings.where = said.where
    try:
        spec = parse_short(said.text)
        e.chardevs.make(spec, label)
        if spec.mux:
            from emu.monitor.monitors import monitors_of

            port = e.chardevs.port(label)
            assert port is not None
            monitors_of(e).add_hmp(port, asked_for)
    except UserError as error:
        error.consequences = (failed,)
        raise error.at(said.where) from None
    finally:
        e.settings.where = ()
    return label
