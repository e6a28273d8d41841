"""Messages over SEQPACKET socket pairs: one send, one message, whole or not at all.

Rules
- send never blocks. A full queue (`send` gives False) means that the reader has unread messages, and
  every message only announces a level: the one dropped is not missed (law 4);
- several processes may send into the same end; each message stays whole;
- a peer that is gone is PeerGone, never a signal and never an OSError.

Measured: a message of 212 992 bytes gives EMSGSIZE, 278 unread ones of 20 bytes EAGAIN.
Source: unix(7), socket(7).
"""

from __future__ import annotations

import socket

from ipc.codec import MAX_BYTES, Malformed, decode, encode
from ipc.errors import PeerGone
from ipc.messages import Message, Sender

GONE = (BrokenPipeError, ConnectionResetError, ConnectionRefusedError)


class Channel:
    """One end. `peer` is a name for people; `sender` the kind of process that writes at the other end."""

    def __init__(self, sock: socket.socket, peer: str, sender: Sender | None = None) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.peer = peer
        self._sender = sender

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.sock.fileno()

    def send(self, message: Message) -> bool:
        """Send now, or not at all: False if the queue is full. Errors: PeerGone."""
        return self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> bool:
        """As `send`, for a message encoded before."""
        if len(data) > MAX_BYTES:
            raise ValueError(f"a message of {len(data)} bytes, at most {MAX_BYTES}")
        try:
            self.sock.send(data, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except GONE as e:
            raise PeerGone(self.peer) from e
        return True

    def receive(self) -> Message | Malformed | None:
        """The next message, None if there is none now. Errors: PeerGone at the end of the stream."""
        try:
            data, _, flags, _ = self.sock.recvmsg(MAX_BYTES)
        except BlockingIOError:
            return None
        except GONE as e:
            raise PeerGone(self.peer) from e
        if flags & socket.MSG_TRUNC:
            return Malformed(f"more than {MAX_BYTES} bytes")
        if not data:  # SEQPACKET: an empty message and the end look alike, and we send no empty ones
            raise PeerGone(self.peer)
        return decode(data, self._sender)

    def close(self) -> None:
        """Close this end."""
        self.sock.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """A connected SEQPACKET pair, both ends non-blocking and closed on exec."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    a.setblocking(False)
    b.setblocking(False)
    return a, b
