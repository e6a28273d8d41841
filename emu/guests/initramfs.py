"""The initramfs that Debian's kernel boots: busybox, its links, `rtcalarm`, our `/init`; optionally modules.

Rule: bytes depend on busybox, the modules, `init.sh` and this package's own recipe, on nothing
else; the name of the built file carries the digest of all of these, so a stale one is never used.
`init.sh` says which words the kernel command line may hold.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from emu.guests import cpio, modules

_HERE = Path(__file__).parent
_RECIPE = ("init.sh", "cpio.py", "initramfs.py", "modules.py", "rtcalarm/rtcalarm.elf")
_KEEP_S = 7 * 86400
_DIRECTORIES = ("bin", "dev", "etc", "lib", "mnt", "proc", "root", "run", "sys", "tmp")


def applets(busybox: bytes) -> list[str]:
    """Names of the programs in `busybox`, read from its own sorted table of names.

    The binary is riscv64's, so the host cannot ask it by running `busybox --list`.
    Source: busybox applets/applet_tables.c: names NUL-terminated, in strcmp order, first `[`.
    """
    start = busybox.find(b"[\0[[\0")
    if start < 0:
        raise ValueError("no table of applets: not a busybox")
    names: list[bytes] = []
    for name in busybox[start : start + 0x4000].split(b"\0"):
        if not name or (names and name <= names[-1]):
            break
        names.append(name)
    return [name.decode("ascii") for name in names]


def build(busybox: Path, kernel: Path | None = None) -> bytes:
    """The archive. `kernel` is the unpacked kernel package, for the image with modules."""
    binary = busybox.read_bytes()
    entries = [cpio.directory(path) for path in _DIRECTORIES]
    # The kernel opens /dev/console for init before anything could be mounted there.
    entries.append(cpio.character("dev/console", 5, 1))
    entries.append(cpio.character("dev/null", 1, 3, 0o666))
    entries.append(cpio.file("bin/busybox", binary, 0o755))
    entries += [cpio.symlink(f"bin/{name}", "busybox") for name in applets(binary) if name != "busybox"]
    entries.append(cpio.symlink("sbin", "bin"))
    entries.append(cpio.file("bin/rtcalarm", (_HERE / "rtcalarm/rtcalarm.elf").read_bytes(), 0o755))
    entries.append(cpio.file("init", (_HERE / "init.sh").read_bytes(), 0o755))
    if kernel is not None:
        entries += _module_entries(kernel)
    return cpio.pack(entries)


def cached(busybox: Path, kernel: Path | None, where: Path) -> Path:
    """Path of the built archive below `where`; builds it if its inputs are not those it was made of."""
    digest = hashlib.sha256(busybox.read_bytes())
    for name in _RECIPE:
        digest.update((_HERE / name).read_bytes())
    stem = "initrd"
    if kernel is not None:
        stem = "initrd-modules"
        digest.update(str(sorted(path.name for path in (kernel / "boot").iterdir())).encode())
    path = where / f"{stem}-{digest.hexdigest()[:12]}.gz"
    if not path.exists():
        # Two builders at once make the same bytes: whoever renames last changes nothing.
        part = path.with_suffix(f".part{os.getpid()}")
        part.write_bytes(build(busybox, kernel))
        part.replace(path)
        _sweep(where, stem)
    return path


def _sweep(where: Path, stem: str) -> None:
    """Remove images of old recipes, but none that a checkout beside this one may be booting."""
    for old in where.glob(f"{stem}-{'[0-9a-f]' * 12}.gz"):
        if time.time() - old.stat().st_mtime > _KEEP_S:
            old.unlink(missing_ok=True)


def _module_entries(kernel: Path) -> list[cpio.Entry]:
    root = kernel / "usr/lib/modules"
    if not root.is_dir():
        root = kernel / "lib/modules"
    release = next(iter(sorted(root.iterdir())))
    loaded = modules.load_order(release)
    base = f"lib/modules/{release.name}"
    parents = {str(parent) for module in loaded for parent in Path(base, module.path).parents}
    entries = [cpio.directory(path) for path in sorted(parents - {".", "lib"})]
    entries += [cpio.file(f"{base}/{module.path}", module.data) for module in loaded]
    entries.append(cpio.file(f"{base}/modules.dep", modules.modules_dep(loaded).encode()))
    order = "".join(f"/{base}/{module.path}\n" for module in loaded)
    entries.append(cpio.file("etc/modules", order.encode()))
    return entries
