"""virtio-input: what a person does at an input device, as Linux's input events.

    queue 0   events for the driver, 8 bytes each: type, code, value
    queue 1   status for the device (LEDs), the same form
    configuration: the driver stores select and subsel, and reads what the device says about that

Rules
- events go out in groups that end with SYN_REPORT: all of a group, or, if the driver has too few buffers,
  nothing of it, so that no driver sees half of one;
- what happens while the driver is not ready, or the machine stands, nobody sees.
Source: virtio 1.2, 5.8; QEMU 10.0's types and properties, and what its registers read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from emu.hw.virtio.device import VirtioDevice
from emu.qom.device import Category, ResetType
from emu.qom.property import Text
from emu.qom.types import qom_type
from iothread.queue import Chain

QUEUE_SIZE = 64
EVENT = struct.Struct("<HHI")
EV_SYN, EV_KEY, EV_LED, EV_REP = 0x00, 0x01, 0x11, 0x14
SYN_REPORT = 0
# Of select
ID_NAME, ID_SERIAL, ID_DEVIDS, EV_BITS = 0x01, 0x02, 0x03, 0x11
HEAD = struct.Struct("<BBB5x")  # select, subsel, bytes that follow
BUS_VIRTUAL, VENDOR = 0x06, 0x0627


def bitmap(bits: Iterable[int]) -> bytes:
    """Bits as a bitmap of as many bytes as they need."""
    word = sum(1 << bit for bit in bits)
    return word.to_bytes((word.bit_length() + 7) // 8, "little")


@qom_type("virtio-input-device", abstract=True)
class VirtioInput(VirtioDevice):
    """described: what the configuration says, by (select, subsel)."""

    device_id = 18
    category = Category.INPUT

    serial = Text("serial")

    def instance_init(self) -> None:
        """Nothing is asked about."""
        self.described: dict[tuple[int, int], bytes] = {}
        self._asked = (0, 0)

    def describe(self) -> dict[tuple[int, int], bytes]:
        """What the configuration says of this type of device."""
        raise NotImplementedError

    def realize(self) -> None:
        """Two queues; the configuration is as long as the longest that it can say."""
        super().realize()
        self.described = self.describe()
        if self.serial:
            self.described[ID_SERIAL, 0] = self.serial.encode()
        self.config_size = HEAD.size + max(map(len, self.described.values()))
        self.events = self.add_queue(QUEUE_SIZE, lambda: None)
        self.states = self.add_queue(QUEUE_SIZE, self._take_states)

    def config(self) -> bytes:
        """What was asked about, zeros for something there is nothing to say about."""
        said = self.described.get(self._asked)
        if said is None:
            return bytes(self.config_size)
        return (HEAD.pack(*self._asked, len(said)) + said).ljust(self.config_size, b"\0")

    def write_config(self, off: int, size: int, value: int) -> None:
        """The driver asks: a store to select or subsel, which are not what a load of them shows."""
        if off + size > self.config_size:
            return
        asked = bytearray(self._asked)
        stored = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")[: max(0, len(asked) - off)]
        asked[off : off + len(stored)] = stored
        self._asked = asked[0], asked[1]
        self.notify_config()

    def reset_enter(self, kind: ResetType) -> None:
        """Nothing is asked about any more; a reset by the driver leaves that alone, as QEMU's does."""
        super().reset_enter(kind)
        self._asked = (0, 0)

    def send(self, *events: tuple[int, int, int]) -> bool:
        """A group of events (type, code, value), SYN_REPORT behind them. Whether the driver gets them."""
        if not (self.driver_ok and self.vm_running and self.events.ready):
            return False
        group = [*events, (EV_SYN, SYN_REPORT, 0)]
        chains: list[Chain] = []
        while len(chains) < len(group):
            chain = self.events.pop()
            if chain is None:
                self.events.put_back(chains)
                return False
            chains.append(chain)
        for chain, event in zip(chains, group, strict=True):
            self.events.push(chain, chain.write(EVENT.pack(*event)))
        self.events.notify()
        return True

    def _take_states(self) -> None:
        while (chain := self.states.pop()) is not None:
            data = chain.read(EVENT.size)
            self.state(*EVENT.unpack(data.ljust(EVENT.size, b"\0")))
            self.states.push(chain, len(data))
        self.states.notify()

    def state(self, kind: int, code: int, value: int) -> None:
        """The driver sets something: an LED."""
