"""`emu stress` without a machine: its words, its report, names of addresses, what a hart waits for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from emu.errors import UserError
from emu.guests import guest
from emu.runstate.requests import ORDER
from emu.runstate.states import RunState
from emu.stress.machine import WRONG
from emu.stress.plan import OPERATIONS, Guest, operation
from emu.stress.report import Failure
from emu.stress.situation import as_text, situation
from emu.stress.symbols import Symbols
from emu.verbs import stress
from ipc.layout import Exit, HartState, Want
from ipc.sbi import Eid, Hsm, Wait
from ipc.segment import Control


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--only", "fly"], "'fly' is no operation (there are: "),
        (["--only", "kill", "--without", "kill"], "no operation is left to do"),
        (["--ready", "("], "--ready: not a regular expression: "),
        (["-append", "x"], "-append only allowed with -kernel option"),
        (["-kernel", "k", "--suspend", "x"], "--suspend needs --ready"),
        (["-kernel", "k", "--only", "ready"], "no operation is left to do"),
    ],
)
def test_wrong_words(words: list[str], text: str) -> None:
    with pytest.raises(UserError, match=re.escape(text)):
        stress.main(words)


def test_an_operation_is_registered_once() -> None:
    with pytest.raises(ValueError, match="operation 'stop' is declared twice"):
        operation("stop", 1)(lambda run: None)


def test_a_guest_does_what_it_says() -> None:
    assert Guest().can("")
    assert not Guest().can("ready")
    assert Guest(ready="x").can("ready")
    assert {entry.needs for entry in OPERATIONS.values()} == {"", "ready", "suspend"}


@pytest.mark.parametrize(
    ("line", "is_wrong"),
    [
        ("round 7: all checks passed", False),
        ("FAILED: hart 1 ipi;", True),
        ("fatal: an IPI is lost", True),
        ("[    1.2] Kernel panic - not syncing: x", True),
        ("[    1.2] rcu: INFO: rcu_sched self-detected stall on CPU", True),
        ("[    1.2] WARNING: CPU: 1 PID: 0 at kernel/x.c", True),
        ("[    1.2] clocksource: Switched to clocksource riscv_clocksource", False),
    ],
)
def test_lines_that_tell_of_trouble(line: str, is_wrong: bool) -> None:
    assert bool(WRONG.search(line)) is is_wrong


def test_names_of_addresses(tmp_path: Path) -> None:
    table = tmp_path / "System.map"
    table.write_text("ffffffff80000000 T _start\nffffffff80000100 t other\nffffffff80000200 D data\n")
    symbols = Symbols.read(table)
    assert symbols.name(0xFFFFFFFF80000000) == "_start"
    assert symbols.name(0xFFFFFFFF80000104) == "other+0x4"
    assert symbols.name(0xFFFFFFFF00000000) == ""
    assert symbols.name(0xFFFFFFFF90000000) == "", "nothing is that far from its symbol"
    table.write_text("no map at all\nthree words here\n")
    assert Symbols.read(table).name(0x1000) == ""
    assert Symbols.read(guest("smp")).name(0x8020_0000) == "", "the embedded guest is stripped"
    table.write_bytes(b"\x7fELF and then nothing")
    assert Symbols.read(table).name(0) == ""


# what is in a slot -> what a report says that its hart waits for
WAITS: list[tuple[dict[str, int], str]] = [
    ({"state": HartState.DEAD}, "a new worker"),
    ({"state": HartState.STOPPED}, "a resume"),
    ({"exit_reason": Exit.MMIO, "mmio_seq": 4, "exit_size": 4, "exit_gpa": 0x10100000},
     "the reply to a load of 4 bytes at 0x10100000, not begun by main"),
    ({"exit_reason": Exit.MMIO, "mmio_seq": 4, "mmio_begun": 4, "exit_write": 1, "exit_size": 1},
     "the reply to a store of 1 bytes at 0x0, which main has begun"),
    ({"exit_reason": Exit.SBI, "mmio_seq": 4, "exit_arg": Eid.DBCN}, "the reply to the SBI call DBCN 0"),
    ({"sbi_wait": Wait.FENCE}, "a remote fence"),
    ({"sbi_wait": Wait.SUSPEND}, "SBI hart suspend"),
    ({"hsm_state": Hsm.STOPPED}, "a start by SBI HSM"),
    ({"asleep": 1}, "an interrupt, in WFI"),
    ({"in_guest": 1}, "nothing: it runs guest code"),
    ({"in_guest": 1, "wanted_gen": 9, "wanted": Want.STOP}, "has not acknowledged 'stop'"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "text"), WAITS, ids=[text[:20] for _, text in WAITS])
def test_what_a_hart_waits_for(words: dict[str, int], text: str) -> None:
    control = Control.create(1, memfd=True)
    try:
        slot = control.hart(0)
        slot.set("state", HartState.RUNNING)
        slot.set("hsm_state", Hsm.STARTED)
        for name, value in words.items():
            slot.set(name, value)
        assert text in situation(control).harts[0].waits_for
    finally:
        control.close()


def test_a_report_says_all_as_text_and_as_json(tmp_path: Path) -> None:
    control = Control.create(2, memfd=True)
    try:
        control.header.set("run_state", list(RunState).index(RunState.PAUSED))
        control.header.set("requests", 1 << ORDER.index("reset") | 1 << ORDER.index("powerdown"))
        control.header.set("generation", 12)
        control.hart(1).set("pc", 0x8000_0010)
        seen = situation(control)
    finally:
        control.close()
    text = as_text(seen, {0x8000_0010: "main+0x10"})
    assert text.startswith("run state paused, requests pending: reset, powerdown, generation 12\n")
    assert "U-mode at 0x80000010 main+0x10; waits for a resume" in text
    failure = Failure(
        "'stop' is not answered", 7, 3, ["-M", "virt"], ["stop", "cont", "stop"], "paused", ["STOP"],
        ["a line"], seen, None,
    )  # fmt: skip
    words = failure.as_text(Symbols())
    for part in ("WRONG at step 3: 'stop' is not answered", "again: emu stress --seed 7 -M virt", "  a line"):
        assert part in words
    failure.save(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["seed"], told["wrong"], told["operations"]) == (7, failure.wrong, ["stop", "cont", "stop"])
    assert told["situation"]["requests"] == ["reset", "powerdown"]
    assert told["situation"]["harts"][1]["pc"] == 0x8000_0010
