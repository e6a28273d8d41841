"""SBI base extension: who we are and what we offer. Source: SBI 2.0, chapter 4."""

from __future__ import annotations

from ipc.layout import HEADER
from ipc.sbi import IMPL_ID, IMPL_VERSION, LAST_LEGACY, SPEC_VERSION, SUSP_OFFERED, Eid, Error
from vcpu_worker.native import native
from vcpu_worker.sbi.state import VALUE

MVENDORID, MARCHID, MIMPID = 0xF11, 0xF12, 0xF13


@native("u64(HART, u64)")
def sbi_offered(h, eid):
    """1 if the extension is there, else 0."""
    g = HEADER(h.header)
    if eid <= LAST_LEGACY or eid == Eid.BASE or eid == Eid.TIME or eid == Eid.IPI or eid == Eid.RFENCE:
        return 1
    if eid == Eid.HSM or eid == Eid.SRST or eid == Eid.PMU or eid == Eid.DBCN:
        return 1
    if eid == Eid.SUSP:
        return g.sbi_flags & SUSP_OFFERED
    return 0


@native("u64(HART, u64)")
def sbi_base(h, fid):
    """get_spec_version, impl_id, impl_version, probe_extension, mvendorid, marchid, mimpid."""
    if fid == 0:
        h.scratch[VALUE] = SPEC_VERSION
    elif fid == 1:
        h.scratch[VALUE] = IMPL_ID
    elif fid == 2:
        h.scratch[VALUE] = IMPL_VERSION
    elif fid == 3:
        h.scratch[VALUE] = sbi_offered(h, h.x[10])
    elif fid == 4:
        h.scratch[VALUE] = csr_peek(h, MVENDORID)
    elif fid == 5:
        h.scratch[VALUE] = csr_peek(h, MARCHID)
    elif fid == 6:
        h.scratch[VALUE] = csr_peek(h, MIMPID)
    else:
        return Error.NOT_SUPPORTED
    return Error.SUCCESS
