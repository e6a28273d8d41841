"""qdev: realize and its rollback, buses and their search, globals, hotplug, three-phase reset, -device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.core.irq import Line
from emu.core.qdict import QValue
from emu.errors import OptionError, UserError
from emu.hw.sysbus import SysBusDevice
from emu.options.visitor import JSON, KEYVAL
from emu.qom import compat, introspect
from emu.qom.bus import Bus
from emu.qom.device import Category, Device, ResetType, reset_tree
from emu.qom.monitor import device_del, device_help, devices_help, find_bus, qdev_device_add
from emu.qom.object import resolve_path
from emu.qom.property import Bool, Uint
from emu.qom.types import qom_type
from tests.lib.board import FakeVm, add, bare

NOTES: list[str] = []


@qom_type("x-shelf-bus")
class ShelfBus(Bus):
    """Takes books, two of them."""

    max_devices = 2


@qom_type("x-shelf")
class Shelf(SysBusDevice):
    """A device on the system bus with a bus of its own."""

    hotplug = Bool("hotplug", True)

    def realize(self) -> None:
        """Its bus."""
        bus = ShelfBus(self, "shelf.0")
        bus.hotplug = self.hotplug
        NOTES.append("shelf realize")

    def unrealize(self) -> None:
        """..."""
        NOTES.append("shelf unrealize")

    def plugged(self, device: Device) -> None:
        """Refuses one kind of book."""
        if getattr(device, "unwanted", False):
            raise UserError("not on this shelf")

    def reset_enter(self, kind: ResetType) -> None:
        """..."""
        NOTES.append("shelf enter")

    def reset_hold(self, kind: ResetType) -> None:
        """..."""
        NOTES.append("shelf hold")

    def reset_exit(self, kind: ResetType) -> None:
        """..."""
        NOTES.append("shelf exit")


@qom_type("x-book")
class Book(Device):
    """A device for shelves."""

    category = Category.MISC
    desc = "A book"
    bus_type = "x-shelf-bus"
    pages = Uint("pages", 16, 100, "how many")
    broken = Bool("broken")
    unwanted = Bool("unwanted")

    def realize(self) -> None:
        """May fail."""
        if self.broken:
            raise UserError("a broken book")
        NOTES.append(f"book {self.id} realize")

    def unrealize(self) -> None:
        """..."""
        NOTES.append(f"book {self.id} unrealize")

    def reset_enter(self, kind: ResetType) -> None:
        """..."""
        NOTES.append(f"book {self.id} enter")

    def reset_hold(self, kind: ResetType) -> None:
        """..."""
        NOTES.append(f"book {self.id} hold")


@qom_type("x-paperback")
class Paperback(Book):
    """A kind of book."""


@pytest.fixture
def vm() -> Iterator[FakeVm]:
    """A machine without devices."""
    NOTES.clear()
    compat.forget()
    with bare() as made:
        yield made
    compat.forget()


def book(running: bool = False, **values: QValue) -> Device:
    return qdev_device_add({"driver": "x-book", **values}, KEYVAL, running)


def test_a_device_declared_here_is_in_every_list_without_touching_another_file() -> None:
    assert 'Misc devices:\n' in devices_help()
    assert 'name "x-book", bus x-shelf-bus, desc "A book"\n' in devices_help()
    assert device_help("x-book") == (
        "x-book options:\n"
        "  broken=<bool>          - on/off (default: off)\n"
        "  pages=<uint16>         - how many (default: 100)\n"
        "  unwanted=<bool>        - on/off (default: off)\n"
    )
    assert {"name": "x-paperback", "parent": "x-book"} in introspect.qom_list_types("device")
    assert {"name": "pages", "type": "uint16", "description": "how many", "default-value": 100} in (
        introspect.device_list_properties("x-paperback")
    )


def test_board_devices_are_found_under_unattached_in_order(vm: FakeVm) -> None:
    first, second = add(vm, Shelf()), add(vm, Shelf())
    assert first.canonical_path == "/machine/unattached/device[0]"
    assert second.canonical_path == "/machine/unattached/device[1]"
    assert introspect.qom_get("/machine/unattached/device[1]", "realized") is True
    assert introspect.qom_get("/machine/unattached/device[1]", "parent_bus") == "/machine/unattached/sysbus"
    assert [d.qom_name for d in vm.machine.sysbus.devices] == ["x-shelf", "x-shelf"]  # type: ignore[union-attr]
    with pytest.raises(OptionError, match=r"on anonymous device \(type 'x-shelf'\) after it was realized"):
        first.set_property("hotplug", True)


def test_named_and_anonymous_devices_have_their_places(vm: FakeVm) -> None:
    add(vm, Shelf())
    named, unnamed = book(id="one", pages="7"), book()
    assert named.canonical_path == "/machine/peripheral/one"
    assert unnamed.canonical_path == "/machine/peripheral-anon/device[0]"
    assert introspect.qom_get("/machine/peripheral/one", "pages") == 7
    assert resolve_path("one")[0] is named
    bus = named.parent_bus
    assert bus is not None
    assert bus.devices == [unnamed, named]
    assert bus.full


def test_the_search_goes_newest_first_and_prefers_room(vm: FakeVm) -> None:
    add(vm, Shelf())
    newer = add(vm, Shelf())
    buses = [b.parent_bus for b in (book(), book(), book(), book())]
    assert buses[:2] == [newer.buses[0]] * 2
    assert buses[2] is not newer.buses[0]
    with pytest.raises(OptionError, match=r"^No 'x-shelf-bus' bus found for device 'x-book'$"):
        book()


ERRORS: list[tuple[dict[str, QValue], str]] = [
    ({"driver": None}, "Parameter 'driver' is missing"),
    ({"driver": "nosuch"}, "'nosuch' is not a valid device model name"),
    ({"driver": "container"}, "'container' is not a valid device model name"),
    ({"driver": "virtio-blk"}, "'virtio-blk-pci' (alias 'virtio-blk') is not a valid device model name"),
    ({"driver": "device"}, "Parameter 'driver' expects a non-abstract device type"),
    ({"driver": "goldfish_rtc"}, "Parameter 'driver' expects a pluggable device type"),
    ({"driver": "rv64-riscv-cpu"}, "Parameter 'driver' expects a pluggable device type"),
    ({"bus": "nosuch"}, "Bus 'nosuch' not found"),
    ({"bus": "/nosuch"}, "Device 'nosuch' not found"),
    ({"bus": "main-system-bus"}, "Device 'x-book' can't go on System bus"),
    ({"bus": "/"}, "Device 'x-book' can't go on System bus"),
    ({"pages": "foo"}, "Parameter 'pages' expects integer"),
    ({"pages": "65536"}, "Parameter 'pages' expects uint16_t"),
    ({"foo": "bar"}, "Property 'x-book.foo' not found"),
    ({"realized": "on"}, "Property 'x-book.realized' is not writable"),
    ({"broken": "on"}, "a broken book"),
    ({"unwanted": "on"}, "not on this shelf"),
]


@pytest.mark.parametrize(("values", "text"), ERRORS)
def test_a_device_that_cannot_be_leaves_nothing(vm: FakeVm, values: dict[str, QValue], text: str) -> None:
    shelf = add(vm, Shelf())
    with pytest.raises(UserError) as error:
        book(id="b", **values) if "driver" not in values else qdev_device_add(values, KEYVAL)
    assert error.value.text == text
    assert resolve_path("b") == (None, False)
    assert shelf.buses[0].devices == []


def test_json_is_strict_where_text_is_not(vm: FakeVm) -> None:
    add(vm, Shelf())
    with pytest.raises(OptionError, match="Parameter 'pages' expects uint64"):
        qdev_device_add({"driver": "x-book", "pages": "1"}, JSON)
    assert qdev_device_add({"driver": "x-book", "pages": 1}, JSON).get_property("pages") == 1


def test_a_bus_is_named_by_path_or_by_its_own_name(vm: FakeVm) -> None:
    shelf = add(vm, Shelf())
    bus = shelf.buses[0]
    assert find_bus("shelf.0") is bus
    assert find_bus("/x-shelf/shelf.0") is bus
    assert find_bus("/x-shelf") is bus
    book()
    book(bus="shelf.0")
    with pytest.raises(OptionError, match=r"^Bus 'shelf\.0' is full$"):
        find_bus("shelf.0")


def test_duplicate_ids_are_refused(vm: FakeVm) -> None:
    add(vm, Shelf())
    book(id="one")
    with pytest.raises(OptionError, match=r"^Duplicate device ID 'one'$"):
        book(id="one")


def test_globals_win_over_defaults_and_lose_against_what_is_said(vm: FakeVm) -> None:
    add(vm, Shelf())
    compat.register("x-book", "pages", "5")
    compat.register("x-paperback", "pages", "6")
    assert book().get_property("pages") == 5
    both = qdev_device_add({"driver": "x-paperback"}, KEYVAL)
    assert both.get_property("pages") == 6
    both.unparent()
    assert book(pages="9").get_property("pages") == 9


@pytest.mark.parametrize(("prop", "value", "why"), [
    ("nosuch", "1", "Property 'x-book.nosuch' not found"),
    ("pages", "foo", "Parameter 'pages' expects uint64"),
])  # fmt: skip
def test_a_wrong_global_is_an_error_of_the_first_device(
    vm: FakeVm, prop: str, value: str, why: str
) -> None:
    compat.register("x-book", prop, value)
    with pytest.raises(OptionError) as error:
        Book()
    assert error.value.text == f"can't apply global x-book.{prop}={value}: {why}"


def test_globals_that_nobody_took_are_warned_about() -> None:
    warned: list[str] = []
    compat.register("nosuch", "a", "1")
    compat.register("container", "a", "1")
    compat.register("x-book", "pages", "1")
    compat.register("goldfish_rtc", "a", "1")
    compat.check(warned.append)
    compat.forget()
    assert warned == [
        "global nosuch.a has invalid class name", "global container.a has invalid class name",
        "global goldfish_rtc.a=1 not used",
    ]  # fmt: skip


def test_a_failed_realize_takes_back_what_it_did(vm: FakeVm) -> None:
    class Crate(Shelf):
        def realize(self) -> None:
            bus = ShelfBus(self, "crate.0")
            good, bad = Book(), Book()
            good.id, bad.broken = "good", True
            bad.set_parent_bus(bus)
            good.set_parent_bus(bus)  # newest first: realized before the other

    shelf = Crate()
    with pytest.raises(UserError, match="a broken book"):
        add(vm, shelf)
    assert not shelf.realized
    assert shelf.parent is None
    assert shelf.parent_bus is None
    assert NOTES[-3:] == ["book good realize", "book good unrealize", "shelf unrealize"]
    assert vm.machine.sysbus.devices == []  # type: ignore[union-attr]


def test_reset_has_three_phases_children_before_parents(vm: FakeVm) -> None:
    shelf = add(vm, Shelf())
    book(id="a")
    book(id="b")
    NOTES.clear()
    reset_tree(shelf, ResetType.COLD)
    assert NOTES == [
        "book b enter", "book a enter", "shelf enter", "book b hold", "book a hold", "shelf hold",
        "shelf exit",
    ]  # fmt: skip


def test_hotplug_resets_the_newcomer_and_tells_of_its_end(vm: FakeVm) -> None:
    add(vm, Shelf())
    NOTES.clear()
    late = book(running=True, id="late")
    assert NOTES == ["book late realize", "book late enter", "book late hold"]
    assert introspect.qom_get("/machine/peripheral/late", "hotplugged") is True
    gone: list[str] = []
    late.deleted.append(lambda: gone.append("late"))
    device_del("late")
    assert gone == ["late"]
    assert NOTES[-1] == "book late unrealize"
    with pytest.raises(UserError, match=r"^Device 'late' not found$") as error:
        device_del("late")
    assert error.value.qmp_class == "DeviceNotFound"


def test_a_bus_without_hotplug_refuses_it(vm: FakeVm) -> None:
    add(vm, Shelf(), hotplug=False)
    book(id="early")
    with pytest.raises(UserError, match=r"^Bus 'shelf\.0' does not support hotplugging$"):
        book(running=True)
    with pytest.raises(UserError, match=r"^Bus 'shelf\.0' does not support hotplugging$"):
        device_del("early")


def test_lines_show_where_they_lead(vm: FakeVm) -> None:
    levels: list[tuple[int, bool]] = []
    sink, source = add(vm, Shelf()), add(vm, Shelf())
    sink.init_gpio_in(2, lambda n, level: levels.append((n, level)))
    line = Line("out")
    source.init_irq(line)
    path = source.canonical_path
    assert introspect.qom_get(path, "sysbus-irq[0]") == ""
    source.connect_irq(0, sink.gpio_in(1))
    assert introspect.qom_get(path, "sysbus-irq[0]") == f"{sink.canonical_path}/unnamed-gpio-in[1]"
    line.set(True)
    line.set(True)
    assert levels == [(1, True), (1, True)]
