"""The shared control object, declared once: fields with width, writer and meaning.

Rule: one writer per word (DESIGN law 3). A field with several writers says by which atomic rule.
Everything that two processes agree on outside guest RAM and messages has its offset here; compiled
code (`vcpu_worker.native`) and Python (`View`) read the same declarations.
Units: bytes for offsets; guest physical addresses are u64; times are ns or mtime ticks, as said.
Source: RISC-V Privileged 1.12 for the names of architectural state.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class Writer(enum.Enum):
    """Which kind of process stores to a field."""

    EMU = "main loop"
    VCPU = "the hart that owns the slot"
    ANY = "several processes, atomically"
    BOOT = "main loop, before the first worker starts"


EMU, VCPU, ANY, BOOT = Writer.EMU, Writer.VCPU, Writer.ANY, Writer.BOOT


@dataclass(frozen=True)
class Field:
    """One field. `width` is bytes of an element (1, 2, 4, 8); `count` the number of elements."""

    name: str
    width: int
    count: int
    writer: Writer
    doc: str


@dataclass(frozen=True)
class Placed:
    """A field at its offset (bytes from the start of the struct), and its number of elements."""

    field: Field
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.field.width * self.field.count


class Struct:
    """A named sequence of fields, each aligned to its own width; `size` is rounded up to `align`."""

    def __init__(self, name: str, align: int, fields: tuple[Field, ...]) -> None:
        self.name = name
        self.align = align
        self.fields: dict[str, Placed] = {}
        at = 0
        for f in fields:
            if f.name in self.fields:
                raise ValueError(f"struct {name}: field {f.name!r} is declared twice")
            at = -(-at // f.width) * f.width
            placed = Placed(f, at)
            self.fields[f.name] = placed
            at = placed.end
        self.size = -(-at // align) * align

    def offset(self, name: str, index: int = 0) -> int:
        """Bytes from the start of the struct to element `index` of field `name`. KeyError if absent."""
        p = self.fields[name]
        if not 0 <= index < p.field.count:
            raise IndexError(f"{self.name}.{name}[{index}]: the field has {p.field.count} elements")
        return p.offset + index * p.field.width

    def __iter__(self) -> Iterator[Placed]:
        return iter(self.fields.values())

    def describe(self) -> str:
        """The layout as a text table, one line per field: offset, size, writer, name, meaning."""
        rows = [f"struct {self.name}, {self.size} bytes"]
        for p in self:
            f = p.field
            what = f"u{8 * f.width}" + (f"[{f.count}]" if f.count > 1 else "")
            rows.append(f"  {p.offset:#07x} {what:<10} {f.writer.name:<4} {f.name:<18} {f.doc}")
        return "\n".join(rows)


class View:
    """A struct at a place in a buffer, for Python: `view.get("pc")`, `view.set("pc", v)`.

    Rule: `set` is one aligned store of the field's width (memoryview item assignment), and is only
    for fields that the calling process alone writes.
    """

    def __init__(self, struct: Struct, buf: memoryview, base: int) -> None:
        if base % 8:
            raise ValueError("a view starts at a multiple of 8 bytes")
        self.struct = struct
        self.base = base
        part = buf[base : base + struct.size]
        self._by_width = {1: part.cast("B"), 2: part.cast("H"), 4: part.cast("I"), 8: part.cast("Q")}
        self._at = {p.field.name: (self._by_width[p.field.width], p.offset // p.field.width) for p in struct}

    def get(self, name: str, index: int = 0) -> int:
        """Element `index` of field `name`, unsigned."""
        mem, at = self._at[name]
        value: int = mem[at + index]
        return value

    def set(self, name: str, value: int, index: int = 0) -> None:
        """Store `value` (unsigned, in range) to element `index` of field `name`."""
        mem, at = self._at[name]
        mem[at + index] = value

    def bytes(self, name: str) -> memoryview:
        """The field's own bytes, writable."""
        p = self.struct.fields[name]
        return self._by_width[1][p.offset : p.end]

    def release(self) -> None:
        """Give the buffer back, so that its mapping can be closed."""
        self._at.clear()
        for mem in self._by_width.values():
            mem.release()


