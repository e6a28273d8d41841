"""QMP commands of character devices: query, add, change, remove, break, and the ring buffer.

Source: BEHAVIOUR 5.4; QEMU's schema `char`; texts of QEMU 10.0.13.
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emu.chardev.mux import Mux
from emu.chardev.ringbuf import RingBuffer
from emu.core.ghash import ghash_order
from emu.errors import UserError
from emu.monitor.chardev_schema import ChardevBackend, MuxBackend, to_spec
from emu.monitor.commands.registry import qmp_command

if TYPE_CHECKING:
    from emu.chardev.base import Chardev
    from emu.chardev.spec import Spec
    from emu.emulator import Emulator
    from emu.monitor.monitor import Monitor


@dataclass(frozen=True)
class ChardevInfo:
    """What query-chardev says of one."""

    label: str
    filename: str
    frontend_open: bool


@dataclass(frozen=True)
class ChardevBackendInfo:
    """A kind of back end."""

    name: str


@qmp_command("query-chardev", preconfig=True)
def query_chardev(e: Emulator) -> list[ChardevInfo]:
    """Every character device, those behind muxes included."""
    found = {one.label: one for one in e.chardevs.all()}
    order = reversed(ghash_order(found))
    return [ChardevInfo(name, found[name].filename, _open(found[name])) for name in order]


def _open(one: Chardev | Mux) -> bool:
    """Whether a front end uses it; a multiplexer alone does not."""
    if isinstance(one, Mux) or not isinstance(one.frontend, Mux):
        return one.used
    return one.frontend.used


@qmp_command("query-chardev-backends")
def query_chardev_backends(_e: Emulator) -> list[ChardevBackendInfo]:
    """Every kind that chardev-add can make."""
    from emu.chardev.registry import driver_names

    return [ChardevBackendInfo(name) for name in driver_names()]


# -- making and removing


@dataclass(frozen=True)
class ChardevReturn:
    """pty: the name of the pseudo-terminal, if it is one."""

    pty: str | None = None


def _made(made: Chardev) -> ChardevReturn:
    from emu.chardev.pty import Pty

    return ChardevReturn(made.path if isinstance(made, Pty) else None)


def _nobody(_text: str) -> None:
    """The reply has a pty's name."""


@contextmanager
def _adding(e: Emulator, id: str) -> Iterator[None]:
    """Say what could not be added; that it is there already is said as it is."""
    taken = id in e.chardevs
    try:
        yield
    except UserError as error:
        if not taken:
            error.text = f"Failed to add chardev '{id}': {error.text}"
        raise


def _named(spec: Spec, monitor: Monitor | None) -> Spec:
    """With the descriptor that a client has given a name (getfd). Errors: UserError."""
    if not spec.fd:
        return spec
    fd = monitor.take_fd(spec.fd) if monitor is not None else None
    if fd is None:
        raise UserError(f"File descriptor named '{spec.fd}' has not been found")
    return replace(spec, fd=str(fd))


@qmp_command("chardev-add")
def chardev_add(e: Emulator, monitor: Monitor, id: str, backend: ChardevBackend) -> ChardevReturn:
    """Make one. Errors: UserError."""
    with _adding(e, id):
        if isinstance(backend, MuxBackend):
            e.chardevs.make_mux(id, backend.data.chardev)
            return ChardevReturn()
        return _made(e.chardevs.make(_named(to_spec(backend), monitor), id, _nobody))


@qmp_command("chardev-change")
def chardev_change(e: Emulator, monitor: Monitor, id: str, backend: ChardevBackend) -> ChardevReturn:
    """Put another back end behind the front end of `id`. Errors: UserError, and the old one stays."""
    if isinstance(backend, MuxBackend):
        raise UserError("Mux device hotswap not supported yet")
    return _made(e.chardevs.change(id, _named(to_spec(backend), monitor), _nobody))


@qmp_command("chardev-remove")
def chardev_remove(e: Emulator, id: str) -> None:
    """Errors: UserError if it is not there or in use."""
    e.chardevs.remove(id)


@qmp_command("chardev-send-break")
def chardev_send_break(e: Emulator, id: str) -> None:
    """A break for the front end. Errors: UserError."""
    found = e.chardevs.find(id)
    if found is None:
        raise UserError(f"Chardev '{id}' not found")
    found.send_break()


# -- the ring buffer


class DataFormat(enum.Enum):
    """How bytes are written in JSON."""

    UTF8 = "utf8"
    BASE64 = "base64"


def ring_buffer(e: Emulator, device: str) -> RingBuffer:
    """Errors: UserError."""
    found = e.chardevs.find(device)
    if found is None:
        raise UserError(f"Device '{device}' not found")
    if not isinstance(found, RingBuffer):
        raise UserError(f"{device} is not a ringbuf device")
    return found


@qmp_command("ringbuf-write")
def ringbuf_write(e: Emulator, device: str, data: str, format: DataFormat = DataFormat.UTF8) -> None:
    """Put bytes in. Errors: UserError."""
    ring = ring_buffer(e, device)
    if format is DataFormat.BASE64:
        try:
            ring.write(base64.b64decode(data, validate=True))
        except binascii.Error as error:
            raise UserError("Base64 data contains invalid characters") from error
    else:
        ring.write(data.encode("utf-8", "surrogateescape"))


@qmp_command("ringbuf-read")
def ringbuf_read(e: Emulator, device: str, size: int, format: DataFormat = DataFormat.UTF8) -> str:
    """Take up to `size` bytes out. Errors: UserError."""
    ring = ring_buffer(e, device)
    if size <= 0:
        raise UserError("size must be greater than zero")
    data = ring.read(size)
    if format is DataFormat.BASE64:
        return base64.b64encode(data).decode()
    # what is no UTF-8 cannot be said in JSON: it shows as the replacement character
    return data.decode("utf-8", "replace")
