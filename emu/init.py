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
    qemu_resolve_machine_memdev_and_cpu,
)
from emu.create_backends import qemu_create_early_backends, qemu_create_late_backends
from emu.emulator import Emulator
from emu.errors import HostError, Leave, OptionError, UserError, strerror
from emu.report import Reporter

if TYPE_CHECKING:
    from emu.core.log import Log
    from emu.daemon import Daemon
    from emu.options.settings import Settings
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
    daemon = qemu_maybe_daemonize(settings)
    emulator = qemu_create_machine(settings, log)
    try:
        qemu_create_early_backends(emulator)
        qemu_apply_machine_options(emulator)
        configure_accelerators(emulator)
        qemu_create_late_backends(emulator)
        qemu_resolve_machine_memdev_and_cpu(emulator)
        qemu_judge_board_options(emulator)
        if settings.preconfig is None:
            qemu_exit_preconfig(emulator)
        else:
            take_signals(emulator)
        if daemon is not None:
            daemon.ready(keep_errors=bool(log.items))
        emulator.chardevs.all_attached()
    except BaseException:
        qemu_cleanup(emulator)
        raise
    return emulator


def qemu_validate_options(s: Settings) -> None:
    """What can be judged without a machine: options that need or exclude each other."""
    for key in ("append", "shim", "initrd"):
        if s.machine_text(key) is not None and not s.machine_text("kernel"):
            raise OptionError(f"-{key} only allowed with -kernel option")
    if s.loadvm and s.incoming:
        raise OptionError("'incoming' and 'loadvm' options are mutually exclusive")
    if s.loadvm and s.preconfig:
        raise OptionError("'preconfig' and 'loadvm' options are mutually exclusive")
    if s.incoming and s.preconfig and s.incoming.text != "defer":
        raise OptionError("'preconfig' supports '-incoming defer' only")


def qemu_process_early_options(s: Settings) -> Log:
    """The process's name, filters, actions, descriptors, and the log."""
    from emu.core.log import Log, parse_items, without_effect
    from emu.options import actions, early, groups

    process = s.groups.first(groups.NAME).get("process")
    if process:
        from vcpu_worker.entry import name_process

        name_process(process)
    early.judge_sandbox(s)
    actions.judge_actions(s)
    early.take_fd_sets(s)
    items = parse_items(s.log_items) if s.log_items is not None else frozenset()
    for name in without_effect(items):
        s.reporter.warn(f"log item '{name}' has no effect in this build")
    return Log.open(items, s.log_file if s.trace_file is None else s.trace_file)


def qemu_process_help_options(s: Settings) -> None:
    """-cpu help, -device help, -L help: they work without a machine."""
    if s.cpu in ("help", "?"):
        from emu.hw.riscv.cpu import cpu_help

        raise Leave(cpu_help())
    for opts in s.sets("device"):
        driver = opts.get("driver", "")
        if driver in ("help", "?") or (driver and opts.has_help_opt()):
            raise Leave(_device_help(s, driver, opts.where))
    if s.list_data_dirs:
        raise Leave("".join(f"{d}\n" for d in data_dirs(s)))


def _device_help(s: Settings, driver: str, where: tuple[str, ...]) -> str:
    """What -device help prints; an unknown device is told of, and the exit status is 0 all the same."""
    from emu.qom.monitor import device_help, devices_help

    if driver in ("help", "?"):
        return devices_help()
    try:
        return device_help(driver)
    except UserError as error:
        s.reporter.error(error.at(where))
        return ""


def data_dirs(s: Settings) -> list[str]:
    """Where -bios looks for a name that is no file."""
    return [*s.data_dirs, *(d for d in DATA_DIRS if Path(d).is_dir())]


def qemu_maybe_daemonize(s: Settings) -> Daemon | None:
    """-daemonize, and -pidfile with the pid of the process that stays."""
    daemon = None
    if s.daemonize is not None:
        from emu.daemon import Daemon

        daemon = Daemon()
    write_pidfile(s)
    return daemon


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
    """-global and -rtc; the machine object; default devices; the main loop."""
    from emu.chardev.factory import Chardevs
    from emu.hw.machine import LIST_HINT, machine_class
    from emu.loop.poll import MainLoop
    from emu.loop.timers import Clocks
    from emu.options import icount, judges
    from emu.options.actions import judge_actions
    from emu.options.clock import judge_rtc
    from emu.qom import compat
    from emu.qom.object import root
    from emu.runstate.control import VmControl
    from emu.vm import LateClock

    compat.forget()
    for opts in s.sets("global"):
        driver, prop, value = (opts.get(key, "(null)") for key in ("driver", "property", "value"))
        compat.register(driver, prop, value)
    icount.judge_replay(s)
    rtc = judge_rtc(s)
    name = s.machine_text("type")
    if name is None:
        raise OptionError("No machine specified, and there is no default", LIST_HINT)
    machine = machine_class(name)()
    root().add_child("machine", machine)
    defaults = judges.judge_defaults(s, machine.traits)
    for text in defaults.monitors:
        from emu.options.monitors import monitor_parse

        monitor_parse(s, text, "readline", pretty=False)
    if s.display not in (None, "none"):
        raise UserError(f"Display '{s.display}' is not available, please check your install")
    late = LateClock()
    loop = MainLoop(Clocks(late.now_ns))
    run = VmControl(late, loop.clocks.virtual, loop.notify, s.reporter.say)
    run.actions.set(judge_actions(s))
    emulator = Emulator(s, rtc, log, loop, late, run, machine=machine, defaults=defaults, chardevs=Chardevs(
        loop, lambda: _quit_from_console(emulator), lambda text: s.reporter.info(text, s.where),
        s.escape, s.reporter.say))  # fmt: skip
    machine.chardevs = emulator.chardevs
    return emulator


