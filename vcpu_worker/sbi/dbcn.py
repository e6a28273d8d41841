"""SBI DBCN: the debug console, served by the main loop on the machine's first serial line.

What reaches main is proven here: the bytes are one piece of RAM, writable if they are to be written.
Source: SBI 2.0, chapter 12 (INVALID_PARAM for an address that is none, also one above 64 bits, where
OpenSBI says FAILED).
"""

from __future__ import annotations

from ipc.sbi import Eid, Error
from vcpu_worker.native import native

WRITE, READ, WRITE_BYTE = 0, 1, 2


@native("u64(HART, u64)")
def sbi_dbcn(h, fid):
    """console_write, console_read, console_write_byte."""
    if fid > WRITE_BYTE:
        return Error.NOT_SUPPORTED
    if fid == WRITE_BYTE:
        return ask_main(h, Eid.DBCN, fid, h.x[10] & 0xFF, 0)
    if h.x[12] != 0:
        return Error.INVALID_PARAM
    if h.x[10] == 0:
        return Error.SUCCESS
    if ram_ptr(h, h.x[11], h.x[10], fid) == 0:
        return Error.INVALID_PARAM
    return ask_main(h, Eid.DBCN, fid, h.x[10], h.x[11])
