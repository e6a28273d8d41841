"""Build the engine: `python -m vcpu_worker.codegen.build [--progress-fd N] [--force]`.

A process of its own, since LLVM's fatal errors end the process. It compiles every native through Numba
(two or more processes, kept by content), lowers every instruction, links all of it into one blob and
puts that in the cache under its digest. Progress goes to a file descriptor, a line a step:
`done total name`. Exit status 0: the blob is there; 1: one line on stderr says why not.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import importlib
import os
import pkgutil
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ipc.engine import PARTS, Blob, blob_path, cache_dir, digest, host_features
from vcpu_worker.native import NATIVES, Native, Rewritten

PR_SET_PDEATHSIG = 1  # prctl(2)
Progress = Callable[[int, int, str], None]


def import_all() -> None:
    """Import every module of the packages that declare natives or instructions."""
    import vcpu_worker

    for part in PARTS:
        if part == "codegen":
            continue
        package = importlib.import_module(f"{vcpu_worker.__name__}.{part}")
        for info in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{info.name}")


def _key(r: Rewritten, salt: bytes) -> str:
    parts = (r.source, repr(sorted(r.constants.items())), repr(sorted(r.callees.items())))
    return hashlib.sha256(salt + "\0".join(parts).encode()).hexdigest()[:32]


def _salt() -> bytes:
    from importlib import metadata

    h = hashlib.sha256()
    for name in ("natives.py", "prims.py"):
        h.update((Path(__file__).parent / name).read_bytes())
    h.update((metadata.version("numba") + metadata.version("llvmlite") + host_features()).encode())
    return h.digest()


def _compile_missing(
    todo: list[tuple[str, Rewritten, Path]], progress: Progress, natives: int, total: int
) -> None:
    """Compile natives into their files, in as many processes as there are processors."""
    workers = min(len(os.sched_getaffinity(0)), len(todo), 8)
    parent = os.getpid()
    done = natives - len(todo)
    read_fd, write_fd = os.pipe()
    pids = []
    sys.stdout.flush()
    for k in range(workers):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(read_fd)
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(status)
                for name, r, path in todo[k::workers]:
                    from vcpu_worker.codegen.natives import compile_native

                    write_atomically(path, compile_native(NATIVES[name], r).encode())
                    os.write(write_fd, name.encode() + b"\n")
                status = 0
            except BaseException as e:
                text = f"{type(e).__name__}: {e}\n" + "\n".join(getattr(e, "__notes__", []))
                os.write(2, text.encode() + b"\n")
            finally:
                os._exit(status)
        pids.append(pid)
    os.close(write_fd)
    with os.fdopen(read_fd, "r") as lines:
        for line in lines:
            done += 1
            progress(done, total, line.strip())
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1] != 0]
    if failed:
        raise SystemExit("the engine's natives could not be compiled (see above)")


def write_atomically(path: Path, data: bytes) -> None:
    """Put a file in place whole, or not at all, readable by its owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise


def build(progress: Progress) -> tuple[Blob, dict[str, int]]:
    """Compile everything: the blob, and where each function of it lies.

    Errors: NativeError, LinkError, numba's; SystemExit if a child failed.
    """
    import_all()
    from vcpu_worker.codegen import decode, handlers
    from vcpu_worker.codegen.lower import Target
    from vcpu_worker.codegen.natives import declared_natives
    from vcpu_worker.mem.decode import FIRST_OP, MAX_OPS

    declared = declared_natives()
    _check_callees(declared)
    salt = _salt()
    paths = {name: cache_dir() / "ir" / f"{_key(r, salt)}.ll" for name, (_, r) in declared.items()}
    todo = [(name, r, paths[name]) for name, (_, r) in declared.items() if not paths[name].exists()]
    todo.sort(key=lambda t: -len(t[1].source))
    total = len(declared) + 3
    progress(len(declared) - len(todo), total, "natives")
    if todo:
        _compile_missing(todo, progress, len(declared), total)
    from vcpu_worker.codegen import link

    link.setup()
    progress(len(declared), total, "handlers")
    ops: list[tuple[str, int, bool] | None] = [None] * FIRST_OP
    ops += [(op.name, op.length, op.near) for op in decode.ops()]
    text, names, singles = handlers.module(ops, Target(strong_order=platform.machine() == "x86_64"))
    progress(len(declared) + 1, total, "optimise and link")
    keep = {n for n, (native, _) in declared.items() if native.export} | set(names) | {"op_stop"}
    whole, tm = link.optimise([text, *(p.read_text() for p in paths.values())], keep)
    flat = link.flatten(tm.emit_object(whole))
    progress(len(declared) + 2, total, "store")
    exports = {
        n: (flat.symbols[n], len(native.params)) for n, (native, _) in declared.items() if native.export
    }
    code = flat.code + b"\xcc" * (-len(flat.code) % 4096)
    tables = decode.tables()
    missing = ["op_illegal"] * (MAX_OPS - len(names))
    table = [flat.symbols[n] for n in (*names, *missing, *singles, *missing)]
    blob = Blob(code, exports, table, flat.symbols["op_stop"], tables)
    return blob, flat.symbols


def symbol_map(symbols: dict[str, int], size: int) -> bytes:
    """Lines `offset size name` (hex), by offset: what a perf map of the engine is made from."""
    order = sorted((at, name) for name, at in symbols.items())
    ends = [at for at, _ in order[1:]] + [size]
    lines = [f"{at:x} {end - at:x} {name}" for (at, name), end in zip(order, ends, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _check_callees(declared: dict[str, tuple[Native, Rewritten]]) -> None:
    """Every native an instruction calls exists. Errors: NativeError."""
    from vcpu_worker.codegen.pairs import traced
    from vcpu_worker.isa.insn import INSNS
    from vcpu_worker.native import NativeError

    for name, insn in INSNS.items():
        if insn.func is None:
            continue
        for op in traced(name).ops:
            if op.kind in ("call", "hcall", "system") and op.args[0] not in declared:
                raise NativeError(f"{insn.where} instruction {name}: no native {op.args[0]!r}")


def main(argv: list[str] | None = None) -> int:
    """Build unless the cache has it. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="vcpu_worker.codegen.build")
    parser.add_argument("--progress-fd", type=int, default=2)
    parser.add_argument("--force", action="store_true")
    args = parser.parse_args(argv)

    def progress(done: int, total: int, name: str) -> None:
        with contextlib.suppress(OSError):  # whoever watched is gone; the build is still worth having
            os.write(args.progress_fd, f"{done} {total} {name}\n".encode())

    from ipc.engine import read_blob

    path = blob_path(digest())
    if not args.force and read_blob(path) is not None:
        return 0
    blob, symbols = build(progress)
    write_atomically(path.with_suffix(".sym"), symbol_map(symbols, len(blob.code)))
    write_atomically(path, blob.pack())
    total = len(NATIVES) + 3
    progress(total, total, "done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
