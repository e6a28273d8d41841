"""Makes character devices from their specs, and keeps them by label."""

from __future__ import annotations

import sys
from collections.abc import Callable

from emu.chardev.base import Chardev
from emu.chardev.mux import ESCAPE, Mux
from emu.chardev.spec import Spec
from emu.errors import OptionError
from emu.loop.notify import Signals
from emu.loop.poll import MainLoop


class Chardevs:
    """The character devices of one process. quit: Ctrl-A x; info: a line for the user; escape: for Ctrl-A."""

    def __init__(
        self, loop: MainLoop, quit: Callable[[], None], info: Callable[[str], None], escape: int = ESCAPE
    ) -> None:
        self._loop = loop
        self._quit = quit
        self._info = info
        self._escape = escape
        self._open: dict[str, Chardev] = {}  # everything to be closed, base devices of muxes included
        self._muxes: dict[str, Mux] = {}

    def make(self, spec: Spec, label: str) -> None:
        """A device called `label`. Errors: UserError with QEMU's texts."""
        if label in self._open or label in self._muxes:
            raise OptionError(f"Chardev with id '{label}' already exists")
        name = f"{label}-base" if spec.mux else label
        made = self._backend(spec, name)
        self._open[name] = made
        if spec.mux:
            self._muxes[label] = Mux(label, made, self._quit, self._escape)

    def _backend(self, spec: Spec, label: str) -> Chardev:
        # imported where they are asked for: a machine without a console starts without them
        if spec.backend == "stdio":
            from emu.chardev.stdio import Stdio

            return Stdio(label, self._loop, spec.signals)
        if spec.backend == "file":
            from emu.chardev.file import FileChardev

            return FileChardev(label, self._loop, spec.path, spec.append, spec.input_path)
        if spec.backend == "pty":
            from emu.chardev.pty import Pty

            pty = Pty(label, self._loop)
            sys.stdout.write(f"char device redirected to {pty.path} (label {label})\n")
            sys.stdout.flush()
            return pty
        if spec.backend == "socket":
            from emu.chardev.socket import Address, SocketChardev

            address = Address(spec.path, spec.host, int(spec.port or 0) & 0xFFFF)
            made = SocketChardev(label, self._loop, address, spec.server)
            if spec.server and spec.wait:
                self._info(f"QEMU waiting for connection on: {made.filename}")
                made.wait_for_client()
            return made
        return Chardev(label)

    def port(self, label: str) -> Chardev | None:
        """What a front end is attached to: the device, or a place on its mux. None: there is none."""
        mux = self._muxes.get(label)
        return mux.port() if mux else self._open.get(label)

    def remove(self, label: str) -> None:
        """Close a device that nobody uses any more; that there is none is no error."""
        self._muxes.pop(label, None)
        for name in (label, f"{label}-base"):
            device = self._open.pop(name, None)
            if device is not None:
                device.close()

    def take_terminal(self, signals: Signals) -> None:
        """From now on the terminal, if there is one, is ours."""
        for device in self._open.values():
            device.take_terminal(signals)

    def close(self) -> None:
        """Last words of all, then back to how things were."""
        for device in reversed(self._open.values()):
            device.close()
        self._open.clear()
        self._muxes.clear()
