"""The telnet protocol on a socket, as far as a console needs it: we echo, no lines, eight bits.

Rule: what the peer negotiates is taken out of its bytes and not answered: our offers have said all.
Source: RFC 854 (commands), 857 (echo), 858 (suppress go ahead), 856 (binary).
"""

from __future__ import annotations

IAC, DONT, DO, WONT, WILL, SB, SE, BREAK = 255, 254, 253, 252, 251, 250, 240, 243
_BINARY, _ECHO, _SUPPRESS_GO_AHEAD = 0, 1, 3
OFFERS = bytes((
    IAC, WILL, _ECHO, IAC, WILL, _SUPPRESS_GO_AHEAD, IAC, WILL, _BINARY, IAC, DO, _BINARY,
))  # fmt: skip


class Telnet:
    """One session's input. Pure: `strip` gives the data and how many breaks came with it."""

    def __init__(self) -> None:
        self._command = bytearray()  # a command that is not complete

    def strip(self, data: bytes) -> tuple[bytes, int]:
        """(what is no command, breaks)."""
        out, breaks = bytearray(), 0
        for byte in data:
            if not self._command and byte != IAC:
                out.append(byte)
                continue
            self._command.append(byte)
            if self._command == bytes((IAC, IAC)):
                out.append(IAC)
            elif self._command == bytes((IAC, BREAK)):
                breaks += 1
            elif not self._complete():
                continue
            self._command.clear()
        return bytes(out), breaks

    def _complete(self) -> bool:
        command = self._command
        if len(command) < 2:
            return False
        if command[1] == SB:  # up to its end, and no longer than any that is honest
            return (command[-2:] == bytes((IAC, SE)) and len(command) > 3) or len(command) > 256
        return len(command) == 3 if command[1] in (WILL, WONT, DO, DONT) else True
