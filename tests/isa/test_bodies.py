"""Instruction bodies as traces: rules that hold for every one of them."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from vcpu_worker.codegen import decode
from vcpu_worker.isa import ext
from vcpu_worker.isa.fields import REGISTERS
from vcpu_worker.isa.insn import Insn, load_all
from vcpu_worker.isa.vocab import Trace, trace
from vcpu_worker.native import NATIVES

BODIES = [i for i in load_all().values() if i.func is not None]
CALLS = ("call", "hcall", "system")
MAY_LEAVE = ("load", "store", "amo", "hcall", "system", "illegal", "require_fp")
SETS = ("set_x", "set_f")


def traced(one: Insn) -> Trace:
    """What the body does."""
    assert one.func is not None
    return trace(one.func, list(one.operands))


@pytest.fixture(scope="module", autouse=True)
def natives() -> None:
    """Every module that declares natives is imported."""
    for part in ("csr", "hart", "mem", "fp", "sbi", "isa"):
        package = importlib.import_module(f"vcpu_worker.{part}")
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)


@pytest.mark.parametrize("one", BODIES, ids=lambda i: i.name)
def test_a_body_calls_natives_that_exist_with_the_arguments_they_take(one: Insn) -> None:
    for op in traced(one).ops:
        if op.kind in CALLS:
            native = NATIVES[op.args[0]]
            given = len(op.args[1]) + (op.kind != "call")
            assert given == len(native.params), f"{one.where}: {op.args[0]} takes {len(native.params)} words"
            takes_hart = bool(native.params) and native.params[0][1] == "HART"
            assert takes_hart == (op.kind != "call"), f"{one.where}: {op.args[0]} by {op.kind}"


@pytest.mark.parametrize("one", BODIES, ids=lambda i: i.name)
def test_a_body_writes_registers_only_when_nothing_can_trap_any_more(one: Insn) -> None:
    written = False
    for op in traced(one).ops:
        assert not (written and op.kind in MAY_LEAVE), f"{one.where}: {op.kind} after a register was written"
        written |= op.kind in SETS


@pytest.mark.parametrize("one", BODIES, ids=lambda i: i.name)
def test_a_body_uses_registers_as_the_registry_says(one: Insn) -> None:
    for op in traced(one).ops:
        if op.kind in ("get_x", "set_x", "get_f", "set_f"):
            kind, register = op.kind.split("_")[1], op.args[0]
            assert one.register_class[register] == kind
            # x[32], where rd=x0 leads, holds rubbish
            assert op.kind != "get_x" or register != "rd", f"{one.where} reads x[rd]"
            assert (op.kind in SETS) == (register == "rd")


@pytest.mark.parametrize("one", load_all().values(), ids=lambda i: i.name)
def test_an_instruction_has_a_known_extension_and_only_known_operands(one: Insn) -> None:
    assert decode.need_of(one)
    assert all(n in ext.BY_NAME or n in ext.SETS for n in (one.ext, one.body.ext))
    assert set(one.operands) <= {*REGISTERS, "imm", "rm", "uimm", *one.fields}
