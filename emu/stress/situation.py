"""What each hart of a running emulator is doing, or waiting for: read from its control object, from outside.

    header: run state, requests pending, generation       slot: pc, privilege, levels, what it has asked for

Nobody is asked anything, so it also works when the emulator hangs; what is read may be a moment old, and a
hart inside guest code shows the pc of its last block.
Source: ipc.layout; proc(5) for the descriptors of a process.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

from emu.runstate.requests import ORDER
from emu.runstate.states import RunState
from ipc.layout import Exit, HartState, View, Want, control_size
from ipc.sbi import Eid, Hsm, Wait
from ipc.segment import Control, Memory

MASK64 = (1 << 64) - 1
_PRIVILEGES = {0: "U", 1: "S", 3: "M"}


@dataclass(frozen=True)
class HartSituation:
    """One hart. waits_for: a line for people; generations as DESIGN law 4 has them."""

    hart: int
    pid: int
    state: str
    privilege: str
    pc: int
    waits_for: str
    last_exit: str
    wanted: str
    generation_wanted: int
    generation_acknowledged: int
    retired: int
    traps: int
    interrupts: int
    mmio: int
    lines: str


@dataclass(frozen=True)
class Situation:
    """The machine."""

    run_state: str
    requests: list[str]
    generation: int
    harts: list[HartSituation]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def progress_of(slot: View) -> int:
    """A number that grows while a hart executes or takes interrupts."""
    get = slot.get
    return ((get("instret_base") - get("bud")) & MASK64) + get("n_irqs") + get("n_mmio")


def situation(control: Control) -> Situation:
    """Read everything."""
    header = control.header
    states = list(RunState)
    bits = header.get("requests")
    return Situation(
        states[header.get("run_state") % len(states)].value,
        [name for bit, name in enumerate(ORDER) if bits >> bit & 1],
        header.get("generation"),
        [_hart(i, control.hart(i)) for i in range(control.harts)],
    )


def _name(kind: type[Exit] | type[Want] | type[HartState], value: int) -> str:
    try:
        return kind(value).name.lower()
    except ValueError:
        return f"{value:#x}"


def _hart(index: int, slot: View) -> HartSituation:
    get = slot.get
    rec = get("rec")
    return HartSituation(
        hart=index,
        pid=get("worker_pid"),
        state=_name(HartState, get("state")),
        privilege=_PRIVILEGES.get(get("priv"), "?"),
        pc=(get("pcb") + rec // 4) & MASK64 if rec else get("pc"),
        waits_for=_waits_for(slot),
        last_exit=_name(Exit, get("exit_reason")),
        wanted=_name(Want, get("wanted")),
        generation_wanted=get("wanted_gen"),
        generation_acknowledged=get("acked_gen"),
        retired=(get("instret_base") - get("bud")) & MASK64,
        traps=get("n_traps"),
        interrupts=get("n_irqs"),
        mmio=get("n_mmio"),
        lines=_lines(slot),
    )


def _lines(slot: View) -> str:
    get = slot.get
    deadline = get("deadline")
    parts = [name for name in ("msip", "ssip_set") if get(name)]
    parts += [f"mie {get('mie'):#x}", f"mip (software) {get('mip_soft'):#x}", f"mstatus {get('mstatus'):#x}"]
    parts.append("no deadline" if deadline == MASK64 else f"deadline {deadline}")
    return ", ".join(parts)


def _waits_for(slot: View) -> str:
    get = slot.get
    if get("state") == HartState.DEAD:
        return "a new worker: its own is dead"
    if get("wanted_gen") != get("acked_gen"):
        return f"{_guest_waits_for(slot)}, and has not acknowledged '{_name(Want, get('wanted'))}'"
    return _guest_waits_for(slot)


def _guest_waits_for(slot: View) -> str:
    get = slot.get
    if get("state") == HartState.STOPPED:
        return "a resume"
    if get("mmio_seq") != get("mmio_done"):
        begun = "which main has begun" if get("mmio_begun") == get("mmio_seq") else "not begun by main"
        return f"the reply to {_request(slot)}, {begun}"
    if get("sbi_wait") == Wait.FENCE:
        return "harts to do a remote fence that it has called for"
    if get("sbi_wait") == Wait.SUSPEND:
        return "an interrupt, in an SBI hart suspend"
    if get("hsm_state") == Hsm.STOPPED:
        return "a start by SBI HSM"
    if get("asleep"):
        return "an interrupt, in WFI"
    return "nothing: it runs guest code" if get("in_guest") else "nothing"


def _request(slot: View) -> str:
    get = slot.get
    if get("exit_reason") == Exit.SBI:
        eid = get("exit_arg", 0)
        name = next((e.name for e in Eid if e == eid), f"{eid:#x}")
        return f"the SBI call {name} {get('exit_arg', 1)}"
    kind = "a store" if get("exit_write") else "a load"
    return f"{kind} of {get('exit_size')} bytes at {get('exit_gpa'):#x}"


def find_object(pid: int, size: int) -> int | None:
    """A descriptor of our own for the memory object of `size` bytes of process `pid`; None if it has none."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    for name in names:
        place = f"{folder}/{name}"
        try:
            if os.readlink(place).startswith(("/dev/shm/", "/memfd:")) and os.stat(place).st_size == size:
                return os.open(place, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # it opens and closes descriptors while we look
    return None


def attach(pid: int, harts: int) -> Control | None:
    """The control object of the emulator `pid`, which has `harts` harts; None if it has (yet, still) none."""
    size = control_size(harts)
    fd = find_object(pid, size)
    return None if fd is None else Control(Memory(fd, size), harts)


def as_text(found: Situation, symbol: dict[int, str] | None = None) -> str:
    """For people: a line for the machine, two a hart. symbol: names of the pcs, where known."""
    pending = ", ".join(found.requests) or "none"
    out = [f"run state {found.run_state}, requests pending: {pending}, generation {found.generation}"]
    for hart in found.harts:
        name = (symbol or {}).get(hart.pc, "")
        out.append(
            f"hart {hart.hart} (pid {hart.pid}): {hart.state}, {hart.privilege}-mode at {hart.pc:#x}"
            f"{' ' + name if name else ''}; waits for {hart.waits_for}"
        )
        out.append(
            f"    asked {hart.wanted} {hart.generation_wanted}, acknowledged {hart.generation_acknowledged}; "
            f"last exit {hart.last_exit}; {hart.retired} instructions, {hart.traps} traps, "
            f"{hart.interrupts} interrupts, {hart.mmio} device accesses; {hart.lines}"
        )
    return "\n".join(out) + "\n"
