"""The initramfs: archive bytes, links of busybox, order of modules."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from emu.guests import cpio, initramfs, modules
from emu.guests.cache import GuestMissing, guest

ENTRIES = [
    cpio.directory("bin"),
    cpio.character("console", 5, 1),
    cpio.file("bin/tool", b"\x7fELF" + bytes(range(256)), 0o755),
    cpio.symlink("bin/ls", "tool"),
    cpio.file("empty", b""),
    cpio.file("ümlaut and space", b"x"),
]


def fake_busybox(tmp_path: Path) -> Path:
    path = tmp_path / "busybox"
    names = [b"[", b"[[", b"ash", b"cat", b"sh", b"zcat"]
    path.write_bytes(b"\x7fELF..text..\0" + b"\0".join(names) + b"\0\0other\0strings\0")
    return path


def module_file(path: Path, info: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(b"\x7fELF" + b"\0" * 9 + info + b"\0tail"))


def fake_kernel(tmp_path: Path) -> Path:
    kernel = tmp_path / "kernel"
    release = kernel / "usr/lib/modules/6.12.1-riscv64/kernel"
    (kernel / "boot").mkdir(parents=True)
    (kernel / "boot/vmlinux-6.12.1-riscv64").write_bytes(b"kernel")
    module_file(release / "drivers/virtio/virtio_mmio.ko.xz", b"license=GPL\0depends=\0")
    module_file(release / "drivers/net/virtio_net.ko.xz", b"depends=net_failover,virtio-core\0")
    module_file(release / "net/core/failover.ko.xz", b"depends=\0")
    module_file(release / "drivers/net/net_failover.ko.xz", b"depends=failover\0")
    module_file(release / "fs/ext4/ext4.ko.xz", b"softdep=pre: crc32c\0depends=jbd2\0")
    module_file(release / "fs/jbd2/jbd2.ko.xz", b"depends=\0")
    module_file(release / "lib/crc32c.ko.xz", b"depends=\0")
    module_file(release / "drivers/char/hw_random/virtio-rng.ko.xz", b"depends=\0")
    return kernel


def test_unpacking_gives_back_what_was_packed() -> None:
    assert cpio.unpack(cpio.pack(ENTRIES)) == ENTRIES


def test_equal_entries_give_equal_bytes_without_a_time() -> None:
    first = cpio.pack(ENTRIES)
    assert first == cpio.pack(ENTRIES)
    assert first[4:8] == bytes(4)


@pytest.mark.skipif(not shutil.which("cpio"), reason="no cpio on this host")
def test_the_hosts_own_cpio_reads_the_archive(tmp_path: Path) -> None:
    entries = [entry for entry in ENTRIES if not stat.S_ISCHR(entry.mode)]
    archive = gzip.decompress(cpio.pack(entries))
    command = ["cpio", "--extract", "--make-directories", "--quiet"]
    subprocess.run(command, input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "bin/tool").read_bytes() == ENTRIES[2].data
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert os.readlink(tmp_path / "bin/ls") == "tool"


@pytest.mark.parametrize("cut", [1, 60, 130, 500])
def test_a_cut_archive_is_an_error(cut: int) -> None:
    whole = gzip.decompress(cpio.pack(ENTRIES))
    with pytest.raises(ValueError, match=r"cpio header|truncated"):
        cpio.unpack(gzip.compress(whole[:-cut][:700]))


def test_applets_are_read_from_the_sorted_table(tmp_path: Path) -> None:
    assert initramfs.applets(fake_busybox(tmp_path).read_bytes()) == ["[", "[[", "ash", "cat", "sh", "zcat"]


def test_a_file_that_is_no_busybox_is_refused() -> None:
    with pytest.raises(ValueError, match="not a busybox"):
        initramfs.applets(b"\x7fELF nothing here")


def test_image_has_busybox_links_console_and_init(tmp_path: Path) -> None:
    archive = initramfs.build(fake_busybox(tmp_path))
    entries = {entry.path: entry for entry in cpio.unpack(archive)}
    assert entries["bin/sh"].data == b"busybox"
    assert entries["dev/console"].device == (5, 1)
    assert entries["init"].mode & 0o111
    assert entries["init"].data.startswith(b"#!/bin/sh\n")
    assert archive == initramfs.build(fake_busybox(tmp_path))


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    release = fake_kernel(tmp_path) / "usr/lib/modules/6.12.1-riscv64"
    order = [module.name for module in modules.load_order(release)]
    assert set(order) == {
        *("virtio_mmio", "virtio_net", "failover", "net_failover"),
        *("ext4", "jbd2", "crc32c", "virtio_rng"),
    }
    assert order.index("failover") < order.index("net_failover") < order.index("virtio_net")
    assert order.index("ext4") > max(order.index("jbd2"), order.index("crc32c"))


def test_image_with_modules_carries_them_and_their_order(tmp_path: Path) -> None:
    archive = initramfs.build(fake_busybox(tmp_path), fake_kernel(tmp_path))
    entries = {entry.path: entry for entry in cpio.unpack(archive)}
    listed = entries["etc/modules"].data.decode().splitlines()
    assert len(listed) == 8
    for path in listed:
        assert entries[path.removeprefix("/")].data.startswith(b"\x7fELF")
        assert str(Path(path).parent).removeprefix("/") in entries
    dep = entries["lib/modules/6.12.1-riscv64/modules.dep"].data.decode()
    assert "kernel/fs/ext4/ext4.ko: kernel/lib/crc32c.ko kernel/fs/jbd2/jbd2.ko\n" in dep


def test_a_built_image_is_kept_until_its_inputs_change(tmp_path: Path) -> None:
    busybox = fake_busybox(tmp_path)
    first = initramfs.cached(busybox, None, tmp_path)
    stamp = first.stat().st_mtime_ns
    assert initramfs.cached(busybox, None, tmp_path) == first
    assert first.stat().st_mtime_ns == stamp
    busybox.write_bytes(busybox.read_bytes() + b"newer")
    assert initramfs.cached(busybox, None, tmp_path) != first


def test_init_is_a_valid_shell_script() -> None:
    script = Path(initramfs.__file__).parent / "init.sh"
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_a_missing_guest_names_the_command_that_brings_it(tmp_path: Path) -> None:
    for name in ("opensbi", "linux", "initrd", "initrd-modules", "qemu"):
        with pytest.raises(GuestMissing, match="run 'emu fetch'"):
            guest(name, tmp_path)
    with pytest.raises(KeyError):
        guest("windows", tmp_path)
