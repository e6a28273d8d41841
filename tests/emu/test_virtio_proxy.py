"""Composition: a proxy with an embedded virtio device, as QEMU makes virtio-*-pci, on its own transport.

    object_initialize_child_with_props, aliases of the child's properties, realize of the child in the proxy's
"""

from __future__ import annotations

import pytest

from emu.errors import UserError
from emu.hw.virtio.bus import VirtioBus
from emu.hw.virtio.rng import VirtioRng
from emu.qom import compat, introspect
from emu.qom.device import Device
from emu.qom.monitor import device_help, devices_help
from emu.qom.object import Object, root
from emu.qom.property import Bool, Uint
from emu.qom.types import qom_type
from ipc.virtqueue import F_VERSION_1, Rings
from tests.lib.virtio import BASE, RINGS_AT, virtio_machine
from tests.lib.vring import Driver

NOTES: list[str] = []


@qom_type("x-proxy-bus")
class ProxyBus(VirtioBus):
    """Its interrupts are counted."""

    max_devices = 1

    @property
    def modern(self) -> bool:
        """As virtio-pci."""
        return True

    def isr_changed(self) -> None:
        """Count."""
        assert isinstance(self.owner, RngProxy)
        self.owner.interrupts += 1


@qom_type("x-noted-rng")
class NotedRng(VirtioRng):
    """Writes down when it is made."""

    def instance_init(self) -> None:
        """The leaf, after its parents."""
        assert self.queues == []
        NOTES.append(f"leaf init, period {self.period_ms}")

    def instance_post_init(self) -> None:
        """Before its parents'."""
        NOTES.append(f"leaf post init, period {self.period_ms}")


@qom_type("x-rng-proxy")
class RngProxy(Device):
    """A device on no bus, its child on a bus of its own."""

    composed = True
    vectors = Uint("vectors", 32, 2)
    event_idx = Bool("event_idx", False)  # of our own: the child's is not forwarded

    def instance_init(self) -> None:
        """The child is there, parent and all, before any property is set."""
        self.interrupts = 0
        NOTES.append("proxy init")
        self.backend = self.init_child("virtio-backend", NotedRng, max_bytes=1000)
        self.alias_all(self.backend)

    def realize(self) -> None:
        """The bus, then the child on it."""
        self.backend.realize_on(ProxyBus(self, "virtio-bus"))

    def plugged(self, device: Device) -> None:
        """The child is realized."""
        assert device is self.backend
        self.backend.offer(modern=True)


def everything() -> list[str]:
    """Paths of all objects."""
    return [one.canonical_path for one in root().walk()]


def test_the_child_is_made_with_its_parent_and_configured_through_it() -> None:
    with virtio_machine() as box:
        compat.register("virtio-rng-device", "period", "77")
        compat.register("x-rng-proxy", "vectors", "5")
        NOTES.clear()
        proxy = box.add("x-rng-proxy", id="p", **{"max-bytes": "12", "in_order": "on"})
        assert NOTES == ["proxy init", "leaf init, period 65536", "leaf post init, period 65536"]
        assert isinstance(proxy, RngProxy)
        child = proxy.backend
        assert child.canonical_path == "/machine/peripheral/p/virtio-backend"
        assert (child.max_bytes, child.period_ms, child.in_order, proxy.vectors) == (12, 77, True, 5)
        assert (child.realized, child.event_idx, proxy.event_idx) == (True, True, False)
        path = "/machine/peripheral/p"
        for name, value in (("max-bytes", 12), ("period", 77), ("vectors", 5), ("event_idx", False)):
            assert introspect.qom_get(path, name) == value
        assert introspect.qom_get(path, "rng") == f"{path}/virtio-backend/default-backend"
        assert introspect.qom_get(f"{path}/virtio-backend", "parent_bus") == f"{path}/virtio-bus"
        types = {str(e["name"]): e["type"] for e in introspect.qom_list(path)}
        assert types["virtio-backend"] == "child<x-noted-rng>"
        assert types["rng"] == "link<rng-backend>"
        with pytest.raises(UserError, match="Attempt to set property 'max-bytes' on anonymous device"):
            introspect.qom_set(path, "max-bytes", 5)


def test_the_embedded_device_works() -> None:
    with virtio_machine(modern=True) as box:
        proxy = box.add("x-rng-proxy", id="p")
        assert isinstance(proxy, RngProxy)
        box.run.vm_start()
        device = proxy.backend
        device.set_status(3)
        device.set_features(F_VERSION_1)
        device.set_status(11)
        driver = Driver(box.ram, BASE, Rings(RINGS_AT, RINGS_AT + 0x1000, RINGS_AT + 0x2000), 8)
        driver.clear()
        device.queues[0].set_size(8)
        device.queues[0].place(driver.rings)
        device.set_status(15)
        driver.add([(BASE + 0x3000, 16, True)])
        before = proxy.interrupts
        device.kick(0)
        box.turn()
        assert [written for _, written in driver.take()] == [16]
        assert (device.isr, proxy.interrupts) == (1, before + 1)
        assert box.ram.read(0x3000, 16) != bytes(16)


def test_a_child_that_refuses_takes_the_proxy_with_it_and_leaves_nothing() -> None:
    with virtio_machine() as box:
        before = everything()
        for values, text in (
            ({"period": "0"}, "'period' parameter expects a positive integer"),
            ({"rng": "foo"}, "Device 'foo' not found"),
            ({"foo": "bar"}, "Property 'x-rng-proxy.foo' not found"),
            ({"max-bytes": "x"}, "Parameter 'max-bytes' expects integer"),
        ):
            with pytest.raises(UserError) as caught:
                box.add("x-rng-proxy", id="p", **values)
            assert caught.value.text == text
            assert everything() == before
        box.add("x-rng-proxy", id="p")
        found = root().child("machine")
        assert isinstance(found, Object)
        peripheral = found.child("peripheral")
        assert peripheral is not None
        peripheral.children["p"].unparent()
        assert everything() == before
        assert box.run._change == []


def test_help_shows_the_childs_properties_as_the_proxys() -> None:
    assert 'name "x-rng-proxy"\n' in devices_help()
    own = device_help("x-rng-proxy").splitlines()
    of_child = device_help("x-noted-rng").splitlines()
    assert own[0] == "x-rng-proxy options:"
    assert "  event_idx=<bool>       - on/off (default: off)" in own
    assert "  vectors=<uint32>       -  (default: 2)" in own
    same = set(of_child[1:]) - {"  event_idx=<bool>       - on/off (default: on)"}
    assert same < set(own)
    listed = {str(e["name"]) for e in introspect.device_list_properties("x-rng-proxy")}
    assert {"max-bytes", "period", "rng", "vectors", "event_idx"} <= listed
