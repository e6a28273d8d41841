"""Traces -> LLVM IR text: the handlers of the threaded interpreter (tier 0).

Every handler is `preserve_nonecc void (S, rec, pcb, bud, tab)` and ends in a tail call of the next:
S the hart slot, rec the record (8 bytes) being executed, pcb with pc = pcb + rec / 4, bud the
instructions left before the next poll, tab the table of handlers (the stop table in single step).
In these conventions all five live in registers that C callees preserve, so a hot handler has no frame:
measured 11 host instructions for `add`.

Rules
- an instruction retires (bud - 1) when it dispatches its successor, never before;
- a soft-TLB miss tail-calls the handler's slow twin before anything has changed;
- event word and budget are looked at where control leaves a straight line (taken branches, jumps).
Source of semantics: vcpu_worker.isa; this file knows none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ipc.layout import FETCH_ENTRIES, HART, TLB_ENTRIES, Fault
from vcpu_worker.isa.vocab import Op, Trace, Value

ARGS = "ptr %S, ptr %rec, i64 %pcb, i64 %bud, ptr %tab"
CC = "preserve_nonecc"
WORD = "i64"

_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor",
           "udiv": "udiv", "urem": "urem", "sdiv": "sdiv", "srem": "srem"}  # fmt: skip
_SHIFT = {"shl": "shl", "shr": "lshr", "sar": "ashr"}
_COMPARE = {"eq": "eq", "ne": "ne", "ult": "ult", "uge": "uge", "slt": "slt", "sge": "sge"}
_EXTEND = {"sext8": ("sext", 8), "sext16": ("sext", 16), "sext32": ("sext", 32),
           "zext8": ("zext", 8), "zext16": ("zext", 16), "zext32": ("zext", 32)}  # fmt: skip
_HIGH = {"mulh": ("sext", "sext"), "mulhu": ("zext", "zext"), "mulhsu": ("sext", "zext")}
_COUNT = {"clz64": "ctlz", "ctz64": "cttz", "popcnt64": "ctpop", "bswap64": "bswap"}
_AMO = {"swap": "xchg"}


@dataclass(frozen=True)
class Target:
    """What the host changes in the lowering."""

    strong_order: bool  # x86-64: TSO; only a store-load fence needs an instruction


class Lines:
    """IR text under construction: fresh names, blocks, the declarations it needs."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.n = 0
        self.externs: dict[str, str] = {}
        self.rec, self.bud = "%rec", "%bud"  # of the instruction being lowered; a pair has two

    def __call__(self, line: str) -> None:
        self.out.append("  " + line)

    def let(self, expr: str) -> str:
        """Name the result of `expr`."""
        self.n += 1
        self.out.append(f"  %v{self.n} = {expr}")
        return f"%v{self.n}"

    def label(self, hint: str) -> str:
        self.n += 1
        return f"{hint}{self.n}"

    def block(self, name: str) -> None:
        self.out.append(f"{name}:")

    def extern(self, name: str, decl: str) -> None:
        self.externs[name] = decl

    # -- the slot ---------------------------------------------------------------------------------
    def slot_ptr(self, field: str, index: int = 0) -> str:
        return self.let(f"getelementptr i8, ptr %S, i64 {HART.offset(field, index)}")

    def get(self, field: str, index: int = 0) -> str:
        """A 64-bit field's value."""
        return self.let(f"load i64, ptr {self.slot_ptr(field, index)}")

    def put(self, field: str, value: str, index: int = 0) -> None:
        self(f"store i64 {value}, ptr {self.slot_ptr(field, index)}")

    def here(self, rec: str = "") -> str:
        """pc of a record, without one of the present one."""
        at = self.let(f"ptrtoint ptr {rec or self.rec} to i64")
        return self.let(f"add i64 %pcb, {self.let(f'lshr i64 {at}, 2')}")

    # -- control ----------------------------------------------------------------------------------
    def tail(self, fn: str, rec: str = "", pcb: str = "%pcb", bud: str = "") -> None:
        """Tail call a handler, with the present record and budget unless others are given."""
        args = f"ptr %S, ptr {rec or self.rec}, i64 {pcb}, i64 {bud or self.bud}, ptr %tab"
        self(f"musttail call {CC} void {fn}({args})")
        self("ret void")

    def dispatch(self, rec: str, pcb: str, bud: str, through: str = "%tab") -> None:
        """Tail call the handler of record `rec`, found in table `through`."""
        op = self.let(f"load i16, ptr {rec}")
        at = self.let(f"getelementptr ptr, ptr {through}, i64 {self.let(f'zext i16 {op} to i64')}")
        self.tail(self.let(f"load ptr, ptr {at}"), rec, pcb, bud)

    def cond(self, c: str, yes: str, no: str, likely: bool | None = None) -> None:
        weight = "" if likely is None else f", !prof !{0 if likely else 1}"
        self(f"br i1 {c}, label %{yes}, label %{no}{weight}")

    def attention(self, bud: str) -> str:
        """Condition: the event word is not 0, or the budget is used up."""
        ev = self.let(f"load atomic volatile i32, ptr {self.slot_ptr('event')} monotonic, align 4")
        return self.let(f"or i1 {self.let(f'icmp ne i32 {ev}, 0')}, {self.let(f'icmp sle i64 {bud}, 0')}")

    def poll_unless_quiet(self, target: str, bud: str) -> None:
        """Leave to op_event, with pc = target, if something wants attention."""
        quiet, busy = self.label("quiet"), self.label("busy")
        self.cond(self.attention(bud), busy, quiet, likely=False)
        self.block(busy)
        self.put("pc", target)
        self.tail("@op_event", bud=bud)
        self.block(quiet)

    def enter_page(self, target: str, bud: str) -> None:
        """Go on at virtual address `target`: the fetch TLB, or op_fetch."""
        key = self.let(f"or i64 {self.let(f'and i64 {target}, -4096')}, {self.get('fctx')}")
        off = self.let(f"and i64 {self.let(f'lshr i64 {target}, 7')}, {(FETCH_ENTRIES - 1) << 5}")
        e = self.let(f"getelementptr i8, ptr {self.slot_ptr('fetch_tlb')}, i64 {off}")
        hit, miss = self.label("hit"), self.label("miss")
        self.cond(self.let(f"icmp eq i64 {self.let(f'load i64, ptr {e}')}, {key}"), hit, miss, likely=True)
        self.block(miss)
        self.put("pc", target)
        self.tail("@op_fetch", bud=bud)
        self.block(hit)
        self.enter_entry(e, target, bud)

    def enter_entry(self, entry: str, target: str, bud: str, through: str = "%tab") -> None:
        """Dispatch `target` through a fetch TLB entry that is known to fit."""
        base = self.let(f"load i64, ptr {self.let(f'getelementptr i8, ptr {entry}, i64 8')}")
        pcb = self.let(f"load i64, ptr {self.let(f'getelementptr i8, ptr {entry}, i64 16')}")
        off = self.let(f"shl i64 {self.let(f'and i64 {target}, 4094')}, 2")
        rec = self.let(f"inttoptr i64 {self.let(f'add i64 {base}, {off}')} to ptr")
        self(f"store ptr {rec}, ptr {self.slot_ptr('rec')}")
        self.put("pcb", pcb)
        self.dispatch(rec, pcb, bud, through)


