"""Where fetched guests lie, and how a program asks for one by name.

Rule: everything below `cache_dir()` is made by `emu fetch` and can be deleted at any time.
`state.json` says what is complete: a step writes its entry after its last file, so whatever is not
in it, or is in it and has lost its files, is done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EMBEDDED = Path(__file__).parent / "smp" / "smp.elf"


class GuestMissing(LookupError):
    """A guest that has not been fetched. Its text names the command that brings it.

    Attributes: name
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"guest '{name}' is not here ({why}): run 'emu fetch'")
        self.name = name


@dataclass(frozen=True)
class Entry:
    """One file that a step of the fetch leaves: which step, and its path below the cache directory.

    `path` may hold `*`, which stands for exactly one match (versions move).
    """

    step: str
    path: str


_LIB = "usr/lib"
FILES: dict[str, Entry] = {
    "opensbi": Entry("opensbi", f"opensbi/{_LIB}/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
    "opensbi-jump": Entry("opensbi", f"opensbi/{_LIB}/riscv64-linux-gnu/opensbi/generic/fw_jump.bin"),
    "u-boot": Entry("u-boot", f"u-boot/{_LIB}/u-boot/qemu-riscv64/u-boot.bin"),
    "u-boot-smode": Entry("u-boot", f"u-boot/{_LIB}/u-boot/qemu-riscv64_smode/u-boot.bin"),
    "linux": Entry("linux", "linux/boot/vmlinux-*"),
    "busybox": Entry("busybox", "busybox/usr/bin/busybox"),
    "qemu": Entry("qemu", "qemu/run"),
    "gdb": Entry("gdb", "gdb/run"),
}
IMAGES = ("initrd", "initrd-modules")
NAMES = ("smp", *FILES, *IMAGES)


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/emu/guests`, or `~/.cache/emu/guests`. Not created here."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative path is invalid and must be ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "emu" / "guests"


def guest(name: str, where: Path | None = None) -> Path:
    """Path of the guest `name` (one of NAMES); `where` is another cache directory.

    An initramfs is built on the spot if the busybox (and, with modules, the kernel package) is
    here and its recipe has changed since: it takes a tenth of a second and spares a second fetch.

    Raises: GuestMissing, its text says what to run; KeyError for a name that is no guest's.
    """
    if name == "smp":
        return EMBEDDED
    root = cache_dir() if where is None else where
    if name in IMAGES:
        return _image(name, root)
    return _file(name, FILES[name], root)


def linux_version(where: Path | None = None) -> str:
    """The kernel's own release, for example `6.12.30-riscv64`: it goes into every report."""
    return guest("linux", where).name.removeprefix("vmlinux-")


def qemu_version(where: Path | None = None) -> str:
    """The fetched QEMU's version, for example `10.0.2`."""
    guest("qemu", where)
    root = cache_dir() if where is None else where
    return str(read_state(root)["qemu"].get("version", "unknown"))


def read_state(root: Path) -> dict[str, dict[str, str]]:
    """What is complete: step name to its facts. Unreadable or damaged reads as nothing complete."""
    try:
        loaded = json.loads((root / "state.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(loaded, dict):
        return {}
    return {str(step): facts for step, facts in loaded.items() if isinstance(facts, dict)}


def write_state(root: Path, state: Mapping[str, Mapping[str, str]]) -> None:
    """Replace `state.json` in one step, so that a kill leaves the old one or the new one."""
    part = root / f"state.json.{os.getpid()}"
    part.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    part.replace(root / "state.json")


def complete(step: str, root: Path) -> bool:
    """Whether `step` is stamped and each of its files is still there."""
    if step not in read_state(root):
        return False
    return all(len(_match(entry, root)) == 1 for entry in FILES.values() if entry.step == step)


def _match(entry: Entry, root: Path) -> list[Path]:
    return sorted(root.glob(entry.path))


def _file(name: str, entry: Entry, root: Path) -> Path:
    if entry.step not in read_state(root):
        raise GuestMissing(name, f"nothing in {root}")
    found = _match(entry, root)
    if len(found) != 1:
        raise GuestMissing(name, f"damaged cache {root}")
    return found[0]


def _image(name: str, root: Path) -> Path:
    # Here, not above: only who asks for an initramfs pays for gzip, lzma and the builder.
    from emu.guests import initramfs

    try:
        busybox = _file(name, FILES["busybox"], root)
        package = _file(name, FILES["linux"], root).parent.parent if name != "initrd" else None
        return initramfs.cached(busybox, package, root)
    except OSError as error:
        raise GuestMissing(name, f"{error.strerror}: {error.filename}") from error
