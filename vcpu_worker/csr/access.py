"""CSR accesses: by the Zicsr instructions, and by debuggers.

The natives that know the single CSRs are made here from the registry, once all rows are declared.
Source: Unprivileged ISA, "Zicsr"; Privileged 2.1.
"""

from __future__ import annotations

from vcpu_worker.csr import debug, machine, reg, supervisor, user
from vcpu_worker.hart.trap import illegal
from vcpu_worker.native import native

WRITE, SET, CLEAR = 0, 1, 2  # op of csr_op

ROWS_FROM = (machine, supervisor, user, debug)  # imported for their rows
GENERATED = reg.generate()


@native("u64(HART, u64, u64, u64, u64, u64)")
def csr_op(h, n, operand, op, writes, rd):
    """A Zicsr instruction on CSR n. Returns the old value, for rd.

    op: WRITE, SET or CLEAR. writes: 0 if rs1 or uimm of a SET or CLEAR is 0, which then only reads.
    rd: its number; a WRITE to x0 does not read. rd itself is written by the instruction's body.
    Traps: illegal instruction, before any effect.
    """
    if ((n >> 8) & 3) > h.priv:
        return illegal(h)
    if writes != 0 and (n >> 10) == 3:
        return illegal(h)
    if csr_guard(h, n) == 0:
        return illegal(h)
    old = 0
    if op != WRITE or rd != 0:
        old = csr_read(h, n)
    if writes == 0:
        return old
    new = operand
    if op == SET:
        new = rmw_base(h, n, old) | operand
    elif op == CLEAR:
        new = rmw_base(h, n, old) & ~operand
    csr_write(h, n, new)
    return old


@native("u64(HART, u64)", export=True)
def csr_peek(h, n):
    """CSR n as M-mode would read it, whatever the mode; 0 if the hart has none.

    In the hart's own process only: the clock is reached through host addresses of the slot.
    """
    return csr_read(h, n)


@native("u64(HART, u64, u64)", export=True)
def csr_poke(h, n, v):
    """Write CSR n by its WARL rule, whatever the mode, between two instructions."""
    fault = h.fault
    h.instret_base -= 1  # counters: no instruction is under way that the write would replace
    csr_write(h, n, v)
    h.instret_base += 1
    h.fault = fault
    return 0
