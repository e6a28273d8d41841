"""qemu_init: from the words of the command line to a machine that runs; one function a phase, QEMU's names.

Rules
- nothing heavy is imported before the command line is known to be right: a wrong line answers at once;
- until the machine exists, signals have their default action; from then on the main loop takes them.
Source: BEHAVIOUR 3.3.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from emu.errors import HostError, Leave, OptionError, UserError, strerror
from emu.report import Reporter

if TYPE_CHECKING:
    from emu.chardev.factory import Chardevs
    from emu.core.log import Log
    from emu.loop.notify import Signals
    from emu.loop.poll import MainLoop
    from emu.machine import LateClock, Machine
    from emu.options.clock import RtcConfig
    from emu.options.default_devices import DefaultDevices
    from emu.options.machine_properties import MachineConfig
    from emu.options.settings import Said, Settings
    from ipc.engine import Engine

DATA_DIRS = ("/usr/local/share/qemu", "/usr/share/qemu", "/usr/lib/riscv64-linux-gnu/opensbi/generic")


@dataclass
class Emulator:
    """What the phases make, one after the other."""

    settings: Settings
    config: MachineConfig
    rtc: RtcConfig
    log: Log
    loop: MainLoop
    late: LateClock
    defaults: DefaultDevices
    chardevs: Chardevs
    machine: Machine | None = None
    signals: Signals | None = None
    serial: list[str] = field(default_factory=list)  # labels of the serial ports' devices, "" for none

    @property
    def reporter(self) -> Reporter:
        """Where messages go."""
        return self.settings.reporter


def qemu_init(argv: Sequence[str], reporter: Reporter) -> Emulator:
    """Everything up to a machine that runs, or waits for `cont`. Errors: EmuError, Leave."""
    from emu.options import parse

    settings = parse(argv, reporter)
    qemu_validate_options(settings)
    log = qemu_process_early_options(settings)
    qemu_process_help_options(settings)
    write_pidfile(settings)
    emulator = qemu_create_machine(settings, log)
    try:
        qemu_create_early_backends(emulator)
        engine = configure_accelerators(emulator)
        qemu_create_late_backends(emulator)
        machine = qemu_init_board(emulator, engine)
        qemu_create_cli_devices(emulator, machine)
        qemu_machine_creation_done(emulator, machine)
    except BaseException:
        qemu_cleanup(emulator)
        raise
    return emulator


def qemu_validate_options(s: Settings) -> None:
    """What can be judged without a machine: options that need or exclude each other."""
    from emu.options.machine_properties import validate

    validate(s)
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
    early.judge_fd_sets(s)
    items = parse_items(s.log_items) if s.log_items is not None else frozenset()
    for name in without_effect(items):
        s.reporter.warn(f"log item '{name}' has no effect in this build")
    return Log.open(items, s.log_file if s.trace_file is None else s.trace_file)


def qemu_process_help_options(s: Settings) -> None:
    """-cpu help, -device help, -L help: they work without a machine."""
    if s.cpu in ("help", "?"):
        from emu.options.cpu import cpu_help

        raise Leave(cpu_help())
    for opts in s.sets("device"):
        driver = opts.get("driver", "")
        if driver in ("help", "?"):
            raise Leave(_device_help(""))
        if driver and opts.has_help_opt():
            raise Leave(_device_help(driver))
    if s.list_data_dirs:
        raise Leave("".join(f"{d}\n" for d in data_dirs(s)))


def _device_help(driver: str) -> str:
    if not driver:
        return 'Misc devices:\nname "loader", desc "Generic Loader"\n'
    if driver != "loader":
        raise OptionError(f"Device '{driver}' not found")
    from emu.hw.misc.loader import HELP

    return HELP


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
    """Judge the machine's properties; make the main loop."""
    from emu.chardev.factory import Chardevs
    from emu.loop.poll import MainLoop
    from emu.loop.timers import Clocks
    from emu.machine import LateClock
    from emu.options import icount, judges
    from emu.options.clock import judge_rtc
    from emu.options.machine_properties import judge, machine_type

    icount.judge_replay(s)
    rtc = judge_rtc(s)
    traits = judges.TRAITS[machine_type(s)]
    defaults = judges.judge_defaults(s, traits)
    if s.display not in (None, "none"):
        raise UserError(f"Display '{s.display}' is not available, please check your install")
    drives = judges.judge_early_backends(s, traits)
    config = judge(s)
    icount.judge_icount(s)
    judges.judge_late_backends(s, traits, drives, config.smp.max_cpus)
    judges.refuse_lacking(s)
    if config.type == "none":
        raise UserError("machine 'none' is not supported in this build")
    for opts in s.sets("global"):
        driver, prop = opts.get("driver", "(null)"), opts.get("property", "(null)")
        s.reporter.warn(f"global {driver}.{prop} has invalid class name")
    late = LateClock()
    loop = MainLoop(Clocks(late.now_ns))
    emulator = Emulator(s, config, rtc, log, loop, late, defaults, chardevs=Chardevs(
        loop, lambda: _quit_from_console(emulator), lambda text: s.reporter.info(text, s.where),
        s.escape))  # fmt: skip
    return emulator


