"""Bare-metal guests from C and assembly, for tests and benches: `ziglang` as the cross compiler.

Rule: equal sources, flags and compiler give equal bytes: no debug information, no build id, no
path of this machine. Results are kept by the hash of all that takes part, so a suite compiles each
guest once.
Source: the ELF64 specification for `flat`; zig takes `-mcpu=generic_rv64+m+a`, not `-march=`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from emu.guests.cache import cache_dir
from emu.guests.errors import BuildError

RAM = 0x8000_0000
_SCRIPT = Path(__file__).parent / "bare.ld"
_FLAGS = (
    *("-target", "riscv64-freestanding", "-mcmodel=medany", "-std=c17", "-g0"),
    *("-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-sanitize=undefined"),
    # Pages in the file would only pad it: nobody maps it.
    *("-nostdlib", "-static", "-s", "-Wl,--build-id=none", "-Wl,--no-gc-sections", "-Wl,-z,max-page-size=16"),
)
_TIMEOUT_S = 120


def build(
    sources: Sequence[Path],
    out: Path | None = None,
    march: str = "rv64gc",
    *,
    base: int = RAM,
    optimize: str = "-O2",
    defines: Mapping[str, str | int] | None = None,
    flags: Sequence[str] = (),
    symbols: bool = False,
) -> Path:
    """Compile and link `sources` to an ELF that starts at `base`; the entry is `_start`.

    symbols: keep the symbol table, for profiles; what is loaded is the same.

    Put the start code into section `.text.start`. The result is `out`, or, without it, the file in
    the cache (to be read, not changed). Headers beside the sources count as sources.

    Raises: BuildError with what the compiler said.
    """
    script = _SCRIPT.read_text().replace("@BASE@", hex(base))
    options = [optimize, *(f"-D{name}={value}" for name, value in sorted((defines or {}).items()))]
    command = compile_command(march, [*options, *flags])
    if symbols:
        command.remove("-s")
    digest = hashlib.sha256(repr((command[1:], compiler_version(), script)).encode())
    for source in [*sources, *_headers(sources)]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    cached = cache_dir().parent / "bare" / f"{digest.hexdigest()[:24]}.elf"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as part:
            (Path(part) / "guest.ld").write_text(script)
            made = Path(part) / "guest.elf"
            link(command, sources, Path(part) / "guest.ld", made)
            made.replace(cached)
    if out is None:
        return cached
    shutil.copyfile(cached, out)
    return out


def compile_command(march: str, flags: Sequence[str] = ()) -> list[str]:
    """The compiler's command line up to its sources."""
    zig = [sys.executable, "-m", "ziglang", "cc"]
    return [*zig, *_FLAGS, f"-mcpu={_mcpu(march)}", *flags]


def link(command: Sequence[str], sources: Sequence[Path], script: Path, out: Path) -> None:
    """Run `command` (of `compile_command`) on `sources`; `out` appears whole or not at all."""
    # Zig's own cache otherwise lands in the user's home or in the current directory.
    zig_cache = str(cache_dir().parent / "zig")
    env = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache}
    part = out.with_name(f"{out.name}.part{os.getpid()}")
    line = [*command, f"-Wl,-T,{script.absolute()}", *(str(path.absolute()) for path in sources)]
    try:
        done = subprocess.run(
            [*line, "-o", str(part.absolute())],
            env=env,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            names = ", ".join(path.name for path in sources)
            raise BuildError(f"could not build {names}", done.stderr.strip())
        part.chmod(0o644)
        part.replace(out)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"the compiler took more than {_TIMEOUT_S} s") from error
    finally:
        part.unlink(missing_ok=True)


def compiler_version() -> str:
    """Version of the installed ziglang. Raises BuildError if there is none."""
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildError("ziglang is not installed: install the extra 'test'") from error


def flat(elf: Path) -> tuple[int, bytes]:
    """Load address and raw image of an ELF: what a loader without ELF puts into RAM."""
    data = elf.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise BuildError(f"'{elf.name}' is no 64-bit little-endian ELF")
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    segments = []
    for number in range(count):
        kind, _, offset, _, address, filled, _ = struct.unpack_from(
            "<IIQQQQQ", data, table + number * entry_size
        )
        if kind == 1 and filled:
            segments.append((address, data[offset : offset + filled]))
    if not segments:
        raise BuildError(f"'{elf.name}' has nothing to load")
    first = min(address for address, _ in segments)
    image = bytearray(max(address + len(part) for address, part in segments) - first)
    for address, part in segments:
        image[address - first : address - first + len(part)] = part
    return first, bytes(image)


def _headers(sources: Sequence[Path]) -> list[Path]:
    return sorted(header for place in {path.parent for path in sources} for header in place.glob("*.h"))


def _mcpu(march: str) -> str:
    """Zig's spelling of an ISA string: rv64gc_zba is generic_rv64+m+a+f+d+c+zicsr+zifencei+zba."""
    found = re.fullmatch(r"rv64([a-z]+)((?:_[a-z0-9]+)*)", march)
    if found is None:
        raise BuildError(f"'{march}' is not an RV64 ISA string")
    letters = found[1].replace("g", "imafd")
    features = [letter for letter in dict.fromkeys(letters) if letter != "i"]
    if "g" in found[1]:
        features += ["zicsr", "zifencei"]
    features += [name for name in found[2].split("_") if name and name not in features]
    return "+".join(["generic_rv64", *features])
