"""Makes character devices from their specs, keeps them by label, changes and removes them.

Rule: a mux is reached by its label; the device behind it is called `LABEL-base`. Both are listed.
Source: BEHAVIOUR 5.4; texts of QEMU 10.0.13.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.chardev.base import Chardev
from emu.chardev.mux import ESCAPE, Mux
from emu.chardev.registry import Opening, driver, to_stdout
from emu.chardev.spec import MUX, Spec
from emu.errors import OptionError, UserError
from emu.loop.notify import Signals
from emu.loop.poll import MainLoop


class Chardevs:
    """The character devices of one process. quit: Ctrl-A x; escape: for Ctrl-A.

    info, say: a line for the user, as something worth knowing and with the program's name alone.
    """

    def __init__(
        self, loop: MainLoop, quit: Callable[[], None], info: Callable[[str], None], escape: int = ESCAPE,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        self._loop = loop
        self._quit = quit
        self._info = info
        self._say = say
        self._escape = escape
        self._open: dict[str, Chardev] = {}  # everything to be closed, base devices of muxes included
        self._muxes: dict[str, Mux] = {}
        self._started = False  # front ends of the start are all there
        self._terminal: Signals | None = None

    # -- making

    def make(self, spec: Spec, label: str, tell: Callable[[str], None] = to_stdout) -> Chardev:
        """A device called `label`; of a mux, the one behind it. Errors: UserError with QEMU's texts.

        tell: where the name of a new pseudo-terminal is announced.
        """
        if label in self:
            raise OptionError(f"Chardev with id '{label}' already exists")
        if spec.backend == MUX:
            return self.make_mux(label, spec.chardev)
        name = f"{label}-base" if spec.mux else label
        if name in self:
            raise OptionError(f"Chardev with id '{name}' already exists")
        made = self._backend(spec, name, tell)
        self._open[name] = made
        if spec.mux:
            self._muxes[label] = Mux(label, made, self._quit, self._escape, opened=self._started)
        return made

    def _backend(self, spec: Spec, label: str, tell: Callable[[str], None]) -> Chardev:
        opener = driver(spec.backend)
        if opener is None:
            raise OptionError(f"'{spec.backend}' is not a valid char driver name")
        log = None
        if spec.log is not None:
            from emu.chardev.log import CharLog

            log = CharLog(spec.log, spec.log_append)
        try:
            made = opener(Opening(label, self._loop, spec, self._info, tell, self._say))
        except UserError:
            if log is not None:
                log.close()
            raise
        made.log = log
        if self._terminal is not None:
            made.take_terminal(self._terminal)
        return made

    def make_mux(self, label: str, base: str) -> Chardev:
        """A multiplexer on the device `base`, which is there. Errors: UserError."""
        if label in self:
            raise OptionError(f"Chardev with id '{label}' already exists")
        found = self._open.get(base)
        if found is None:
            raise UserError(f"mux: base chardev {base} not found")
        self._muxes[label] = Mux(label, found, self._quit, self._escape, opened=self._started)
        return found

    # -- finding

    def __contains__(self, label: object) -> bool:
        return label in self._open or label in self._muxes

    def port(self, label: str) -> Chardev | None:
        """What a front end is attached to: the device, or a place on its mux. None: there is none."""
        mux = self._muxes.get(label)
        return mux.port() if mux else self._open.get(label)

    def find(self, label: str) -> Chardev | Mux | None:
        """The device or mux of that name."""
        return self._muxes.get(label) or self._open.get(label)

    def all(self) -> list[Chardev | Mux]:
        """Every device and mux, in the order of their making."""
        found: list[Chardev | Mux] = []
        for label, device in self._open.items():
            found.append(device)
            mux = self._muxes.get(label.removesuffix("-base"))
            if mux is not None and mux.base is device:
                found.append(mux)
        return [*found, *(mux for mux in self._muxes.values() if mux not in found)]

    # -- changing

    def change(self, label: str, spec: Spec, tell: Callable[[str], None] = to_stdout) -> Chardev:
        """Another back end for `label`; its front end stays. Errors: UserError, and the old one stays."""
        old = self._open.get(label)
        if label in self._muxes or spec.mux:
            raise UserError("Mux device hotswap not supported yet")
        if old is None:
            raise UserError(f"Chardev '{label}' does not exist")
        frontend, told = old.frontend, (old.on_connection, old.on_focus)
        changed = getattr(frontend, "backend_changed", None)
        if old.used and changed is None:
            raise UserError("Chardev user does not support chardev hotswap")
        made = self._backend(spec, label, tell)
        self._open[label] = made
        if old.used:
            was = old.connected
            old.detach()
            made.on_connection, made.on_focus = told
            if was and not made.connected:
                made.on_connection(False)
            made.attach(frontend)
            if changed is not None:
                changed(made)
            if made.connected and not was:
                made.on_connection(True)
        self._close(old)
        return made

    def remove(self, label: str) -> None:
        """What is behind a mux stays, without a front end. Errors: UserError if it is not there or in use."""
        found = self.find(label)
        if found is None:
            raise UserError(f"Chardev '{label}' not found")
        if found.used:
            raise UserError(f"Chardev '{label}' is busy")
        if isinstance(found, Mux):
            del self._muxes[label]
            found.base.detach()
        else:
            self._close(self._open.pop(label))

    def discard(self, label: str) -> None:
        """Remove it with what is behind it. Errors: as `remove`."""
        self.remove(label)
        if f"{label}-base" in self._open:
            self.remove(f"{label}-base")

    # -- the process

    def take_terminal(self, signals: Signals) -> None:
        """From now on the terminal, if there is one, is ours."""
        self._terminal = signals
        for device in self._open.values():
            device.take_terminal(signals)

    def all_attached(self) -> None:
        """Front ends of the start are there: those behind muxes hear that they are connected."""
        self._started = True
        for mux in self._muxes.values():
            mux.open()

    def close(self) -> None:
        """Last words of all, then back to how things were."""
        for device in reversed(self._open.values()):
            self._close(device)
        self._open.clear()
        self._muxes.clear()

    def _close(self, device: Chardev) -> None:
        device.close()
        if device.log is not None:
            device.log.close()