def _quit_from_console(e: Emulator) -> None:
    """Ctrl-A x."""
    from emu.runstate.requests import Cause

    if e.machine is None:
        raise Leave("")
    e.machine.run.requests.shutdown_request(Cause.HOST_QMP_QUIT)


def qemu_create_early_backends(e: Emulator) -> None:
    """-chardev, in the order of the line."""
    from emu.chardev.spec import from_opts

    for opts in e.settings.sets("chardev"):
        e.settings.where = opts.where
        try:
            spec = from_opts(opts)
            assert opts.id is not None
            e.chardevs.make(spec, opts.id)
        except UserError as error:
            raise error.at(opts.where) from None
    e.settings.where = ()


def configure_accelerators(e: Emulator) -> Engine:
    """The engine: from the cache, or built with a progress bar."""
    from emu.engine_build import load_engine

    return load_engine(e.reporter)


def qemu_create_late_backends(e: Emulator) -> None:
    """Serial and parallel ports; those that nobody asked for come last."""
    from emu.options.settings import Said

    s = e.settings
    serials = [*s.serials, *(Said(text, ()) for text in e.defaults.serials)]
    if e.defaults.serials == ("null",) and s.display is None:
        e.reporter.info("no display in this build: the serial port is not shown (-nographic shows it)")
    for i, said in enumerate(serials):
        e.serial.append(_make_port(e, said, f"serial{i}", "serial"))
    parallels = [said for said in s.parallels if said.text != "none"]
    for i, said in enumerate([*parallels, *(Said(text, ()) for text in e.defaults.parallels)]):
        _make_port(e, said, f"parallel{i}", "parallel")


def _make_port(e: Emulator, said: Said, label: str, kind: str) -> str:
    """The character device of one -serial or -parallel: its label, "" for none."""
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
        e.chardevs.make(parse_short(said.text), label)
    except UserError as error:
        error.consequences = (failed,)
        raise error.at(said.where) from None
    finally:
        e.settings.where = ()
    return label


def qemu_init_board(e: Emulator, engine: Engine) -> Machine:
    """Memory, harts, devices; firmware, kernel and initrd."""
    from emu.machine import Host, Machine
    from emu.options.actions import judge_actions
    from emu.runstate.requests import Actions, PanicAction, RebootAction, ShutdownAction
    from emu.workers.checkpoints import Checkpoints

    said = judge_actions(e.settings)
    actions = Actions(
        RebootAction(said.get("reboot", "reset")), ShutdownAction(said.get("shutdown", "poweroff")),
        PanicAction(said.get("panic", "shutdown")),
    )  # fmt: skip
    host = Host(e.loop, e.log, e.reporter.say, actions, Checkpoints(e.config.checkpoint or None))
    machine = e.machine = Machine(e.config, e.rtc, engine, host, e.late)
    machine.load(data_dirs(e.settings))
    if e.serial and e.serial[0]:
        port = e.chardevs.port(e.serial[0])
        assert port is not None
        machine.board.uart.backend = port
        port.attach(machine.board.uart)
    return machine


def qemu_create_cli_devices(e: Emulator, machine: Machine) -> None:
    """-device, in the order of the line."""
    for opts in e.settings.sets("device"):
        try:
            driver = opts.get("driver")
            if driver is None:
                raise OptionError("Parameter 'driver' is missing")
            if driver != "loader":
                raise OptionError(f"'{driver}' is not a valid device model name")
            from emu.hw.misc.loader import parse_loader

            loader = parse_loader(opts, e.config.smp.cpus)
            if loader.sets_pc:
                raise OptionError("cpu-num is not supported in this build")
            machine.add_loader(loader)
        except UserError as error:
            raise error.at(opts.where) from None


def qemu_machine_creation_done(e: Emulator, machine: Machine) -> None:
    """Device tree, workers, first reset, signals; then run, unless -S."""
    from emu.loop.notify import Signals

    machine.finish_boot()
    if e.config.dumpdtb:
        machine.dump_dtb(e.config.dumpdtb)
        raise Leave("")
    machine.start()
    # Late, as in QEMU: until here a signal simply ends us, and there is nothing to restore
    e.signals = Signals(machine.run.requests.killed)
    e.loop.watch(e.signals, read=e.signals.read)
    e.signals.around_stop(machine.run.freeze, machine.run.thaw)
    e.chardevs.take_terminal(e.signals)
    if e.settings.autostart:
        machine.run.vm_start()


def qemu_cleanup(e: Emulator) -> None:
    """The end, in QEMU's order: harts, character devices, the rest. Twice does no harm."""
    machine, e.machine = e.machine, None
    if machine is not None:
        machine.close()
    e.chardevs.close()
    e.log.close()
    if e.signals is not None:
        e.loop.watch(e.signals)
        e.signals.close()
        e.signals = None