MAX_HARTS = 512  # BEHAVIOUR 4.2
PLIC_SOURCES = 96  # BEHAVIOUR 4.2: sources 0..95
PLIC_WORDS = PLIC_SOURCES // 32
REGIONS = 8
SHADOWS = 16
RING_SLOTS = 64
TLB_ENTRIES = 256
FETCH_ENTRIES = 256
SATP_SLOTS = 4
PMP_ENTRIES = 16
TRIGGERS = 4
BREAKS = 256
PAGE_HALVES = 2048  # halfwords of a guest page
MROM_BYTES = 0xF000

HEADER = Struct("header", 4096, (
    Field("magic", 8, 1, BOOT, "0x0055_4d45 'EMU'"),
    Field("harts", 4, 1, BOOT, "number of hart slots"),
    Field("exact", 4, 1, BOOT, "1 in serial mode: budgets end exactly"),
    Field("generation", 8, 1, EMU, "of the newest stop, resume or reset request (law 4)"),
    Field("run_state", 4, 1, EMU, "number of the RunState in QAPI's order, for who looks from outside"),
    Field("requests", 4, 1, EMU, "one bit a request that main has not done, in the order of doing"),
    Field("clock_seq", 8, 1, EMU, "seqlock of the clock fields: odd while main writes them"),
    Field("clock_enabled", 8, 1, EMU, "1: guest time = clock_offset + host CLOCK_MONOTONIC"),
    Field("clock_offset", 8, 1, EMU, "ns, wrapping; guest time itself while not enabled"),
    Field("mtime_delta", 8, 1, ANY, "ticks added to guest time for mtime; plain store by who writes mtime"),
    Field("runnable", 4, 1, ANY, "harts not asleep; atomic add"),
    Field("host_cpus", 4, 1, BOOT, "host processors this VM may use"),
    Field("region_gpa", 8, REGIONS, BOOT, "guest physical base of directly accessible memory"),
    Field("region_size", 8, REGIONS, BOOT, "bytes; 0: unused"),
    Field("region_flags", 8, REGIONS, BOOT, "REGION_* bits"),
    Field("mtime_freq", 8, 1, BOOT, "Hz"),
    Field("clint_base", 8, 1, BOOT, "gpa of the CLINT"),
    Field("clint_size", 8, 1, BOOT, "bytes; 0: no CLINT"),
    Field("sswi_base", 8, 1, BOOT, "gpa of the ACLINT SSWI"),
    Field("sswi_size", 8, 1, BOOT, "bytes; 0: none"),
    Field("plic_base", 8, 1, BOOT, "gpa of the PLIC"),
    Field("plic_size", 8, 1, BOOT, "bytes; 0: no PLIC"),
    Field("builtin_sbi", 8, 1, BOOT, "1: the firmware is the built-in SBI"),
    Field("sbi_kernel", 8, 1, BOOT, "gpa the built-in SBI enters in S-mode on the boot hart"),
    Field("sbi_fdt", 8, 1, BOOT, "gpa of the device tree, a1 at that entry"),
    Field("sbi_flags", 8, 1, BOOT, "bit 0: SUSP offered"),
    Field("shadow_gpa", 8, SHADOWS, EMU, "gpa of a register whose read has no side effect; 0: none"),
    Field("shadow_value", 8, SHADOWS, EMU, "what a read of it gives"),
    Field("shadow_sizes", 8, SHADOWS, EMU, "sum of the access sizes (1, 2, 4, 8) the shadow serves"),
    Field("posted_gpa", 8, SHADOWS, EMU, "gpa of a register whose write may be posted; 0: none"),
    Field("posted_tickets", 8, 1, ANY, "tickets given to posted writes; atomic add"),
    Field("main_awake", 4, 1, EMU, "1: the main loop will look at all rings and requests before it sleeps"),
    Field("trace", 4, 1, EMU, "TRACE_* bits: what the harts report through their rings"),
    Field("plic_priority", 4, PLIC_SOURCES, ANY, "0..7; plain store by the accessing hart"),
    Field("plic_pending", 4, PLIC_WORDS, ANY, "one bit a source; atomic or/and"),
    Field("plic_claimed", 4, PLIC_WORDS, ANY, "one bit a source; atomic or/and"),
    Field("plic_level", 1, PLIC_SOURCES, EMU, "line level of each source, by its device's process"),
    Field("plic_enable", 4, PLIC_WORDS * MAX_HARTS * 2, ANY, "PLIC_WORDS words for each context hart*2 + S"),
    Field("plic_threshold", 4, MAX_HARTS * 2, ANY, "0..7 per context"),
    Field("kick_fd", 4, MAX_HARTS, BOOT, "sending end of each hart's mailbox, one number in all workers"),
    Field("sstep", 8, 1, EMU, "SSTEP_* bits: what a single step leaves out"),
    Field("break_count", 8, 1, EMU, "breakpoints; break_* change only while every hart is stopped"),
    Field("break_gva", 8, BREAKS, EMU, "their addresses"),
    Field("break_map", 8, PAGE_HALVES // 64, EMU, "a bit for each halfword of a page: one of them lies so"),
    Field("break_version", 8, 1, EMU, "counts the changes"),
    Field("mrom", 1, MROM_BYTES, BOOT, "mask ROM at guest physical 0x1000"),
))

REGION_WRITE, REGION_ROM = 1, 2
SSTEP_ENABLE, SSTEP_NOIRQ, SSTEP_NOTIMER = 1, 2, 4

HART = Struct("hart", 4096, (
    # -- architectural state; the first fields are near the slot's base, where compiled code reaches them
    Field("x", 8, 33, VCPU, "integer registers; x[0] is always 0; x[32] takes writes to x0"),
    Field("f", 8, 32, VCPU, "floating-point registers, NaN-boxed"),
    Field("pc", 8, 1, VCPU, "valid outside compiled code"),
    Field("priv", 8, 1, VCPU, "0 U, 1 S, 3 M"),
    Field("event", 4, 1, ANY, "EV_* bits; atomic or by who wants attention, swap by the hart"),
    Field("fs_off", 4, 1, VCPU, "1: floating-point instructions are illegal (mstatus.FS = 0 or no F)"),
    Field("rec", 8, 1, VCPU, "host address of the record of the last block head; see pcb"),
    Field("pcb", 8, 1, VCPU, "pc = pcb + rec / 4 inside compiled code"),
    Field("bud", 8, 1, VCPU, "instructions left before the next poll, signed"),
    Field("instret_base", 8, 1, VCPU, "retired instructions = instret_base - bud"),
    Field("minstret_delta", 8, 1, VCPU, "minstret = retired + this"),
    Field("mcycle_delta", 8, 1, VCPU, "mcycle = retired + this"),
    Field("dctx", 8, 1, VCPU, "context bits (3..11) of data TLB tags for the present mode"),
    Field("fctx", 8, 1, VCPU, "context bits (3..11) of fetch TLB tags for the present mode"),
    Field("fault", 8, 1, VCPU, "how the last native call ended: see FAULT_*"),
    Field("trap_cause", 8, 1, VCPU, "with FAULT_TRAP"),
    Field("trap_tval", 8, 1, VCPU, "with FAULT_TRAP"),
    Field("npc", 8, 1, VCPU, "with FAULT_REFETCH and FAULT_LEAVE: where execution goes on"),
    Field("fflags", 8, 1, VCPU, "fcsr accrued exceptions: NV 16, DZ 8, OF 4, UF 2, NX 1"),
    Field("frm", 8, 1, VCPU, "fcsr rounding mode, 0..7"),
    Field("mstatus", 8, 1, VCPU, "without SD, which is derived"),
    Field("misa", 8, 1, VCPU, ""),
    Field("medeleg", 8, 1, VCPU, ""),
    Field("mideleg", 8, 1, VCPU, ""),
    Field("mie", 8, 1, VCPU, ""),
    Field("mip_soft", 8, 1, VCPU, "bits of mip that software wrote: SSIP, SEIP, STIP without Sstc"),
    Field("mtvec", 8, 1, VCPU, ""),
    Field("mepc", 8, 1, VCPU, ""),
    Field("mcause", 8, 1, VCPU, ""),
    Field("mtval", 8, 1, VCPU, ""),
    Field("mscratch", 8, 1, VCPU, ""),
    Field("mcounteren", 8, 1, VCPU, ""),
    Field("mcountinhibit", 8, 1, VCPU, ""),
    Field("menvcfg", 8, 1, VCPU, ""),
    Field("mseccfg", 8, 1, VCPU, ""),
    Field("stvec", 8, 1, VCPU, ""),
    Field("sepc", 8, 1, VCPU, ""),
    Field("scause", 8, 1, VCPU, ""),
    Field("stval", 8, 1, VCPU, ""),
    Field("sscratch", 8, 1, VCPU, ""),
    Field("scounteren", 8, 1, VCPU, ""),
    Field("senvcfg", 8, 1, VCPU, ""),
    Field("satp", 8, 1, VCPU, ""),
    Field("stimecmp", 8, 1, VCPU, "Sstc compare value, mtime ticks"),
    Field("pmpcfg", 1, PMP_ENTRIES, VCPU, ""),
    Field("pmpaddr", 8, PMP_ENTRIES, VCPU, ""),
    Field("pmp_active", 8, 1, VCPU, "1: ask PMP: an entry is not OFF, or accesses are made as S or U"),
    Field("mhpmevent", 8, 32, VCPU, ""),
    Field("tselect", 8, 1, VCPU, ""),
    Field("tdata1", 8, TRIGGERS, VCPU, ""),
    Field("tdata2", 8, TRIGGERS, VCPU, ""),
    Field("lr_addr", 8, 1, VCPU, "host address reserved by LR; 0: none"),
    Field("lr_value", 8, 1, VCPU, "value LR read"),
    Field("lr_width", 8, 1, VCPU, "4 or 8"),
    Field("isa_ext", 8, 1, BOOT, "EXT_* bits of extensions this hart has"),
    Field("hartid", 8, 1, BOOT, ""),
    Field("reset_pc", 8, 1, BOOT, "where reset starts; 0: the mask ROM"),
    # -- interrupts
    Field("msip", 4, 1, ANY, "CLINT/MSWI bit 0; plain store of 0 or 1 by the accessing hart, then event"),
    Field("ssip_set", 4, 1, ANY, "SSWI or SBI IPI: another hart asks for SSIP; swap by the owner"),
    Field("mtimecmp", 8, 1, ANY, "ticks; plain store by the accessing hart, then event"),
    Field("deadline", 8, 1, VCPU, "min(mtimecmp, stimecmp) in ticks, all ones: none"),
    # -- remote fences (DESIGN 3): requests counted up by callers, done counted by the owner
    Field("flush_want", 4, 1, ANY, "atomic add 1 a request"),
    Field("flush_done", 4, 1, VCPU, "flush_want as of the last flush done"),
    Field("in_guest", 4, 1, VCPU, "1 while guest instructions may run"),
    Field("asleep", 4, 1, VCPU, "1 from before the last look at the levels until awake"),
    Field("kick_sent", 4, 1, ANY, "1: a Kick is unread in the hart's mailbox; swap"),
    # -- built-in SBI
    Field("hsm_state", 4, 1, ANY, "SBI HSM state number; compare-and-swap"),
    Field("hsm_addr", 8, 1, ANY, "start address; written by the hart that won STOPPED -> START_PENDING"),
    Field("hsm_opaque", 8, 1, ANY, "a1 at start"),
    Field("sbi_wait", 8, 1, VCPU, "how far a call that waits has come (ipc/sbi.py Wait); 0: no such call"),
    Field("sbi_arg", 8, 4, VCPU, "its progress"),
    Field("fence_ticket", 4, MAX_HARTS, VCPU, "flush_want of each target of the remote fence that waits"),
    # -- control (law 4)
    Field("wanted_gen", 8, 1, EMU, "generation of the newest stop, resume or reset request"),
    Field("wanted", 4, 1, EMU, "WANT_*"),
    Field("state", 4, 1, VCPU, "HartState; store before acked_gen"),
    Field("acked_gen", 8, 1, VCPU, "the generation this hart last acknowledged"),
    Field("worker_pid", 4, 1, VCPU, "process id of the worker"),
    Field("exit_reason", 4, 1, VCPU, "EXIT_*"),
    Field("debug_gen", 8, 1, VCPU, "the generation under which the hart last stopped for a debugger"),
    Field("debug_why", 4, 1, VCPU, "Debug: what for"),
    # -- exit record and MMIO mailbox
    Field("exit_gpa", 8, 1, VCPU, "guest physical byte address; MMIO exits"),
    Field("exit_value", 8, 1, VCPU, "value stored, zero above the width"),
    Field("exit_size", 4, 1, VCPU, "1, 2, 4, 8 bytes"),
    Field("exit_write", 4, 1, VCPU, "1: a store"),
    Field("exit_arg", 8, 8, VCPU, "operands of other exits (SBI calls, kick targets, fatal)"),
    Field("mmio_seq", 4, 1, VCPU, "number of the newest MMIO request, wraps"),
    Field("mmio_begun", 4, 1, EMU, "mmio_seq main has begun; such a request is completed, not withdrawn"),
    Field("mmio_done", 4, 1, EMU, "mmio_seq main has answered; store after mmio_reply"),
    Field("mmio_ready", 4, 1, VCPU, "1: mmio_reply answers the instruction at pc"),
    Field("mmio_reply", 8, 1, EMU, "value read"),
    Field("mmio_error", 4, 1, EMU, "1: nothing answers at that address (access fault)"),
    Field("ring_head", 4, 1, VCPU, "posted writes put, wraps"),
    Field("ring_tail", 4, 1, EMU, "posted writes taken, wraps"),
    Field("ring_ticket", 8, RING_SLOTS, VCPU, "place in the order of all harts' posted writes"),
    Field("ring_gpa", 8, RING_SLOTS, VCPU, ""),
    Field("ring_value", 8, RING_SLOTS, VCPU, ""),
    Field("ring_size", 4, RING_SLOTS, VCPU, ""),
    # -- counters for reports
    Field("n_traps", 8, 1, VCPU, "synchronous traps taken"),
    Field("n_irqs", 8, 1, VCPU, "interrupts taken"),
    Field("n_mmio", 8, 1, VCPU, "MMIO round trips"),
    Field("n_walks", 8, 1, VCPU, "page table walks"),
    Field("n_pages", 8, 1, VCPU, "code pages predecoded"),
    Field("last_exit", 4, 1, VCPU, "exit_reason before this one"),
    # -- private to the worker: host addresses, meaningless elsewhere; cleared when a worker starts
    Field("header", 8, 1, VCPU, "host address of the header"),
    Field("slots", 8, 1, VCPU, "host address of slot 0"),
    Field("region_host", 8, REGIONS, VCPU, "host address of each region"),
    Field("region_first", 8, REGIONS, VCPU, "index of the region's first page in page_map"),
    Field("os_clock_gettime", 8, 1, VCPU, "libc's clock_gettime"),
    Field("os_send", 8, 1, VCPU, "libc's send"),
    Field("os_write", 8, 1, VCPU, "libc's write"),
    Field("os_read", 8, 1, VCPU, "libc's read"),
    Field("os_buf", 8, 8, VCPU, "scratch for those calls (timespec; eventfd value)"),
    Field("kick_msg", 8, 8, VCPU, "bytes of this hart's Kick message"),
    Field("kick_len", 8, 1, VCPU, "their number"),
    Field("main_fd", 8, 1, VCPU, "eventfd that wakes the main loop"),
    Field("bell_fd", 8, 1, VCPU, "eventfd that wakes this hart; reads of it block"),
    Field("dispatch", 8, 1, VCPU, "host address of the handler table"),
    Field("stop_table", 8, 1, VCPU, "the same length, every entry the stop handler"),
    Field("decode_tables", 8, 1, VCPU, "host address of the decode tables"),
    Field("page_map", 8, 1, VCPU, "u32 per guest page: index of its decoded page + 1, or 0"),
    Field("page_map_len", 8, 1, VCPU, "entries"),
    Field("arena", 8, 1, VCPU, "host address of decoded pages"),
    Field("arena_pages", 8, 1, VCPU, "how many fit"),
    Field("arena_used", 8, 1, VCPU, "how many were made so far; the oldest gives its place to a new one"),
    Field("code_epoch", 8, 1, VCPU, "bumped by FENCE.I; a page older than this is compared before use"),
    Field("mode_step", 8, 1, VCPU, "1: run stops after one instruction"),
    Field("exact_run", 8, 1, VCPU, "1: inside run_exact"),
    Field("storm", 8, 1, VCPU, "run_exact: traps in a row, with no instruction retired between"),
    Field("storm_at", 8, 1, VCPU, "the retired count they were taken at"),
    Field("slice", 8, 1, VCPU, "instructions per time check, calibrated to about 100 us"),
    Field("slice_ns", 8, 1, VCPU, "host time of the last check"),
    Field("ctx_next", 8, 1, VCPU, "next free translation context number"),
    Field("ctx_satp", 8, SATP_SLOTS, VCPU, "satp values with a live context"),
    Field("ctx_num", 8, SATP_SLOTS, VCPU, "their context numbers"),
    Field("ctx_cur", 8, 1, VCPU, "context number of the present satp"),
    Field("large_seen", 8, 8, VCPU, "Bloom filter of superpages that the TLBs hold parts of: hart.context"),
    Field("trace_ready", 8, 1, VCPU, "TRACE_* bits of what Exit.TRACE has to tell"),
    Field("trace_cause", 8, 1, VCPU, "TRACE_INT: cause, with bit 63 for interrupts"),
    Field("trace_epc", 8, 1, VCPU, "TRACE_INT: where it was taken"),
    Field("trace_tval", 8, 1, VCPU, "TRACE_INT: tval"),
    Field("trace_pc", 8, 1, VCPU, "TRACE_ASM: first instruction decoded since the last report"),
    Field("trace_code", 8, 1, VCPU, "TRACE_ASM: host address of the bytes it was decoded from"),
    Field("trace_priv", 8, 1, VCPU, "TRACE_ASM: the mode then"),
    Field("scratch_rec", 8, 8, VCPU, "records for an instruction that crosses a page"),
    Field("scratch", 8, 16, VCPU, "out-parameters between natives, no meaning between instructions"),
    Field("load_tlb", 8, 2 * TLB_ENTRIES, VCPU, "{tag, host - gva}"),
    Field("store_tlb", 8, 2 * TLB_ENTRIES, VCPU, "{tag, host - gva}"),
    Field("fetch_tlb", 8, 4 * FETCH_ENTRIES, VCPU, "{tag, record base, pcb, decoded page}"),
    Field("break_seen", 8, 1, VCPU, "break_version that decoded pages are in accord with"),
    Field("break_had", 8, PAGE_HALVES // 64, VCPU, "break_map then"),
))


class HartState(enum.IntEnum):
    """What a hart says of itself in `state`."""

    STOPPED = 0
    RUNNING = 1
    DEAD = 2


class Want(enum.IntEnum):
    """`wanted`: what main asks of a hart."""

    STOP = 0
    RUN = 1
    RESET = 2
    QUIT = 3
    STEP = 4  # as RUN, but one instruction; then the hart waits, as at a breakpoint


class Exit(enum.IntEnum):
    """`exit_reason`: why compiled code returned to Python."""

    NONE = 0
    MMIO = 1  # exit_gpa ... ; pc is at the instruction, which is executed again when mmio_ready
    SLEEP = 2  # WFI (or HSM stopped): nothing pending
    EVENT = 3  # EV_MSG was set: read the channel
    BUDGET = 4  # exact budget used up
    STEP = 5  # one instruction done
    DEBUG = 6  # breakpoint
    FATAL = 7  # exit_arg[0] says what: an impossible state
    SBI = 8  # built-in SBI call for main: exit_arg = eid, fid, a0..a5; answered like MMIO
    RING = 9  # posted ring has entries and main sleeps: ring main's doorbell, go on
    TRACE = 10  # trace_* hold something for the log; go on afterwards
    STORM = 11  # an exact run has taken many traps and retired nothing between; go on, if you like


class Debug(enum.IntEnum):
    """`debug_why`: what a hart stopped for."""

    BREAKPOINT = 1  # pc is at it; the instruction has not run
    STEP = 2


class Fault(enum.IntEnum):
    """`fault`: how a native called by an instruction ended."""

    NONE = 0
    TRAP = 1  # trap_cause, trap_tval; pc is the instruction; it does not retire
    EXIT = 2  # exit_reason; pc stays at the instruction; it does not retire and runs again
    REFETCH = 3  # it retired; go on at npc after a look at events
    LEAVE = 4  # it retired; pc = npc, then leave to Python with exit_reason


EV_IRQ, EV_MSG, EV_FLUSH, EV_TIME, EV_TRACE = 1, 2, 4, 8, 16
TRACE_INT, TRACE_ASM = 1, 2

SLOT_BASE = HEADER.size


def slot_offset(hart: int) -> int:
    """Bytes from the start of the control object to the slot of `hart`."""
    return SLOT_BASE + hart * HART.size


def control_size(harts: int) -> int:
    """Bytes of a control object for `harts` harts."""
    return slot_offset(harts)
