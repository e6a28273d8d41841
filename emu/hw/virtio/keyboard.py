"""virtio-keyboard: a keyboard, and so a power button that any guest with an input driver can hear.

Rules
- `system_powerdown` presses and releases KEY_POWER. While the machine stands a press is kept until it goes
  on: somebody who shuts a paused guest down means it. One that no driver listens to is lost;
- keys are Linux's codes. Those the keyboard says it has are QEMU's.
Source: virtio 1.2, 5.8; Linux's input-event-codes; QEMU 10.0's `virtio-keyboard-device`, its registers read.
"""

from __future__ import annotations

from emu.hw.virtio.input import (
    BUS_VIRTUAL,
    EV_BITS,
    EV_KEY,
    EV_LED,
    EV_REP,
    ID_DEVIDS,
    ID_NAME,
    VENDOR,
    VirtioInput,
    bitmap,
)
from emu.qom.property import Text, Uint
from emu.qom.types import qom_type

KEY_POWER = 116
NAME, PRODUCT, VERSION = b"QEMU Virtio Keyboard\0", 0x0001, 0x0001
LEDS = range(3)  # number lock, capitals lock, scroll lock
# First and last code of each run
KEYS = (
    (1, 83), (86, 89), (91, 94), (96, 111), (113, 117), (119, 119), (121, 140), (142, 143), (155, 159),
    (163, 166), (172, 173), (183, 194), (226, 226),
)  # fmt: skip


@qom_type("virtio-input-hid-device", abstract=True)
class VirtioInputHid(VirtioInput):
    """An input device of people; display and head say which screen it belongs to, where there is one."""

    display = Text("display")
    head = Uint("head", 32)


@qom_type("virtio-keyboard-device")
class VirtioKeyboard(VirtioInputHid):
    """lit: LEDs that the guest has on, a bitmap."""

    def instance_init(self) -> None:
        """Dark."""
        self.lit = 0
        self._pressed = False  # the power button, while the machine stood

    def realize(self) -> None:
        """The machine's power button from now on."""
        super().realize()
        self.vm.run.on_powerdown(self._power_button)

    def unrealize(self) -> None:
        """Not any more."""
        self.vm.run.off_powerdown(self._power_button)
        super().unrealize()

    def describe(self) -> dict[tuple[int, int], bytes]:
        """Name, numbers, keys, repetition, LEDs."""
        ids = b"".join(n.to_bytes(2, "little") for n in (BUS_VIRTUAL, VENDOR, PRODUCT, VERSION))
        return {
            (ID_NAME, 0): NAME,
            (ID_DEVIDS, 0): ids,
            (EV_BITS, EV_KEY): bitmap(code for first, last in KEYS for code in range(first, last + 1)),
            (EV_BITS, EV_LED): bitmap(LEDS),
            (EV_BITS, EV_REP): b"\0",
        }

    def key(self, code: int, down: bool) -> bool:
        """A key goes down or up. Whether the driver gets to know."""
        return self.send((EV_KEY, code, int(down)))

    def driver_gone(self) -> None:
        """Dark again; nobody is told of the past."""
        self.lit = 0
        self._pressed = False

    def state(self, kind: int, code: int, value: int) -> None:
        """LEDs."""
        if kind == EV_LED and code in LEDS:
            self.lit = self.lit & ~(1 << code) | bool(value) << code

    def resumed(self) -> None:
        """Somebody has pressed the power button meanwhile."""
        if self._pressed:
            self._power_button()

    def _power_button(self) -> None:
        self._pressed = not self.vm_running
        if not self._pressed:
            self.key(KEY_POWER, True)
            self.key(KEY_POWER, False)
