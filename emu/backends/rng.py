"""Sources of entropy for guests: rng-builtin, rng-random (a file), rng-egd (a daemon behind a chardev).

Rules
- a request is for a few bytes and is answered once, from a turn of the main loop, never inside `request`:
  with at most as many bytes, at least one;
- nothing blocks: files are read when they are readable;
- a cancelled request is never answered; what a daemon still sends for it is dropped;
- a back end that its user has deleted goes on serving the devices that use it, and ends with the last.
Source: QEMU 10.0's objects, properties and messages; the EGD protocol: command 2 is a blocking read.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.chardev.base import Chardev
from emu.errors import HostError, OptionError, strerror
from emu.loop.deferred import BottomHalf
from emu.qom.creatable import UserCreatable
from emu.qom.object import Object, root
from emu.qom.property import Accessor, DeviceNotFound, Text
from emu.qom.types import qom_type

if TYPE_CHECKING:
    from emu.vm import Vm

MOST = 1 << 16  # bytes of a request: guests offer buffers of any length, and take any part of it
EGD_READ, EGD_MOST = 0x02, 255


@dataclass(eq=False)
class Request:
    """`size` bytes for `receive`, not answered yet. done: it never will be, again or at all."""

    size: int
    receive: Callable[[bytes], None]
    done: bool = False

    def cancel(self) -> None:
        """Whoever asked does not want to hear any more."""
        self.done = True

    def answer(self, data: bytes) -> None:
        """Here it is."""
        if not self.done:
            self.done = True
            self.receive(data)


@qom_type("rng-backend", abstract=True)
class RngBackend(Object, UserCreatable):
    """opened: it works. waiting: requests in their order."""

    opened_property = Accessor("opened", "bool", lambda self: self.opened)

    def instance_init(self) -> None:
        """Nobody asks yet."""
        self.opened = False
        self.waiting: deque[Request] = deque()
        self._users = 0
        self._deleted = False

    def complete(self) -> None:
        """Open it. Errors: UserError."""
        self.open()
        self.opened = True

    def open(self) -> None:
        """Take hold of the source. Errors: UserError."""

    def shut(self) -> None:
        """Let go of it."""

    def serve(self, vm: Vm) -> None:
        """A request more is in `waiting`."""
        raise NotImplementedError

    def attach(self) -> None:
        """A device uses it."""
        self._users += 1

    def detach(self) -> None:
        """It does not any more."""
        self._users -= 1
        self._end()

    def request(self, vm: Vm, size: int, receive: Callable[[bytes], None]) -> Request:
        """Ask for at most `size` bytes (1 or more); `receive` gets them later."""
        made = Request(min(size, MOST), receive)
        self.waiting.append(made)
        self.serve(vm)
        return made

    def finalize(self) -> None:
        """Its user has deleted it."""
        self._deleted = True
        self._end()

    def _end(self) -> None:
        if self._deleted and not self._users and self.opened:
            self.opened = False
            self.shut()

    def _drop_cancelled(self) -> None:
        while self.waiting and self.waiting[0].done:
            self.waiting.popleft()


@qom_type("rng-builtin")
class RngBuiltin(RngBackend):
    """The host kernel's generator."""

    def instance_init(self) -> None:
        """Made when the first request comes: there is no loop before."""
        self._later: BottomHalf | None = None

    def serve(self, vm: Vm) -> None:
        """On the next turn."""
        if self._later is None:
            self._later = vm.loop.deferred.new(self._answer)
        self._later.schedule()

    def _answer(self) -> None:
        for _ in range(len(self.waiting)):
            request = self.waiting.popleft()
            if not request.done:
                request.answer(os.urandom(request.size))

    def shut(self) -> None:
        """Nobody asks any more."""
        if self._later is not None:
            self._later.cancel()


def _not_opened(name: str) -> Callable[[RngBackend, str], None]:
    def check(backend: RngBackend, _value: str) -> None:
        if backend.opened:
            raise OptionError(f"Property '{name}' can no longer be set")

    return check


