"""Numbers of the built-in SBI, and what a hart asks of the main loop in its name.

A call that needs the main loop ends the hart's slice with exit_reason Exit.SBI and
`exit_arg = eid, fid, a0 .. a5`; mmio_seq, mmio_begun, mmio_done, withdrawal and completion are those of
an MMIO read. The answer is `mmio_error` (an `Error`, as a 32-bit two's complement) and `mmio_reply`
(the value, a1). The calls that reach the main loop, all others are compiled:

    DBCN 0  write `a0` bytes of RAM at gpa `a1` (already proven to be one piece of RAM): value = bytes
            taken, may be fewer
    DBCN 1  read up to `a0` bytes to RAM at gpa `a1`: value = bytes put, 0 if none wait
    DBCN 2  write the byte `a0`
    CONSOLE_GETCHAR (legacy)  value = the character, all ones if none waits
    SRST 0  `a0` = 0 shutdown, 1 cold, 2 warm reboot; `a1` = 0 no reason, 1 system failure. Request it,
            then answer SUCCESS: the hart sleeps until the reset
    SUSP 0  suspend to RAM: answer SUCCESS when the machine has been woken; until then the request is not
            begun, and the hart takes it back for the stop and asks again after the resume. After the
            answer it leaves once more (EVENT), so that a stop asked for meanwhile comes before its next
            instruction, which is at the resume address

Source: RISC-V SBI 2.0, chapters 3-16; error numbers of 3.0, chapter 3.
"""

from __future__ import annotations

import enum


class Eid(enum.IntEnum):
    """Extension numbers (a7)."""

    SET_TIMER = 0
    CONSOLE_PUTCHAR = 1
    CONSOLE_GETCHAR = 2
    CLEAR_IPI = 3
    SEND_IPI = 4
    REMOTE_FENCE_I = 5
    REMOTE_SFENCE_VMA = 6
    REMOTE_SFENCE_VMA_ASID = 7
    SHUTDOWN = 8
    BASE = 0x10
    TIME = 0x5449_4D45
    IPI = 0x0073_5049
    RFENCE = 0x5246_4E43
    HSM = 0x0048_534D
    SRST = 0x5352_5354
    PMU = 0x0050_4D55
    DBCN = 0x4442_434E
    SUSP = 0x5355_5350


LAST_LEGACY = int(Eid.SHUTDOWN)


class Error(enum.IntEnum):
    """What a call returns in a0."""

    SUCCESS = 0
    FAILED = -1
    NOT_SUPPORTED = -2
    INVALID_PARAM = -3
    DENIED = -4
    INVALID_ADDRESS = -5
    ALREADY_AVAILABLE = -6
    ALREADY_STARTED = -7
    ALREADY_STOPPED = -8
    NO_SHMEM = -9


class Hsm(enum.IntEnum):
    """`hsm_state`: the states of SBI HSM, and one of ours that a guest sees as START_PENDING."""

    STARTED = 0
    STOPPED = 1
    START_PENDING = 2
    STOP_PENDING = 3
    SUSPENDED = 4
    SUSPEND_PENDING = 5
    RESUME_PENDING = 6
    CLAIMED = 16  # a starter won STOPPED and is writing hsm_addr and hsm_opaque


class Wait(enum.IntEnum):
    """`sbi_wait`: the call at mepc has begun and waits; it runs again until it is complete."""

    NONE = 0
    FENCE = 1  # fence_ticket and sbi_arg[0] (first hart not yet seen done) are valid
    SUSPEND = 2  # HSM hart_suspend: asleep until an enabled interrupt is pending
    RESUME = 3  # SUSP was answered: go on at the resume address
    GONE = 4  # SRST was answered: nothing follows but a reset
    OTHERS = 5  # SUSP: other harts may be about to stop; sbi_arg[0]: guest time until which that is awaited


SUSP_OFFERED = 1  # bit of header.sbi_flags
SPEC_VERSION = 2 << 24  # 2.0
# Not a number of the SBI registry (0 BBL, 1 OpenSBI, ... 11 bhyve): "EMU" in ASCII
IMPL_ID = 0x45_4D55
IMPL_VERSION = 1
