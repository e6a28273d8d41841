"""What character devices on descriptors have in common: a Stream, always or while somebody is connected."""

from __future__ import annotations

from collections.abc import Callable

from emu.chardev.base import Chardev
from emu.chardev.stream import Stream
from emu.loop.poll import MainLoop


class Streamed(Chardev):
    """`stream` is None while nobody is connected: output goes nowhere then, and there is no input."""

    offers_oob = True

    def __init__(self, label: str, loop: MainLoop) -> None:
        super().__init__(label)
        self.loop = loop
        self.stream: Stream | None = None

    def open_stream(
        self, in_fd: int, out_fd: int, on_end: Callable[[], None] = lambda: None,
        read: Callable[[int, int], bytes] | None = None,
    ) -> None:  # fmt: skip
        """Connected: read one, write the other (which may be the same, or -1)."""
        more = {} if read is None else {"read": read}
        self.stream = Stream(
            self.loop, in_fd, out_fd, lambda: self.frontend.can_receive(), self.received,
            lambda: self.frontend.backend_writable(), on_end, **more,
        )  # fmt: skip

    def received(self, data: bytes) -> None:
        """Input, for the front end."""
        self.frontend.receive(data)

    def drop_stream(self) -> None:
        """Not connected any more. Whoever waited to write waited in vain."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
            self.on_connection(False)
            self.frontend.backend_writable()

    @property
    def connected(self) -> bool:  # type: ignore[override]  # it changes as peers come and go
        """Whether there is a stream."""
        return self.stream is not None

    @property
    def reachable(self) -> bool:
        """Until the end of the input."""
        return self.stream is not None and not self.stream.ended

    def put(self, data: bytes) -> int:
        """To the other side, if there is one."""
        return self.stream.write(data) if self.stream else len(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        if self.stream:
            self.stream.watch_writable()
        else:
            self.frontend.backend_writable()

    def flush(self) -> None:
        """As `Chardev`."""
        if self.stream:
            self.stream.flush()

    def accept_input(self) -> None:
        """As `Chardev`."""
        if self.stream:
            self.stream.accept_input()

    def close(self) -> None:
        """Write the rest."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