@qom_type("rng-random")
class RngRandom(RngBackend):
    """What a file gives: /dev/urandom, /dev/hwrng, a pipe."""

    filename = Text("filename", "/dev/urandom", type="string", check=_not_opened("filename"))
    filename.default = None  # there is one, and QEMU does not tell

    def instance_init(self) -> None:
        """Not open."""
        self._fd = -1
        self._vm: Vm | None = None
        self._always_ready: BottomHalf | None = None

    def open(self) -> None:
        """Open the file. Errors: HostError with QEMU's text."""
        try:
            self._fd = os.open(self.filename, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise HostError(f"Could not open '{self.filename}': {strerror(error)}") from error

    def serve(self, vm: Vm) -> None:
        """Read when there is something."""
        self._vm = vm
        if self._fd < 0:
            return  # at its end
        if self._always_ready is None:
            try:
                vm.loop.watch(self._fd, read=self._read)
                return
            except PermissionError:  # epoll's answer to what is always ready
                self._always_ready = vm.loop.deferred.new(self._read)
        self._always_ready.schedule()

    def _read(self) -> None:
        self._drop_cancelled()
        if not self.waiting:
            self._rest()
            return
        try:
            data = os.read(self._fd, self.waiting[0].size)
        except BlockingIOError:
            return
        except OSError as error:
            self._give_up(strerror(error))
            return
        if not data:
            self._give_up("end of file")
            return
        self.waiting.popleft().answer(data)
        self._drop_cancelled()
        if not self.waiting:
            self._rest()
        elif self._always_ready is not None:
            self._always_ready.schedule()

    def _rest(self) -> None:
        if self._always_ready is None and self._vm is not None and self._fd >= 0:
            self._vm.loop.watch(self._fd)

    def _give_up(self, why: str) -> None:
        """Guests wait from now on: there is nothing to give them, and asking again would not help."""
        assert self._vm is not None
        self._vm.host.log_line(f"warning: {self.filename}: {why}; no more entropy from it")
        self.shut()

    def shut(self) -> None:
        """Close the file."""
        self._rest()
        if self._always_ready is not None:
            self._always_ready.cancel()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@qom_type("rng-egd")
class RngEgd(RngBackend):
    """An entropy gathering daemon behind a character device. Answers come in the order of the questions."""

    required = ("chardev",)
    late = True  # character devices come before
    chardev = Text("chardev", type="string", check=_not_opened("chardev"))

    def instance_init(self) -> None:
        """No daemon."""
        self._port: Chardev | None = None
        self._asked = bytearray()  # commands the character device has not taken
        self._got = bytearray()  # of the first request

    def open(self) -> None:
        """Take the character device. Errors: DeviceNotFound, UserError."""
        from emu.hw.machine import MachineState

        machine = root().child("machine")
        assert isinstance(machine, MachineState)
        port = machine.chardevs.port(self.chardev)
        if port is None:
            raise DeviceNotFound(self.chardev)
        port.attach(self)
        self._port = port

    def serve(self, vm: Vm) -> None:
        """Ask for all of it, 255 bytes at a time."""
        left = self.waiting[-1].size
        while left:
            part = min(left, EGD_MOST)
            self._asked += bytes((EGD_READ, part))
            left -= part
        self.backend_writable()
        # what a mux has kept for us would come at once, inside the request
        vm.loop.deferred.call_soon(self._accept)

    def _accept(self) -> None:
        if self._port is not None:
            self._port.accept_input()

    # -- front end of the character device

    def can_receive(self) -> int:
        """What was asked for. Of cancelled requests too: the daemon answers those as well."""
        return sum(request.size for request in self.waiting) - len(self._got)

    def receive(self, data: bytes) -> None:
        """Share the bytes out."""
        self._got += data
        while self.waiting and len(self._got) >= self.waiting[0].size:
            request = self.waiting.popleft()
            given = bytes(self._got[: request.size])
            del self._got[: request.size]
            request.answer(given)

    def receive_break(self) -> None:
        """Means nothing here."""

    def backend_writable(self) -> None:
        """Send what was not taken before."""
        if self._port is None or not self._asked:
            return
        done = self._port.write(bytes(self._asked))
        del self._asked[:done]
        if self._asked:
            self._port.watch_writable()

    def shut(self) -> None:
        """Give the character device back."""
        if self._port is not None:
            self._port.detach()
            self._port = None
