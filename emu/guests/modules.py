"""Kernel modules for an initramfs: which ones, what they need, in which order to load them.

Debian's package carries no modules.dep (depmod runs on the target), so the order comes from where
depmod takes it: the `depends=` and `softdep=` strings in each module's .modinfo section.
Source: kernel Documentation/kbuild/modules.rst; modprobe.d(5) for softdep.
"""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from pathlib import Path

WANTED = (
    *("virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "virtio_console"),
    *("virtio_balloon", "virtio_input", "evdev", "sunxi_wdt"),
    # ext4 asks for "crc32c", an alias that this module answers to.
    *("crc32c_generic", "ext4"),
)


@dataclass(frozen=True)
class Module:
    """One decompressed module. `path` is below the kernel's own directory of modules."""

    name: str
    path: str
    data: bytes
    depends: tuple[str, ...]


def load_order(release_dir: Path, wanted: tuple[str, ...] = WANTED) -> list[Module]:
    """The wanted modules and all they need, each after what it needs.

    A wanted module that the kernel has built in is left out; one it does not have at all, too
    (another version of Debian's kernel may have moved it either way).
    """
    files = {_name(file): file for file in sorted(release_dir.rglob("*.ko*"))}
    order: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in order or name not in files:
            return
        module = _read(files[name], release_dir)
        for need in module.depends:
            add(need)
        order[name] = module

    for name in wanted:
        add(name)
    return list(order.values())


def modules_dep(modules: list[Module]) -> str:
    """The text of modules.dep for exactly these modules."""
    by_name = {module.name: module for module in modules}
    lines = []
    for module in modules:
        needs = [by_name[need].path for need in module.depends if need in by_name]
        lines.append(f"{module.path}: {' '.join(needs)}".rstrip())
    return "\n".join(lines) + "\n"


def _name(file: Path) -> str:
    """A module's name: its file's, with `-` and `_` taken as one, as the kernel does."""
    return file.name.split(".ko")[0].replace("-", "_")


def _read(file: Path, release_dir: Path) -> Module:
    data = file.read_bytes()
    if file.suffix == ".xz":
        data = lzma.decompress(data)
    path = str(file.relative_to(release_dir)).removesuffix(".xz")
    needs = []
    for key, value in re.findall(rb"\0(depends|softdep)=([^\0]*)(?=\0)", b"\0" + data):
        text = value.decode("ascii", "replace")
        if key == b"depends":
            needs += text.split(",")
        elif text.startswith("pre:"):
            needs += text.removeprefix("pre:").split()
    clean = dict.fromkeys(need.replace("-", "_") for need in needs if need)
    return Module(_name(file), path, data, tuple(clean))
