"""Memory objects: no name outlives its statement, sizes are checked before, errors are one line."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from ipc import layout, ram, segment
from ipc.errors import ResourceError
from ipc.ram import Backing, Ram
from ipc.segment import Control

MIB = 1 << 20


def names() -> set[str]:
    return {n for n in os.listdir("/dev/shm") if n.startswith("emu-")}


def test_a_control_object_leaves_no_name() -> None:
    seen: list[tuple[str, set[str]]] = []
    before = names()
    control = Control.create(2, reached=lambda name: seen.append((name, names() - before)))
    assert [name for name, _ in seen] == ["after_shm_open", "before_unlink"]
    assert all(len(there) == 1 for _, there in seen), "the name exists at both checkpoints"
    assert names() <= before
    control.close()


def test_ram_leaves_no_name() -> None:
    before = names()
    Ram.create(MIB).close()
    assert names() <= before


def test_objects_are_owner_only_and_close_on_exec() -> None:
    control = Control.create(1)
    assert os.fstat(control.memory.fd).st_mode & 0o077 == 0
    assert not os.get_inheritable(control.memory.fd)
    control.close()


def test_a_control_object_is_committed_zero_and_labelled() -> None:
    control = Control.create(3)
    assert os.fstat(control.memory.fd).st_blocks * 512 >= layout.control_size(3)
    assert control.header.get("magic") == segment.MAGIC
    assert control.header.get("harts") == 3
    assert [control.hart(i).get("hartid") for i in range(3)] == [0, 1, 2]
    assert control.hart(1).get("pc") == 0
    control.close()


def test_slots_are_where_the_layout_says() -> None:
    control = Control.create(2)
    control.hart(1).set("pc", 0x1234_5678_9ABC_DEF0)
    at = layout.slot_offset(1) + layout.HART.offset("pc")
    assert control.memory.buf[at : at + 8].tobytes() == (0x1234_5678_9ABC_DEF0).to_bytes(8, "little")
    assert control.hart_address(1) == control.header_address + layout.slot_offset(1)
    control.close()


@pytest.mark.parametrize("harts", [0, -1, layout.MAX_HARTS + 1])
def test_hart_counts_outside_the_range_are_our_mistake(harts: int) -> None:
    with pytest.raises(ValueError, match="harts"):
        Control.create(harts)


def test_a_full_shm_is_one_line_for_the_control_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, off: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fds = set(os.listdir("/proc/self/fd"))
    with pytest.raises(ResourceError, match=r"KiB wanted.*--shm-size") as e:
        Control.create(4)
    assert "\n" not in str(e.value)
    assert set(os.listdir("/proc/self/fd")) == fds, "the descriptor is closed"


def _small_shm(monkeypatch: pytest.MonkeyPatch, free: int, total: int) -> None:
    fs = SimpleNamespace(f_bavail=free // 4096, f_blocks=total // 4096, f_frsize=4096)
    monkeypatch.setattr(ram.os, "fstatvfs", lambda fd: fs)


def test_ram_that_does_not_fit_names_sizes_and_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_shm(monkeypatch, 60 * MIB, 64 * MIB)
    with pytest.raises(ResourceError) as e:
        Ram.create(2048 * MIB)
    text = str(e.value)
    assert "2048 MiB wanted" in text
    assert "60 MiB free of 64 MiB" in text
    assert "--shm-size=2112m" in text
    assert "-object memory-backend-memfd,id=ram0,size=2048M -machine memory-backend=ram0" in text
    assert "\n" not in text
    assert (e.value.wanted_bytes, e.value.there_bytes) == (2048 * MIB, 60 * MIB)


def test_a_memfd_is_not_limited_by_that_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_shm(monkeypatch, 0, 64 * MIB)
    memory = Ram.create(128 * MIB, Backing.MEMFD)
    memory.write(127 * MIB, b"there")
    assert memory.read(127 * MIB, 5) == b"there"
    memory.close()


def test_ram_is_sparse_and_reading_commits_nothing() -> None:
    memory = Ram.create(256 * MIB)
    assert memory.read(200 * MIB, 4096) == bytes(4096)
    assert memory.used_bytes() == 0
    memory.write(100 * MIB, b"x")
    assert 0 < memory.used_bytes() <= 64 * 1024
    memory.close()


def test_ram_written_through_the_descriptor_is_seen_in_the_mapping() -> None:
    memory = Ram.create(MIB)
    memory.write(4090, b"0123456789ab")
    assert memory.memory.buf[4090:4102].tobytes() == b"0123456789ab"
    memory.memory.buf[8] = 7
    assert memory.read(8, 1) == b"\7"
    memory.close()


def test_ram_refuses_what_lies_outside() -> None:
    memory = Ram.create(MIB)
    for off, size in ((MIB, 1), (-1, 1), (MIB - 1, 2)):
        with pytest.raises(ValueError, match="outside RAM"):
            memory.read(off, size)
    with pytest.raises(ValueError, match="outside RAM"):
        memory.write(MIB - 1, b"ab")
    memory.close()


def test_preallocated_ram_is_committed() -> None:
    memory = Ram.create(2 * MIB, prealloc=True)
    assert memory.used_bytes() >= 2 * MIB
    memory.close()


def test_exhaustion_is_told_with_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Ram.create(8 * MIB)
    _small_shm(monkeypatch, 0, 64 * MIB)
    text = memory.exhausted_text()
    assert text.startswith("host memory for guest RAM exhausted: 8 MiB promised, 0 MiB in use")
    assert "0 MiB free of 64 MiB" in text
    memory.close()


def test_unlinking_a_name_that_is_not_there_is_no_error() -> None:
    segment.unlink(segment.fresh_name("nothing"))
