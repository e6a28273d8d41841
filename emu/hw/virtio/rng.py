"""virtio-rng: entropy for the guest, at most max-bytes in each period ms of guest time.

Rules
- one request is with the back end at a time; its bytes fill the driver's buffers in order, the last one
  perhaps in part. Without a back end of the user's it has rng-builtin as a child;
- bytes that come while the machine stands, or for a former life of the device, are not given to anybody: it
  asks anew when it goes on.
Source: virtio 1.2, 5.4; properties, defaults and messages are QEMU 10.0's.
"""

from __future__ import annotations

from emu.backends.rng import Request, RngBackend, RngBuiltin
from emu.errors import OptionError
from emu.hw.virtio.device import VirtioDevice
from emu.loop.timers import MS, Timer
from emu.qom.device import Category
from emu.qom.property import Link, Uint
from emu.qom.types import qom_type

QUEUE_SIZE = 8
MOST_BYTES = (1 << 63) - 1


@qom_type("virtio-rng-device")
class VirtioRng(VirtioDevice):
    """quota: bytes it may still give in this period."""

    device_id = 4
    category = Category.MISC

    rng = Link("rng", "rng-backend")
    max_bytes = Uint("max-bytes", 64, MOST_BYTES)
    period_ms = Uint("period", 32, 1 << 16)

    def instance_init(self) -> None:
        """Nothing asked for."""
        self.quota = 0
        self._request: Request | None = None

    def realize(self) -> None:
        """Check, find the back end, start the clock."""
        if not self.period_ms:
            raise OptionError("'period' parameter expects a positive integer")
        if self.max_bytes > MOST_BYTES:
            raise OptionError("'max-bytes' parameter must be positive, and less than 2^63")
        self.backend = self._find_backend()
        self.backend.attach()
        super().realize()
        self.queue = self.add_queue(QUEUE_SIZE, self._process)
        self._clock = self.vm.clocks.virtual
        self._refill = Timer(self._clock, self._new_period, MS)
        self._start_period = True  # with the next request
        self.quota = self.max_bytes

    def _find_backend(self) -> RngBackend:
        if self.rng is None:
            default = self.child("default-backend")
            if default is None:
                default = self.add_child("default-backend", RngBuiltin())
                default.complete()
            self.rng = default
        assert isinstance(self.rng, RngBackend)
        return self.rng

    def unrealize(self) -> None:
        """Ask for nothing any more."""
        super().unrealize()
        self._refill.cancel()
        self.backend.detach()

    def driver_gone(self) -> None:
        """What comes for the former life comes for nobody. The rate limit is the user's, and stays."""
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def driver_ready(self) -> None:
        """It may have put buffers there before."""
        self._process()

    def resumed(self) -> None:
        """Ask again for what came while the machine stood."""
        self._process()

    def _process(self) -> None:
        """Ask for as much as the driver has room for and the rate allows."""
        if not (self.vm_running and self.driver_ok and self.queue.ready) or self._request is not None:
            return
        if self._start_period:
            self._start_period = False
            self._refill.mod(self._clock.now_ns() // MS + self.period_ms)
        most = min(self.quota, 0xFFFF_FFFF)
        if most <= 0:
            return
        room = self.queue.room(most)
        if room:
            self._request = self.backend.request(self.vm, min(room, most), self._receive)

    def _new_period(self) -> None:
        self.quota = self.max_bytes
        self._start_period = True
        self._process()

    def _receive(self, data: bytes) -> None:
        self._request = None
        if not (self.vm_running and self.driver_ok):
            return
        self.quota -= len(data)
        at = 0
        while at < len(data) and (chain := self.queue.pop()) is not None:
            done = chain.write(data[at:])
            self.queue.push(chain, done)
            at += done
        self.queue.notify()
        self._process()
