"""SBI RFENCE: fences on other harts, without interrupting them.

    caller: flush_want += 1 (the sum is its ticket); EV_FLUSH; fence; wait while in_guest and
            flush_done is behind the ticket
    target: in_guest = 1; fence; flush if flush_want != flush_done; guest instructions
            (hart/run.py: enter_guest, hart_poll, serve_flush)

A hart that is not in guest code flushes before its next guest instruction: nobody waits for it and it
is not woken. Whatever kind of fence is asked for, others drop all translations and compare decoded code
before its next use; only the caller itself does no more than it asked for.

While it waits, the caller does the flushes asked of itself (two callers do not wait for each other for
ever) and leaves for Python when a message waits or after a bounded time, to be run again from its
place: pause, kill and gdb find it at an instruction boundary.
Source: SBI 2.0, chapter 8; DESIGN 3.
"""

from __future__ import annotations

from ipc.layout import EV_FLUSH, EV_MSG, HART, HEADER, Exit
from ipc.sbi import Error, Wait
from vcpu_worker.native import native, prim

prim("atomic_add32", "atomic_or32", "fence", "cpu_relax", "sext32", "slt", "u64", "zext32")

# turns of the wait before Python looks; some 40 ns each. Few when harts outnumber processors: the
# target cannot run before somebody yields
SPINS, SPINS_CROWDED = 4000, 200
FENCE_I, SFENCE_VMA_ASID = 0, 2  # SFENCE_VMA between them


@native("u64(HART, u64)")
def fence_here(h, code):
    """The caller's own fence: translations, or with `code` decoded instructions."""
    if code != 0:
        h.code_epoch = h.code_epoch + 1
        return flush_fetch(h)
    return fence_all(h)


@native("u64(HART, u64, u64, u64)")
def ask_flushes(h, mask, base, code):
    """Fence here if the mask says so; ask every other hart of the mask and keep its ticket."""
    g = HEADER(h.header)
    i = 0
    while i < g.harts:
        if in_hart_mask(mask, base, i) != 0:
            other = HART(hart_slot(h, i))
            if other == h:
                fence_here(h, code)
            else:
                h.fence_ticket[i] = zext32(atomic_add32(addr(other.flush_want), 1) + 1)
                atomic_or32(addr(other.event), EV_FLUSH)
        i = i + 1
    fence()  # pairs with enter_guest's, between in_guest = 1 and its look at flush_want
    h.sbi_arg[0] = 0
    h.sbi_wait = Wait.FENCE
    return 0


@native("u64(HART, u64)")
def flush_is_done(h, i):
    """1 if hart i has done the flush of our ticket, or will before its next guest instruction."""
    other = HART(hart_slot(h, i))
    if other.in_guest == 0:
        return 1
    if slt(sext32(other.flush_done - h.fence_ticket[i]), 0):
        return 0
    return 1


@native("u64(HART)")
def fence_patience(h):
    """How many turns to wait before leaving for Python."""
    g = HEADER(h.header)
    if g.runnable > g.host_cpus:
        return SPINS_CROWDED
    return SPINS


@native("u64(HART, u64, u64, u64)")
def remote_fence(h, mask, base, code):
    """Fence the harts of the mask; harts that do not exist are passed over. May leave (restartable)."""
    g = HEADER(h.header)
    if h.sbi_wait != Wait.FENCE:
        ask_flushes(h, mask, base, code)
    left = fence_patience(h)
    i = h.sbi_arg[0]
    while i < g.harts:
        if in_hart_mask(mask, base, i) == 0 or hart_slot(h, i) == h:
            i = i + 1
        elif flush_is_done(h, i) != 0:
            i = i + 1
        else:
            serve_flush(h)
            if left == 0 or h.event & EV_MSG != 0:
                h.sbi_arg[0] = i
                return leave_with(h, Exit.EVENT)
            left = left - 1
            cpu_relax()
    fence()
    return Error.SUCCESS


@native("u64(HART, u64)")
def sbi_rfence(h, fid):
    """remote_fence_i, remote_sfence_vma, remote_sfence_vma_asid; the others need the hypervisor extension."""
    if fid > SFENCE_VMA_ASID:
        return Error.NOT_SUPPORTED
    error = hart_mask_error(h, h.x[10], h.x[11])
    if error != 0:
        return error
    return remote_fence(h, h.x[10], h.x[11], u64(fid == FENCE_I))
