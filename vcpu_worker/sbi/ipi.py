"""SBI IPI: SSIP of other harts, by the same word as the ACLINT's SSWI. Source: SBI 2.0, chapter 7."""

from __future__ import annotations

from ipc.layout import HART, HEADER
from ipc.sbi import Error
from vcpu_worker.native import native


@native("u64(HART, u64, u64)")
def send_ipis(h, mask, base):
    """SSIP for every hart of the mask that takes interrupts; harts that do not exist are passed over."""
    g = HEADER(h.header)
    i = 0
    while i < g.harts:
        if in_hart_mask(mask, base, i) != 0:
            other = HART(hart_slot(h, i))
            if takes_interrupts(other) != 0:
                request_ssip(h, other)
        i = i + 1
    return Error.SUCCESS


@native("u64(HART, u64)")
def sbi_ipi(h, fid):
    """send_ipi."""
    if fid != 0:
        return Error.NOT_SUPPORTED
    error = hart_mask_error(h, h.x[10], h.x[11])
    if error != 0:
        return error
    return send_ipis(h, h.x[10], h.x[11])
