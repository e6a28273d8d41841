"""Which default devices a machine gets: the table of BEHAVIOUR 3.4, and lines that lead to it."""

from __future__ import annotations

import shlex

import pytest

from emu.errors import OptionError
from emu.options.default_devices import ALL, DefaultDevices, Wanted, default_devices, enabled
from tests.lib.command_line import judge

PORT, NO_SERIAL = frozenset({"parallel"}), frozenset({"serial"})
ALL_OFF = frozenset({"serial", "parallel", "monitor"})


@pytest.mark.parametrize(("wanted", "serials", "parallels", "monitors"), [
    # without a display nothing shows, and there is no monitor
    (Wanted(), ("null",), ("null",), ()),
    (Wanted(display="vc"), ("vc",), ("vc",), ("vc",)),
    (Wanted(off=NO_SERIAL, display="vc"), (), ("vc",), ("vc",)),
    (Wanted(off=frozenset({"monitor"}), display="vc"), ("vc",), ("vc",), ()),
    # -nographic: serial port and monitor share the terminal; one alone has it for itself
    (Wanted(nographic=True), ("mon:stdio",), ("null",), ()),
    (Wanted(nographic=True, display="vc"), ("mon:stdio",), ("null",), ()),
    (Wanted(nographic=True, off=frozenset({"monitor"})), ("stdio",), ("null",), ()),
    (Wanted(nographic=True, off=NO_SERIAL), (), ("null",), ("stdio",)),
    (Wanted(nographic=True, off=ALL_OFF), (), (), ()),
    (Wanted(nographic=True, off=PORT), ("mon:stdio",), (), ()),
    # a device of the line stands for a default
    (Wanted(drivers=("isa-serial",)), (), ("null",), ()),
    (Wanted(drivers=("isa-parallel", "virtio-rng-device")), ("null",), (), ()),
    # -nodefaults takes all
    (Wanted(nodefaults=True), (), (), ()),
    (Wanted(nodefaults=True, nographic=True, display="vc"), (), (), ()),
    # in the background there is no terminal
    (Wanted(daemonize=True), ("null",), ("null",), ()),
    (Wanted(daemonize=True, nographic=True, off=ALL_OFF), (), (), ()),
    (Wanted(daemonize=True, nographic=True, nodefaults=True), (), (), ()),
])  # fmt: skip
def test_ports_and_monitors(
    wanted: Wanted, serials: tuple[str, ...], parallels: tuple[str, ...], monitors: tuple[str, ...]
) -> None:
    made = default_devices(wanted)
    assert (made.serials, made.parallels, made.monitors) == (serials, parallels, monitors)


def test_nographic_in_the_background_is_refused_if_a_default_would_use_the_terminal() -> None:
    for off in (frozenset[str](), NO_SERIAL, frozenset({"serial", "parallel"})):
        with pytest.raises(OptionError, match="-nographic cannot be used with -daemonize"):
            default_devices(Wanted(off=off, nographic=True, daemonize=True))


def test_what_the_machine_lacks_is_not_added() -> None:
    assert enabled(Wanted()) == ALL
    assert enabled(Wanted(off=NO_SERIAL), ["parallel"]) == ALL - {"serial", "parallel"}
    assert default_devices(Wanted(), ["serial", "parallel"]) == DefaultDevices(net=True, vga=True)


@pytest.mark.parametrize(("drivers", "gone"), [
    (("VGA",), {"vga"}), (("virtio-vga",), {"vga"}), (("ide-cd",), {"cdrom"}),
    (("floppy", "isa-fdc"), {"floppy"}),
    (("virtio-net-pci",), set()),
])  # fmt: skip
def test_drivers_stand_for_defaults(drivers: tuple[str, ...], gone: set[str]) -> None:
    assert ALL - enabled(Wanted(drivers=drivers)) == gone


@pytest.mark.parametrize(("line", "wanted"), [
    ("-M virt", DefaultDevices(("null",), ("null",), (), net=True, vga=True)),
    ("-M none", DefaultDevices((), (), (), net=True, vga=True)),
    ("-M virt -nographic", DefaultDevices(("mon:stdio",), ("null",), (), net=True, vga=True)),
    ("-nographic -M virt -nodefaults", DefaultDevices()),
    ("-M virt -nographic -monitor none", DefaultDevices(("stdio",), ("null",), (), net=True, vga=True)),
    ("-M virt -nographic -serial mon:null", DefaultDevices((), ("null",), (), net=True, vga=True)),
    ("-M virt -nographic -serial null", DefaultDevices((), ("null",), ("stdio",), net=True, vga=True)),
    ("-M virt -parallel none -vga none -net none", DefaultDevices(("null",), (), ())),
    ("-M virt -nic none -global isa-serial.index=1", DefaultDevices((), ("null",), (), vga=True)),
])  # fmt: skip
def test_the_line_says_what_is_wanted(line: str, wanted: DefaultDevices) -> None:
    assert judge(shlex.split(line)).defaults == wanted
