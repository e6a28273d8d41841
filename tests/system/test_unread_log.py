"""A log that nobody reads holds up the harts that write it, and nobody else."""

from __future__ import annotations

from pathlib import Path

from tests.lib import rawguest
from tests.lib.qmp import server
from tests.lib.qmp_session import Qmp
from tests.lib.vm import Emu


def test_stop_cont_reset_and_quit_while_standard_error_is_full(tmp_path: Path) -> None:
    image = rawguest.written(tmp_path, rawguest.traps())
    with (
        Emu("-M", "virt", "-smp", "2", "-bios", "none", "-kernel", image, "-display", "none",
            "-serial", "null", "-d", "int", *server(tmp_path / "qmp")) as vm,
        Qmp(tmp_path / "qmp") as qmp,
    ):  # fmt: skip
        for _ in range(20):
            qmp.run("stop")
            qmp.run("cont")
        qmp.run("system_reset")
        qmp.run("quit")
        assert vm.wait() == 0
        assert vm.errors.count(b"riscv_cpu_do_interrupt") > 100