def _quit_from_console(e: Emulator) -> None:
    """Ctrl-A x."""
    from emu.runstate.requests import Cause

    e.run.requests.shutdown_request(Cause.HOST_QMP_QUIT)


def qemu_judge_board_options(e: Emulator) -> None:
    """What needs the finished machine; then, if nothing is wrong, what this build has not is refused."""
    from emu.options import judges

    judges.judge_board_options(e.settings, e.machine.traits, e.drives, e.machine.smp.max_cpus)
    judges.refuse_lacking(e.settings)


def qemu_exit_preconfig(e: Emulator) -> None:
    """Phase 15: the board, devices, and the machine runs or waits for `cont`. Errors: UserError, Leave."""
    vm = qemu_init_board(e)
    qemu_create_cli_devices(e)
    qemu_machine_creation_done(e, vm)


def qemu_init_board(e: Emulator) -> Vm:
    """Memory, harts, devices; firmware, kernel and initrd."""
    from emu.vm import Host, Vm

    assert e.accel is not None
    host = Host(
        e.loop, e.log, e.reporter.say, e.chardevs, e.rtc, e.accel.executes, data_dirs(e.settings), e.serial,
        e.settings.daemonize is not None,
    )  # fmt: skip
    vm = e.vm = e.machine.vm = Vm(host, e.run, e.late, lambda: _engine(e))
    vm.machine = e.machine
    e.machine.add_ram_object()
    e.machine.init()
    return vm


def _engine(e: Emulator) -> Engine:
    """The engine: from the cache, or built with a progress bar."""
    from emu.engine_load import load_engine

    return load_engine(e.reporter)


def qemu_create_cli_devices(e: Emulator) -> None:
    """-device: text ones in the order of the line, then JSON ones."""
    from emu.options.settings import SaidValues
    from emu.options.visitor import JSON, KEYVAL
    from emu.qom.compat import check
    from emu.qom.monitor import qdev_device_add

    texts = [SaidValues({**opts.to_qdict()}, KEYVAL, opts.where) for opts in e.settings.sets("device")]
    objects = [SaidValues(said.tree, JSON, said.where) for said in e.settings.json_devices]
    for said in (*texts, *objects):
        try:
            qdev_device_add(said.values, said.visitor)
        except UserError as error:
            raise error.at(said.where) from None
    check(lambda text: e.reporter.warn(text))


def qemu_machine_creation_done(e: Emulator, vm: Vm) -> None:
    """Device tree, workers, first reset, signals; then run, unless -S."""
    e.machine.finish()
    if e.machine.dumpdtb:
        e.machine.dump_dtb(e.machine.dumpdtb)
        raise Leave("")
    vm.start()
    if e.settings.qtest is not None:
        _start_qtest(e, vm)
    take_signals(e)
    if e.settings.gdbs:
        _start_gdb(e)
    if e.settings.autostart:
        vm.run.vm_start()


def take_signals(e: Emulator) -> None:
    """From now on signals, and the terminal, are ours; nothing if they are.

    Late, as in QEMU: until here a signal simply ends us, and there is nothing to restore.
    """
    if e.signals is not None:
        return
    from emu.loop.notify import Signals

    e.signals = Signals(e.run.requests.killed)
    e.loop.watch(e.signals, read=e.signals.read)
    e.signals.around_stop(e.run.freeze, e.run.thaw)
    e.chardevs.take_terminal(e.signals)


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


def _start_gdb(e: Emulator) -> None:
    """-gdb and -s; of several the last one serves."""
    from emu.gdbstub.server import gdbserver_start

    for said in e.settings.gdbs:
        e.settings.where = said.where
        try:
            gdbserver_start(e, said.text)
        except UserError as error:
            raise error.at(said.where) from None
    e.settings.where = ()


def qemu_cleanup(e: Emulator) -> None:
    """The end, in QEMU's order: harts, character devices, the rest. Twice does no harm."""
    vm, e.vm = e.vm, None
    if vm is not None:
        vm.close()
    if e.monitors is not None:
        e.monitors.close()
    e.chardevs.close()
    e.log.close()
    if e.signals is not None:
        e.loop.watch(e.signals)
        e.signals.close()
        e.signals = None