class Lowering:
    """One handler from one trace."""

    def __init__(self, target: Target, trace: Trace, length: int, near: bool, slow_twin: str | None) -> None:
        """slow_twin: the handler to tail-call on a TLB miss; None: this is the twin, call the slow path."""
        self.target = target
        self.trace = trace
        self.length = length
        self.near = near
        self.twin = slow_twin
        self.w = Lines()
        self.names: dict[int, str] = {}
        self.operands: dict[str, str] = {}
        self.ended = False
        self.after = ""  # h.fault after a system(): REFETCH and LEAVE are acted on when the body is done

    # -- operands ---------------------------------------------------------------------------------
    def val(self, a: Any) -> str:
        if isinstance(a, Value):
            return self.names[id(a)]
        assert isinstance(a, int)
        return str(a)

    def operand(self, name: str) -> str:
        """A record field: register number (zero-extended) or imm (sign-extended)."""
        got = self.operands.get(name)
        if got is None:
            w = self.w
            if name == "imm":
                at = w.let(f"getelementptr i8, ptr {w.rec}, i64 4")
                raw = w.let(f"load i32, ptr {at}")
                got = w.let(f"sext i32 {w.let(f'ashr i32 {raw}, 8')} to i64")
            elif name == "rm":
                got = w.let(f"and i64 {self.operand('imm')}, 7")
            elif name == "rs3":
                imm = self.operand("imm")
                got = w.let(f"and i64 {w.let(f'lshr i64 {imm}, 3')}, 31")
            else:
                off = {"rd": 2, "rs1": 3, "uimm": 3, "rs2": 4}[name]
                at = w.let(f"getelementptr i8, ptr {w.rec}, i64 {off}")
                got = w.let(f"zext i8 {w.let(f'load i8, ptr {at}')} to i64")
            self.operands[name] = got
        return got

    def reg_ptr(self, file: str, reg: str) -> str:
        w = self.w
        base = w.slot_ptr(file) if HART.offset(file) else "%S"
        return w.let(f"getelementptr i64, ptr {base}, i64 {self.operand(reg)}")

    # -- shape ------------------------------------------------------------------------------------
    def run(self, name: str) -> str:
        """The handler's text."""
        self.body()
        if not self.ended:
            self.next()
        return self.function(name)

    def run_pair(self, name: str, other: Lowering) -> str:
        """A handler for this instruction and `other`, which follows it in memory and is on the same page.

        Both retire one by one: what leaves in the second leaves as from the second's own handler.
        """
        self.body()
        assert not self.ended
        assert not self.after
        w = self.w
        w.rec, w.bud = self.following()
        other.w = w
        other.body()
        if not other.ended:
            other.next()
        return self.function(name)

    def body(self) -> None:
        for op in self.trace.ops:
            assert not self.ended, "something follows the end of the body"
            out = getattr(self, "do_" + op.kind, None) or self.pure
            result = out(op)
            if op.result is not None:
                assert result is not None, op.kind
                self.names[id(op.result)] = result

    def function(self, name: str) -> str:
        body = "\n".join(self.w.out)
        return f"define {CC} void @{name}({ARGS}) #0 {{\n{body}\n}}\n"

    def next(self) -> None:
        """Retire and dispatch the following record."""
        w = self.w
        if self.after:
            on, out = w.label("on"), w.label("out")
            w.cond(w.let(f"icmp eq i64 {self.after}, {int(Fault.NONE)}"), on, out)
            w.block(out)
            w.tail("@op_leave")
            w.block(on)
        rec, bud = self.following()
        w.dispatch(rec, "%pcb", bud)
        self.ended = True

    def following(self) -> tuple[str, str]:
        """The next record in memory, and the budget with this instruction retired."""
        w = self.w
        rec = w.let(f"getelementptr i8, ptr {w.rec}, i64 {4 * self.length}")
        return rec, w.let(f"sub i64 {w.bud}, 1")

    def retire_to(self, target: str) -> None:
        w = self.w
        bud = w.let(f"sub i64 {w.bud}, 1")
        w.poll_unless_quiet(target, bud)
        w.enter_page(target, bud)

    def near_to(self) -> None:
        w = self.w
        rec = w.let(f"getelementptr i8, ptr {w.rec}, i64 {self.operand('imm')}")
        bud = w.let(f"sub i64 {w.bud}, 1")
        quiet, busy = w.label("quiet"), w.label("busy")
        w.cond(w.attention(bud), busy, quiet, likely=False)
        w.block(busy)
        w.put("pc", w.here(rec))
        w.tail("@op_event", bud=bud)
        w.block(quiet)
        w(f"store ptr {rec}, ptr {w.slot_ptr('rec')}")
        w.dispatch(rec, "%pcb", bud)

    # -- pure operations --------------------------------------------------------------------------
    def pure(self, op: Op) -> str:
        w, k = self.w, op.kind
        a = [self.val(x) for x in op.args if not isinstance(x, str)]
        bits = 64 if op.result is None else op.result.bits
        if k in _BINARY:
            return w.let(f"{_BINARY[k]} i{bits} {a[0]}, {a[1]}")
        if k in _SHIFT:
            return w.let(f"{_SHIFT[k]} i64 {a[0]}, {w.let(f'and i64 {a[1]}, 63')}")
        if k in _COMPARE:
            return w.let(f"icmp {_COMPARE[k]} i64 {a[0]}, {a[1]}")
        if k in _EXTEND:
            how, n = _EXTEND[k]
            return w.let(f"{how} i{n} {w.let(f'trunc i64 {a[0]} to i{n}')} to i64")
        if k in _HIGH:
            x, y = (w.let(f"{how} i64 {v} to i128") for how, v in zip(_HIGH[k], a, strict=True))
            product = w.let(f"mul i128 {x}, {y}")
            return w.let(f"trunc i128 {w.let(f'lshr i128 {product}, 64')} to i64")
        if k in _COUNT:
            fn = f"@llvm.{_COUNT[k]}.i64"
            two = k in ("clz64", "ctz64")
            w.extern(fn, f"declare i64 {fn}(i64{', i1' if two else ''})")
            return w.let(f"call i64 {fn}(i64 {a[0]}{', i1 false' if two else ''})")
        raise NotImplementedError(f"no lowering for {k}")

    def do_const(self, op: Op) -> str:
        return str(op.args[0])

    def do_bit(self, op: Op) -> str:
        return self.w.let(f"zext i1 {self.val(op.args[0])} to i64")

    def do_select(self, op: Op) -> str:
        c, a, b = (self.val(x) for x in op.args)
        return self.w.let(f"select i1 {c}, i64 {a}, i64 {b}")

    def do_imm(self, op: Op) -> str:
        return self.operand("imm")

    def do_regnum(self, op: Op) -> str:
        return self.w.let(f"and i64 {self.operand(op.args[0])}, 31")

    def do_pc(self, op: Op) -> str:
        return self.w.here()

    def do_next_pc(self, op: Op) -> str:
        return self.w.let(f"add i64 {self.w.here()}, {self.length}")

    def do_get_x(self, op: Op) -> str:
        return self.w.let(f"load i64, ptr {self.reg_ptr('x', op.args[0])}")

    def do_get_f(self, op: Op) -> str:
        return self.w.let(f"load i64, ptr {self.reg_ptr('f', op.args[0])}")

    def do_set_x(self, op: Op) -> None:
        self.w(f"store i64 {self.val(op.args[1])}, ptr {self.reg_ptr('x', op.args[0])}")

    def do_set_f(self, op: Op) -> None:
        self.w(f"store i64 {self.val(op.args[1])}, ptr {self.reg_ptr('f', op.args[0])}")

    # -- memory -----------------------------------------------------------------------------------
    def tlb(self, table: str, va: str, size: int) -> str:
        """Host pointer for an aligned access through the soft TLB; the twin on a miss."""
        w = self.w
        masked = w.let(f"and i64 {va}, {-4096 | (size - 1)}")
        key = w.let(f"or i64 {masked}, {w.get('dctx')}")
        off = w.let(f"and i64 {w.let(f'lshr i64 {va}, 8')}, {(TLB_ENTRIES - 1) << 4}")
        e = w.let(f"getelementptr i8, ptr {w.slot_ptr(table)}, i64 {off}")
        hit, miss = w.label("hit"), w.label("miss")
        w.cond(w.let(f"icmp eq i64 {w.let(f'load i64, ptr {e}')}, {key}"), hit, miss, likely=True)
        w.block(miss)
        w.tail(f"@{self.twin}")
        w.block(hit)
        add = w.let(f"load i64, ptr {w.let(f'getelementptr i8, ptr {e}, i64 8')}")
        return w.let(f"inttoptr i64 {w.let(f'add i64 {va}, {add}')} to ptr")

    def native(self, name: str, args: list[str], hart: bool = True) -> str:
        w = self.w
        given = [w.let("ptrtoint ptr %S to i64"), *args] if hart else args
        w.extern(f"@{name}", f"declare i64 @{name}({', '.join(['i64'] * len(given))})")
        return w.let(f"call i64 @{name}({', '.join(f'i64 {g}' for g in given)})")

    def leave_on_fault(self) -> None:
        w = self.w
        ok, bad = w.label("ok"), w.label("fault")
        w.cond(w.let(f"icmp eq i64 {w.get('fault')}, {int(Fault.NONE)}"), ok, bad, likely=True)
        w.block(bad)
        w.tail("@op_leave")
        w.block(ok)

    def do_load(self, op: Op) -> str:
        w, va, size = self.w, self.val(op.args[0]), op.args[1]
        if self.twin is None:
            value = self.native("load_slow", [va, str(size)])
            self.leave_on_fault()
            return value
        p = self.tlb("load_tlb", va, size)
        got = w.let(f"load atomic volatile i{8 * size}, ptr {p} monotonic, align {size}")
        return got if size == 8 else w.let(f"zext i{8 * size} {got} to i64")

    def do_store(self, op: Op) -> None:
        w, va, value, size = self.w, self.val(op.args[0]), self.val(op.args[1]), op.args[2]
        if self.twin is None:
            self.native("store_slow", [va, value, str(size)])
            self.leave_on_fault()
            return
        p = self.tlb("store_tlb", va, size)
        v = value if size == 8 else w.let(f"trunc i64 {value} to i{8 * size}")
        w(f"store atomic volatile i{8 * size} {v}, ptr {p} monotonic, align {size}")

    def do_amo(self, op: Op) -> str:
        w = self.w
        kind, va, value, size = op.args[0], self.val(op.args[1]), self.val(op.args[2]), op.args[3]
        if self.twin is None:
            host = self.native("amo_ptr", [va, str(size)])
            self.leave_on_fault()
            p = w.let(f"inttoptr i64 {host} to ptr")
        else:
            p = self.tlb("store_tlb", va, size)
        v = value if size == 8 else w.let(f"trunc i64 {value} to i{8 * size}")
        old = w.let(f"atomicrmw {_AMO.get(kind, kind)} ptr {p}, i{8 * size} {v} seq_cst, align {size}")
        return old if size == 8 else w.let(f"zext i{8 * size} {old} to i64")

    def do_fence(self, op: Op) -> None:
        self.w("fence seq_cst")

    def do_fence_order(self, op: Op) -> None:
        w = self.w
        if not self.target.strong_order:
            w("fence seq_cst")
            return
        sets = self.val(op.args[0])  # TSO keeps all but store -> load (pred W/O, succ R/I)
        before = w.let(f"icmp ne i64 {w.let(f'and i64 {sets}, {0x50}')}, 0")
        after = w.let(f"icmp ne i64 {w.let(f'and i64 {sets}, {0x0A}')}, 0")
        yes, no = w.label("order"), w.label("done")
        w.cond(w.let(f"and i1 {before}, {after}"), yes, no)
        w.block(yes)
        w("fence seq_cst")
        w(f"br label %{no}")
        w.block(no)

    def do_relax(self, op: Op) -> None:
        if self.target.strong_order:
            self.w.extern("@llvm.x86.sse2.pause", "declare void @llvm.x86.sse2.pause()")
            self.w("call void @llvm.x86.sse2.pause()")

    # -- natives ----------------------------------------------------------------------------------
    def do_call(self, op: Op) -> str:
        return self.native(op.args[0], [self.val(a) for a in op.args[1]], hart=False)

    def do_hcall(self, op: Op) -> str:
        result = self.native(op.args[0], [self.val(a) for a in op.args[1]])
        self.leave_on_fault()
        return result

    def do_system(self, op: Op) -> str:
        w = self.w
        at = w.here()
        w.put("pc", at)
        w.put("npc", w.let(f"add i64 {at}, {self.length}"))
        w.put("bud", w.bud)
        result = self.native(op.args[0], [self.val(a) for a in op.args[1]])
        self.after = w.get("fault")
        ok, bad = w.label("ok"), w.label("fault")
        # TRAP and EXIT: the instruction has not happened; its register must keep its value
        undone = w.let(f"sub i64 {self.after}, {int(Fault.TRAP)}")
        w.cond(w.let(f"icmp ult i64 {undone}, {int(Fault.EXIT)}"), bad, ok, likely=False)
        w.block(bad)
        w.tail("@op_leave")
        w.block(ok)
        return result

    # -- state and control ------------------------------------------------------------------------
    def do_require_fp(self, op: Op) -> None:
        w = self.w
        off = w.let(f"load i32, ptr {w.slot_ptr('fs_off')}")
        ok, bad = w.label("ok"), w.label("off")
        w.cond(w.let(f"icmp eq i32 {off}, 0"), ok, bad, likely=True)
        w.block(bad)
        w.tail("@op_illegal")
        w.block(ok)

    def do_dirty_fp(self, op: Op) -> None:
        w = self.w
        w.put("mstatus", w.let(f"or i64 {w.get('mstatus')}, {3 << 13}"))

    def do_illegal(self, op: Op) -> None:
        self.w.tail("@op_illegal")
        self.ended = True

    def do_jump(self, op: Op) -> None:
        self.retire_to(self.w.let(f"and i64 {self.val(op.args[0])}, -2"))
        self.ended = True

    def do_jump_rel(self, op: Op) -> None:
        if self.near:
            self.near_to()
        else:
            self.retire_to(self.w.let(f"add i64 {self.w.here()}, {self.val(op.args[0])}"))
        self.ended = True

    def do_branch(self, op: Op) -> None:
        w = self.w
        taken, fall = w.label("taken"), w.label("fall")
        w.cond(self.val(op.args[0]), taken, fall)
        saved = dict(self.operands)
        w.block(taken)
        if self.near:
            self.near_to()
        else:
            self.retire_to(w.let(f"add i64 {w.here()}, {self.val(op.args[1])}"))
        w.block(fall)
        self.operands = saved
        self.next()
