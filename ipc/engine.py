"""The engine: a flat blob of compiled code, found in the cache by digest, loaded without a compiler.

Rules
- the digest covers every source that takes part, the layout, numba's and llvmlite's versions and the
  host processor's features (numba's own cache stamp covers one file only: a stale hit was measured);
- a cache file is used only if it is a regular file of ours that nobody else may write, and its checksum
  holds; otherwise it counts as absent;
- the code is copied into a sealed memfd and mapped read+execute: homes may be noexec, files change.
Source: DESIGN section 2 and law 9.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import mmap
import os
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import msgpack

from ipc.errors import EngineMissing, ResourceError

MAGIC = b"EMUBLOB1"
_HEAD = struct.Struct("<8sQ32s")  # magic, length of the msgpack head, sha256 of all behind this struct
PARTS = ("csr", "hart", "mem", "fp", "sbi", "isa", "codegen")


def cache_dir() -> Path:
    """Where engines are kept: $XDG_CACHE_HOME/emu or ~/.cache/emu (not created here)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "emu"


def _sources() -> list[Path]:
    root = Path(__file__).resolve().parent.parent
    files = [root / "ipc" / "layout.py", root / "ipc" / "sbi.py", root / "vcpu_worker" / "native.py"]
    for part in PARTS:
        files += (root / "vcpu_worker" / part).glob("*.py")
    files.append(root / "vcpu_worker" / "codegen" / "pairs.csv")
    return sorted(files)


def host_features() -> str:
    """Machine and processor features as the kernel names them; part of the digest."""
    machine = os.uname().machine
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return machine
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return machine + " " + " ".join(sorted(line.partition(":")[2].split()))
    return machine


def installed_version(package: str) -> str:
    """The version of an installed package, by the name of its .dist-info directory.

    importlib.metadata answers the same, but brings a parser of e-mail along: 15 ms of each start. It is asked
    where no directory is found (an editable install, a zip). Errors: importlib.metadata's, if it is absent.
    """
    for place in sys.path:
        for found in sorted(Path(place or ".").glob(f"{package}-*.dist-info")):
            return found.name.removeprefix(f"{package}-").removesuffix(".dist-info")
    from importlib import metadata

    return metadata.version(package)


def digest() -> str:
    """Name of the engine these sources make on this host, 32 hex digits."""
    h = hashlib.sha256()
    for path in _sources():
        h.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for package in ("numba", "llvmlite"):
        h.update(installed_version(package).encode() + b"\0")
    h.update(host_features().encode())
    return h.hexdigest()[:32]


@dataclass(frozen=True)
class Blob:
    """A built engine. code: position-independent bytes, entered at page offset 0; offsets are into it.

    exports: native -> (offset, number of arguments); handlers: offset for each decode op, then the same
    again without pairs; tables: bytes.
    """

    code: bytes
    exports: dict[str, tuple[int, int]]
    handlers: list[int]
    stop: int
    tables: bytes

    def pack(self) -> bytes:
        """The file's bytes."""
        head = {"exports": self.exports, "handlers": self.handlers, "stop": self.stop,
                "code": len(self.code), "tables": len(self.tables)}  # fmt: skip
        meta: bytes = msgpack.packb(head)
        rest = meta + self.code + self.tables
        return _HEAD.pack(MAGIC, len(meta), hashlib.sha256(rest).digest()) + rest

    @staticmethod
    def unpack(data: bytes) -> Blob | None:
        """The blob in a file's bytes, or None if they are not one, whole and unharmed."""
        if len(data) < _HEAD.size:
            return None
        magic, n, check = _HEAD.unpack_from(data)
        rest = memoryview(data)[_HEAD.size :]
        if magic != MAGIC or n > len(rest) or hashlib.sha256(rest).digest() != check:
            return None
        head = msgpack.unpackb(rest[:n])
        code_end = n + head["code"]
        exports = {k: (v[0], v[1]) for k, v in head["exports"].items()}
        return Blob(bytes(rest[n:code_end]), exports, head["handlers"], head["stop"],
                    bytes(rest[code_end : code_end + head["tables"]]))  # fmt: skip


def blob_path(name: str | None = None) -> Path:
    """The cache file of the engine `name` (default: of these sources on this host)."""
    return cache_dir() / (name or digest()) / "engine.blob"


def read_blob(path: Path) -> Blob | None:
    """A cached blob, or None: absent, harmed, or not ours alone to write."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as f:
        st = os.fstat(fd)
        if not stat.S_ISREG(st.st_mode) or st.st_uid != os.getuid() or st.st_mode & 0o022:
            return None
        return Blob.unpack(f.read())


class Engine:
    """A blob mapped for execution in this process. Children made by fork have it too."""

    def __init__(self, blob: Blob) -> None:
        self._base = _map_code(blob.code)
        self.exports = blob.exports
        tables = mmap.mmap(-1, max(len(blob.tables), mmap.PAGESIZE))
        tables[: len(blob.tables)] = blob.tables
        self._tables = tables
        self.tables_address = _address(tables)
        n = len(blob.handlers)
        self._dispatch = (ctypes.c_uint64 * n)(*(self._base + off for off in blob.handlers))
        self._stop = (ctypes.c_uint64 * n)(*([self._base + blob.stop] * n))
        self.dispatch_address = ctypes.addressof(self._dispatch)
        self.stop_address = ctypes.addressof(self._stop)
        self._functions = {
            name: ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * arity)(self._base + off)
            for name, (off, arity) in blob.exports.items()
        }
        self.run = self._functions["run"]

    def call(self, name: str, *args: int) -> int:
        """Call an exported native; words in, word out. KeyError if it is not exported."""
        result: int = self._functions[name](*args)
        return result


def host_calls() -> dict[str, int]:
    """What compiled code calls of the C library: the HART field for each, and the host address for it."""
    libc = ctypes.CDLL(None)
    names = ("clock_gettime", "send", "write", "read")
    return {f"os_{name}": ctypes.cast(getattr(libc, name), ctypes.c_void_p).value or 0 for name in names}


def _address(m: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(m))


def _map_code(code: bytes) -> int:
    """Address of a read+execute mapping of `code`, which lives as long as the process."""
    fd = os.memfd_create("emu-engine", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        done = 0
        while done < len(code):
            done += os.write(fd, code[done:])
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        # Python's mmap gives no address of a mapping that may not be written
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
        at = libc.mmap(None, len(code), mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE, fd, 0)
        if at in (None, ctypes.c_void_p(-1).value):
            why = os.strerror(ctypes.get_errno())
            raise ResourceError(f"cannot map the engine for execution: {why}")
        return int(at)
    finally:
        os.close(fd)


_loaded: Engine | None = None


def load() -> Engine:
    """The engine of these sources, mapped once per process. Errors: EngineMissing if it is not built."""
    global _loaded
    if _loaded is None:
        blob = read_blob(blob_path())
        if blob is None:
            raise EngineMissing(str(blob_path()))
        _loaded = Engine(blob)
    return _loaded
