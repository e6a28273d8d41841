"""qemu_init: from the words of the command line to a machine that runs; one function a phase, QEMU's names.

Rules
- nothing heavy is imported before the command line is known to be right: a wrong line answers at once;
- until the machine exists, signals have their default action; from then on the main loop takes them.
Source: BEHAVIOUR 3.3.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emu.configure import (
    configure_accelerators,
    qemu_apply_machine_options,
    qemu_create_objects,
    qemu_resolve_machine_memdev_and_cpu,
)
from emu.emulator import Emulator
from emu.errors import HostError, Leave, OptionError, UserError, strerror
from emu.report import Reporter

if TYPE_CHECKING:
    from emu.core.log import Log
    from emu.options.settings import Said, Settings
    from emu.vm import Vm
    from ipc.engine import Engine

DATA_DIRS = ("/usr/local/share/qemu", "/usr/share/qemu", "/usr/lib/riscv64-linux-gnu/opensbi/generic")


def qemu_init(argv: Sequence[str], reporter: Reporter) -> Emulator:
    """Everything up to a machine that runs, or waits for `cont`. Errors: EmuError, Leave."""
    from emu.options.command_line import parse

    settings = parse(argv, reporter)
    qemu_validate_options(settings)
    log = qemu_process_early_options(settings)
    qemu_process_help_options(settings)
    write_pidfile(settings)
    emulator = qemu_create_machine(settings, log)
    try:
        qemu_create_early_backends(emulator)
        qemu_apply_machine_options(emulator)
        configure_accelerators(emulator)
        qemu_create_late_backends(emulator)
        qemu_resolve_machine_memdev_and_cpu(emulator)
        vm = qemu_init_board(emulator)
        qemu_create_cli_devices(emulator)
        qemu_machine_creation_done(emulator, vm)
    except BaseException:
        qemu_cleanup(emulator)
        raise
    return emulator


def qemu_validate_options(s: Settings) -> None:
    """What can be judged without a machine."""
    for key in ("append", "initrd"):
        if s.machine_text(key) is not None and not s.machine_text("kernel"):
            raise OptionError(f"-{key} only allowed with -kernel option")
    for said in s.unsupported:
        raise OptionError("Option not supported in this build", where=said.where)


def qemu_process_early_options(s: Settings) -> Log:
    """Names, messages, and the log."""
    from emu.core.log import Log, parse_items, without_effect
    from emu.options import groups

    if s.name_in_messages:
        s.reporter.guest_name = s.groups.first(groups.NAME).get("guest", "")
    process = s.groups.first(groups.NAME).get("process")
    if process:
        from vcpu_worker.entry import name_process

        name_process(process)
    items = parse_items(s.log_items) if s.log_items is not None else frozenset()
    for name in without_effect(items):
        s.reporter.warn(f"log item '{name}' has no effect in this build")
    return Log.open(items, s.log_file)


def qemu_process_help_options(s: Settings) -> None:
    """-cpu help, -device help, -L help: they work without a machine."""
    if s.cpu in ("help", "?"):
        from emu.hw.riscv.cpu import cpu_help

        raise Leave(cpu_help())
    if s.device_help is not None:
        raise Leave(_device_help(s))
    if s.list_data_dirs:
        raise Leave("".join(f"{d}\n" for d in data_dirs(s)))


def _device_help(s: Settings) -> str:
    """What -device help prints; an unknown device is told of, and the exit status is 0 all the same."""
    from emu.qom.monitor import device_help, devices_help

    assert s.device_help is not None
    driver = s.device_help.text.rpartition(",")[0]
    if not driver:
        return devices_help()
    try:
        return device_help(driver)
    except UserError as error:
        s.reporter.error(error.at(s.device_help.where))
        return ""


def data_dirs(s: Settings) -> list[str]:
    """Where -bios looks for a name that is no file."""
    return [*s.data_dirs, *(d for d in DATA_DIRS if Path(d).is_dir())]


def write_pidfile(s: Settings) -> None:
    """-pidfile; removed at exit, if it is still ours."""
    if s.pidfile is None:
        return
    import atexit

    path, owner = os.path.abspath(s.pidfile), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            Path(path).unlink(missing_ok=True)

    try:
        Path(path).write_text(f"{owner}\n", encoding="ascii")
    except OSError as error:
        raise HostError(
            f"cannot create PID file: Could not create '{s.pidfile}': {strerror(error)}"
        ) from error
    atexit.register(remove)


def qemu_create_machine(s: Settings, log: Log) -> Emulator:
    """-global and -rtc; the machine object; the main loop."""
    from emu.chardev.factory import Chardevs
    from emu.hw.machine import LIST_HINT, machine_class
    from emu.loop.poll import MainLoop
    from emu.loop.timers import Clocks
    from emu.options.clock import judge_rtc
    from emu.qom import compat
    from emu.qom.object import root
    from emu.vm import LateClock

    compat.forget()
    for said in s.globals:
        opts = said.opts
        compat.register(opts.get("driver", ""), opts.get("property", ""), opts.get("value", ""))
    rtc = judge_rtc(s)
    name = s.machine_text("type")
    if name is None:
        raise OptionError("No machine specified, and there is no default", LIST_HINT)
    machine = machine_class(name)()
    root().add_child("machine", machine)
    for disk in s.disks:
        if not Path(disk.text).exists():
            raise OptionError(f"Could not open '{disk.text}': No such file or directory", where=disk.where)
        raise OptionError("disk images are not supported in this build", where=disk.where)
    if s.display not in (None, "none"):
        raise UserError(f"Display '{s.display}' is not available, please check your install")
    late = LateClock()
    loop = MainLoop(Clocks(late.now_ns))
    emulator = Emulator(s, rtc, log, loop, late, machine=machine, chardevs=Chardevs(
        loop, lambda: _quit_from_console(emulator), lambda text: s.reporter.info(text, s.where)))  # fmt: skip
    machine.chardevs = emulator.chardevs
    return emulator


def _quit_from_console(e: Emulator) -> None:
    """Ctrl-A x."""
    from emu.runstate.requests import Cause

    if e.vm is None:
        raise Leave("")
    e.vm.run.requests.shutdown_request(Cause.HOST_QMP_QUIT)


def qemu_create_early_backends(e: Emulator) -> None:
    """-object of early types and -chardev, in the order of the line."""
    from emu.chardev.spec import from_opts

    qemu_create_objects(e, late=False)
    for said in e.settings.chardevs:
        e.settings.where = said.where
        try:
            if said.opts.id is None:
                raise OptionError("chardev: no id specified")
            e.chardevs.make(from_opts(said.opts), said.opts.id)
        except UserError as error:
            raise error.at(said.where) from None
    e.settings.where = ()


def qemu_create_late_backends(e: Emulator) -> None:
    """-object of late types; monitors (there are none), parallel ports (none), serial ports."""
    from emu.options.settings import Said

    s = e.settings
    if s.qtest is not None:
        _make_qtest_port(e, s.qtest)
    qemu_create_objects(e, late=True)
    for said in (*s.monitors, *s.parallels):
        if said.text not in ("none", "null"):
            raise OptionError("Option not supported in this build", where=said.where)
    serials = list(s.serials)
    if not serials and s.defaults:
        if s.nographic:
            # with -monitor, QEMU's monitor leaves the terminal to the port alone, and Ctrl-C to us
            serials = [Said("stdio" if s.monitors else "mon:stdio", ())]
        elif s.display is None:
            e.reporter.info("no display in this build: the serial port is not shown (-nographic shows it)")
    for i, said in enumerate(serials):
        e.serial.append(_make_serial(e, said, f"serial{i}"))


def _make_qtest_port(e: Emulator, said: Said) -> None:
    """The character device of -qtest; the session begins when the machine is complete."""
    from emu.chardev.spec import parse_short

    try:
        e.chardevs.make(parse_short(said.text), "qtest")
    except UserError as error:
        error.consequences = (f'Failed to initialize device for qtest: "{said.text}"',)
        raise


def _start_qtest(e: Emulator, vm: Vm) -> None:
    from emu.qtest import Qtest, open_log

    port = e.chardevs.port("qtest")
    assert port is not None
    try:
        log = open_log(e.settings.qtest_log)
    except OSError as error:
        raise HostError(f"Failed to open qtest log '{e.settings.qtest_log}': {strerror(error)}") from error
    vm.run.report_kill = False
    Qtest(vm, port, log)


def _make_serial(e: Emulator, said: Said, label: str) -> str:
    """The character device of one -serial: its label, "" for none."""
    from emu.chardev.spec import parse_short

    failed = f"could not connect serial device to character backend '{said.text}'"
    if said.text == "none":
        return ""
    if said.text.startswith("chardev:"):
        name = said.text.partition(":")[2]
        if e.chardevs.port(name) is None:
            raise OptionError(failed, where=said.where)
        return name
    e.settings.where = said.where
    try:
        e.chardevs.make(parse_short(said.text), label)
    except UserError as error:
        error.consequences = (failed,)
        raise error.at(said.where) from None
    finally:
        e.settings.where = ()
    return label


def qemu_init_board(e: Emulator) -> Vm:
    """Memory, harts, devices; firmware, kernel and initrd."""
    from emu.runstate.requests import Actions, PanicAction, RebootAction, ShutdownAction
    from emu.vm import Host, Vm

    assert e.accel is not None
    said = e.settings.actions
    actions = Actions(
        RebootAction(said.get("reboot", "reset")), ShutdownAction(said.get("shutdown", "poweroff")),
        PanicAction(said.get("panic", "shutdown")),
    )  # fmt: skip
    host = Host(
        e.loop, e.log, e.reporter.say, e.chardevs, e.rtc, actions, e.accel.executes, data_dirs(e.settings),
        e.serial,
    )  # fmt: skip
    vm = e.vm = e.machine.vm = Vm(host, e.late, lambda: _engine(e))
    vm.machine = e.machine
    e.machine.init()
    return vm


def _engine(e: Emulator) -> Engine:
    """The engine: from the cache, or built with a progress bar."""
    from emu.engine_build import load_engine

    return load_engine(e.reporter)


def qemu_create_cli_devices(e: Emulator) -> None:
    """-device: text ones in the order of the line, then JSON ones."""
    from emu.options.visitor import JSON
    from emu.qom.compat import check
    from emu.qom.monitor import qdev_device_add

    for said in sorted(e.settings.devices, key=lambda said: said.visitor is JSON):
        try:
            qdev_device_add(said.values, said.visitor)
        except UserError as error:
            raise error.at(said.where) from None
    check(lambda text: e.reporter.warn(text))


def qemu_machine_creation_done(e: Emulator, vm: Vm) -> None:
    """Device tree, workers, first reset, signals; then run, unless -S."""
    from emu.loop.notify import Signals

    e.machine.finish()
    if e.machine.dumpdtb:
        e.machine.dump_dtb(e.machine.dumpdtb)
        raise Leave("")
    vm.start()
    if e.settings.qtest is not None:
        _start_qtest(e, vm)
    # Late, as in QEMU: until here a signal simply ends us, and there is nothing to restore
    e.signals = Signals(vm.run.requests.killed)
    e.loop.watch(e.signals, read=e.signals.read)
    e.signals.around_stop(vm.run.freeze, vm.run.thaw)
    e.chardevs.take_terminal(e.signals)
    if e.settings.autostart:
        vm.run.vm_start()


def qemu_cleanup(e: Emulator) -> None:
    """The end, in QEMU's order: harts, character devices, the rest. Twice does no harm."""
    vm, e.vm = e.vm, None
    if vm is not None:
        vm.close()
    e.chardevs.close()
    e.log.close()
    if e.signals is not None:
        e.loop.watch(e.signals)
        e.signals.close()
        e.signals = None
