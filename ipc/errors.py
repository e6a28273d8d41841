"""Errors of the contract between processes, by who must act.

    IpcError
    +- ResourceError        the host has not what we need (memory, names, descriptors): the user acts
    +- EngineMissing        no compiled engine in the cache: build it
    +- PeerGone             the process at the other end ended or closed the channel
    +- RemoteProtocolError  the process at the other end sent something no peer of ours sends

Local misuse (a value outside a field's range, a message to the wrong side) is a ValueError: a bug of ours.
Foreign errors (OSError, posix_ipc.Error, msgpack's) are translated where they arise, with `from`.
"""

from __future__ import annotations


class IpcError(Exception):
    """Base of this family; never raised itself."""


class ResourceError(IpcError):
    """A host resource is missing or too small. The text is one line for the user.

    Attributes: wanted_bytes, there_bytes (None where the resource is not measured in bytes).
    """

    def __init__(self, text: str, wanted_bytes: int | None = None, there_bytes: int | None = None) -> None:
        super().__init__(text)
        self.wanted_bytes = wanted_bytes
        self.there_bytes = there_bytes


class PeerGone(IpcError):
    """The peer closed its end, or died. Attribute: peer (a name for people)."""

    def __init__(self, peer: str) -> None:
        super().__init__(f"{peer} is gone")
        self.peer = peer


class RemoteProtocolError(IpcError):
    """The peer broke the protocol. Attributes: peer, why."""

    def __init__(self, peer: str, why: str) -> None:
        super().__init__(f"{peer} broke the protocol: {why}")
        self.peer = peer
        self.why = why


class EngineMissing(IpcError):
    """No usable engine in the cache. Attribute: path (where it would be)."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no engine at {path}")
        self.path = path
