"""Device trees: the blob against dtc and the `fdt` package, hostile blobs, and the board's nodes."""

from __future__ import annotations

import contextlib
import shutil
import struct
import subprocess
from pathlib import Path

import fdt as fdt_package
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.fdt import FdtError, Node, Tree, parse
from emu.hw.riscv.boot import reserve_firmware
from emu.hw.riscv.cpu import parse_cpu
from emu.hw.riscv.virt_tree import new_seed
from emu.qom import compat
from tests.lib.board import virt_board

DTC = shutil.which("dtc")


def board(harts: int, aclint: bool = False, **values: object) -> Tree:
    """The tree of a board, before anything is booted on it."""
    with virt_board(harts, aclint=aclint, memory={"size": "256M"}, **values) as machine:
        assert machine.tree is not None
        return machine.tree


def board_tree(harts: int, aclint: bool = False, **values: object) -> Node:
    return board(harts, aclint, **values).root


def contents(root: Node) -> list[tuple[str, dict[str, bytes]]]:
    return [(n.name, n.properties) for n in root.walk()]


def node(root: Node, path: str) -> Node:
    found = root.find(path)
    assert found is not None, path
    return found


@pytest.mark.skipif(DTC is None, reason="dtc (device-tree-compiler) is not installed")
@pytest.mark.parametrize("aclint", [False, True])
@pytest.mark.parametrize("harts", [1, 2, 9])
def test_dtc_reads_the_boards_tree_without_errors(harts: int, aclint: bool, tmp_path: Path) -> None:
    tree = board(harts, aclint)
    reserve_firmware(tree)
    blob = tmp_path / "virt.dtb"
    blob.write_bytes(tree.pack())
    # QEMU's own tree has these two: its interrupt controllers have no #address-cells, its mtimer's first
    # range is not the one in its name
    off = ["-W", "no-interrupt_provider", "-W", "no-simple_bus_reg"]
    assert DTC is not None
    done = subprocess.run(
        [DTC, *off, "-I", "dtb", "-O", "dts", str(blob)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.count("device_type = \"cpu\"") == harts


def test_the_fdt_package_reads_what_we_write() -> None:
    tree = fdt_package.parse_dtb(board(2).pack())
    assert tree.get_property("model", "/").value == "riscv-virtio,qemu"
    assert list(tree.get_property("reg", "/soc/serial@10000000")) == [0, 0x1000_0000, 0, 0x100]


def test_we_read_what_we_write() -> None:
    tree = board(3)
    again = parse(tree.pack())
    assert contents(again.root) == contents(tree.root)


@pytest.mark.parametrize(("path", "name", "value"), [
    ("", "compatible", ["riscv-virtio"]),
    ("", "model", ["riscv-virtio,qemu"]),
    ("", "#address-cells", (2,)),
    ("cpus", "timebase-frequency", (10_000_000,)),
    ("cpus/cpu@0", "phandle", (3,)),
    ("cpus/cpu@1", "phandle", (1,)),
    ("cpus/cpu@0/interrupt-controller", "phandle", (4,)),
    ("cpus/cpu@1/interrupt-controller", "phandle", (2,)),
    ("cpus/cpu@0", "riscv,isa-base", ["rv64i"]),
    ("cpus/cpu@0", "mmu-type", ["riscv,sv57"]),
    ("cpus/cpu@0", "status", ["okay"]),
    ("cpus/cpu@0", "riscv,cboz-block-size", (64,)),
    ("cpus/cpu-map/cluster0/core1", "cpu", (1,)),
    ("memory@80000000", "reg", (0, 0x8000_0000, 0, 256 << 20)),
    ("poweroff", "value", (0x5555,)),
    ("poweroff", "regmap", (6,)),
    ("reboot", "value", (0x7777,)),
    ("reboot", "compatible", ["syscon-reboot"]),
    ("soc/test@100000", "phandle", (6,)),
    ("soc/test@100000", "compatible", ["sifive,test1", "sifive,test0", "syscon"]),
    ("soc/plic@c000000", "phandle", (5,)),
    ("soc/plic@c000000", "riscv,ndev", (95,)),
    ("soc/plic@c000000", "interrupts-extended", (4, 11, 4, 9, 2, 11, 2, 9)),
    ("soc/plic@c000000", "reg", (0, 0xC00_0000, 0, 0x60_0000)),
    ("soc/clint@2000000", "interrupts-extended", (4, 3, 4, 7, 2, 3, 2, 7)),
    ("soc/serial@10000000", "interrupts", (10,)),
    ("soc/serial@10000000", "interrupt-parent", (5,)),
    ("soc/serial@10000000", "clock-frequency", (3_686_400,)),
    ("soc/rtc@101000", "interrupts", (11,)),
    ("soc/virtio_mmio@10001000", "interrupts", (1,)),
    ("soc/virtio_mmio@10008000", "interrupts", (8,)),
    ("aliases", "serial0", ["/soc/serial@10000000"]),
    ("chosen", "stdout-path", ["/soc/serial@10000000"]),
    ("pmu", "riscv,event-to-mhpmcounters", (1, 1, 1, 2, 2, 4)),
])  # fmt: skip
def test_nodes_are_qemus(path: str, name: str, value: tuple[int, ...] | list[str]) -> None:
    found = node(board_tree(2), path)
    assert (found.read_strings(name) if isinstance(value, list) else found.read_cells(name)) == value


def test_order_of_nodes_is_qemus() -> None:
    root = board_tree(2)
    assert [n.name for n in root.children] == [
        "poweroff", "reboot", "platform-bus@4000000", "memory@80000000", "cpus", "pmu", "aliases", "chosen",
        "soc",
    ]  # fmt: skip
    assert [n.name for n in node(root, "soc").children] == [
        "rtc@101000", "serial@10000000", "test@100000",
        *(f"virtio_mmio@1000{i}000" for i in range(8, 0, -1)), "plic@c000000", "clint@2000000",
    ]  # fmt: skip


def test_aclint_replaces_the_clint() -> None:
    soc = node(board_tree(2, aclint=True), "soc")
    assert soc.find("clint@2000000") is None
    timer = node(soc, "mtimer@2004000")
    assert timer.read_cells("reg") == (0, 0x200_BFF8, 0, 0x4008, 0, 0x200_4000, 0, 0x7FF8)
    assert node(soc, "mswi@2000000").read_cells("interrupts-extended") == (4, 3, 2, 3)
    assert node(soc, "sswi@2f00000").read_cells("interrupts-extended") == (4, 1, 2, 1)


def test_tree_follows_the_extensions() -> None:
    root = board_tree(1, cpu_type=parse_cpu("rv64,f=off,sv57=off,zicboz=off,zihpm=off"))
    compat.forget()
    cpu = node(root, "cpus/cpu@0")
    assert cpu.read_strings("riscv,isa")[0].startswith("rv64imac_")
    assert "f" not in cpu.read_strings("riscv,isa-extensions")
    assert cpu.read_strings("mmu-type") == ["riscv,sv48"]
    assert "riscv,cboz-block-size" not in cpu.properties
    assert root.find("pmu") is None


def test_seed_changes_and_the_size_does_not() -> None:
    tree = board(1)
    before = tree.pack()
    after = new_seed(tree, before)
    assert after == tree.pack()
    assert len(before) == len(after)
    assert before != after


def test_builtin_firmware_reserves_its_range() -> None:
    tree = board(1)
    size = len(tree.pack())
    reserve_firmware(tree)
    assert len(tree.pack()) > size + 4096  # room for what a boot loader adds
    reserved = node(tree.root, "reserved-memory/mmode_resv0@80000000")
    assert reserved.read_cells("reg") == (0, 0x8000_0000, 0, 0x20_0000)
    assert "no-map" in reserved.properties


def hostile() -> list[tuple[str, bytes, str]]:
    good = bytearray(Tree(Node().cells("a", 1)).pack())

    def word(at: int, value: int) -> bytes:
        bad = bytearray(good)
        struct.pack_into(">I", bad, at, value)
        return bytes(bad)

    struct_at = struct.unpack_from(">I", good, 8)[0]
    return [
        ("empty", b"", "FDT_ERR_TRUNCATED"),
        ("magic", word(0, 0), "FDT_ERR_BADMAGIC"),
        ("total size", word(4, 1 << 30), "FDT_ERR_TRUNCATED"),
        ("structure outside", word(8, 1 << 30), "FDT_ERR_TRUNCATED"),
        ("version", word(24, 200), "FDT_ERR_BADVERSION"),
        ("first token", word(struct_at, 7), "FDT_ERR_BADSTRUCTURE"),
        ("property size", word(struct_at + 12, 1 << 30), "FDT_ERR_TRUNCATED"),
        ("property name", word(struct_at + 16, 1 << 30), "FDT_ERR_BADSTRUCTURE"),
        ("cut off", bytes(good[: struct_at + 8]), "FDT_ERR_TRUNCATED"),
    ]


@pytest.mark.parametrize(("what", "blob", "error"), hostile(), ids=lambda v: v if isinstance(v, str) else "")
def test_damaged_blobs_are_refused_by_name(what: str, blob: bytes, error: str) -> None:
    if error == "FDT_ERR_BADVERSION":
        blob = blob[:20] + struct.pack(">2I", 99, 99) + blob[28:]
    with pytest.raises(FdtError, match=error):
        parse(blob)


names = st.from_regex(r"[a-z][a-z0-9,@#-]{0,10}", fullmatch=True)
trees = st.recursive(
    st.builds(lambda n, p: (n, p, []), names, st.dictionaries(names, st.binary(max_size=9), max_size=3)),
    lambda kids: st.builds(
        lambda n, p, k: (n, p, k), names, st.dictionaries(names, st.binary(max_size=9), max_size=3),
        st.lists(kids, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip


def build(shape: tuple[str, dict[str, bytes], list[object]]) -> Node:
    made = Node(shape[0])
    made.properties = dict(shape[1])
    made.children = [build(kid) for kid in shape[2]]  # type: ignore[arg-type]
    return made


@given(trees)
def test_any_tree_comes_back(shape: tuple[str, dict[str, bytes], list[object]]) -> None:
    root = build(shape)
    again = parse(Tree(root, 3).pack())
    assert again.boot_cpu == 3
    assert contents(again.root) == contents(root)


@given(st.binary(max_size=200), st.integers(0, 150))
def test_any_damage_is_a_tree_or_an_error(junk: bytes, at: int) -> None:
    blob = bytearray(Tree(Node().cells("a", 1).strings("b", "x")).pack())
    blob[at : at + len(junk)] = junk
    with contextlib.suppress(FdtError):
        parse(bytes(blob))
