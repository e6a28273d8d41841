"""The threaded interpreter's module: one handler for each decode op, the special ones, and its entries.

Source: vcpu_worker.codegen.decode.OPS names the ops; semantics come from vcpu_worker.isa by lowering.
"""

from __future__ import annotations

from ipc.layout import HART, Fault
from vcpu_worker.codegen.lower import ARGS, CC, Lines, Lowering, Target
from vcpu_worker.codegen.pairs import pairs, traced
from vcpu_worker.isa.vocab import Trace

MEMORY = ("load", "store", "amo")


def _function(name: str, w: Lines) -> str:
    return f"define {CC} void @{name}({ARGS}) #0 {{\n" + "\n".join(w.out) + "\n}\n"


def _leave(name: str, native: str) -> tuple[str, Lines]:
    """Save pc (unless already saved) and bud, call `native`, go on or return."""
    w = Lines()
    if name == "op_leave":
        w.put("pc", w.here())
    w.put("bud", "%bud")
    w.extern(f"@{native}", f"declare i64 @{native}(i64)")
    r = w.let(f"call i64 @{native}(i64 {w.let('ptrtoint ptr %S to i64')})")
    w.cond(w.let(f"icmp eq i64 {r}, 0"), "go", "out", likely=True)
    w.block("out")
    w("ret void")
    w.block("go")
    w.tail("@op_resume", bud=w.get("bud"))
    return _function(name, w), w


def _resume() -> tuple[str, Lines]:
    w = Lines()
    w.enter_page(w.get("pc"), "%bud")
    return _function("op_resume", w), w


def _fetch() -> tuple[str, Lines]:
    """Fetch TLB miss at the slot's pc: a new entry, or the fetch's fault."""
    w = Lines()
    w.put("bud", "%bud")
    w.extern("@fetch_slow", "declare i64 @fetch_slow(i64, i64)")
    pc = w.get("pc")
    e = w.let(f"call i64 @fetch_slow(i64 {w.let('ptrtoint ptr %S to i64')}, i64 {pc})")
    w.cond(w.let(f"icmp ne i64 {e}, 0"), "ok", "fault", likely=True)
    w.block("fault")
    w.tail("@op_leave_at_pc")
    w.block("ok")
    w.enter_entry(w.let(f"inttoptr i64 {e} to ptr"), pc, "%bud")
    return _function("op_fetch", w), w


def _decode() -> tuple[str, Lines]:
    """Op 0: decode the record in place and execute it (also in single step: hence the real table)."""
    w = Lines()
    w.extern("@decode_at", "declare i64 @decode_at(i64, i64, i64)")
    s, rec = w.let("ptrtoint ptr %S to i64"), w.let("ptrtoint ptr %rec to i64")
    w.let(f"call i64 @decode_at(i64 {s}, i64 {rec}, i64 {w.here()})")
    table = w.let(f"inttoptr i64 {w.get('dispatch')} to ptr")
    w.dispatch("%rec", "%pcb", "%bud", table)
    return _function("op_decode", w), w


def _cross() -> tuple[str, Lines]:
    """Op 3: an instruction whose second half is on the next page."""
    w = Lines()
    w.extern("@fetch_one", "declare i64 @fetch_one(i64, i64)")
    pc = w.here()
    e = w.let(f"call i64 @fetch_one(i64 {w.let('ptrtoint ptr %S to i64')}, i64 {pc})")
    w.cond(w.let(f"icmp ne i64 {e}, 0"), "ok", "fault", likely=True)
    w.block("fault")
    w.tail("@op_leave")
    w.block("ok")
    table = w.let(f"inttoptr i64 {w.get('dispatch')} to ptr")
    w.enter_entry(w.let(f"inttoptr i64 {e} to ptr"), pc, "%bud", table)
    return _function("op_cross", w), w


def _goto() -> tuple[str, Lines]:
    """Op 2, behind a page's last record: go on at this pc. A look at events; no instruction retires."""
    w = Lines()
    pc = w.here()
    w.poll_unless_quiet(pc, "%bud")
    w.enter_page(pc, "%bud")
    return _function("op_goto", w), w


def _illegal() -> tuple[str, Lines]:
    w = Lines()
    w.put("trap_cause", "2")
    w.put("trap_tval", "0")
    w.put("fault", str(int(Fault.TRAP)))
    w.tail("@op_leave")
    return _function("op_illegal", w), w


def _break() -> tuple[str, Lines]:
    """Op 4: a breakpoint lies at this place in some page. Leave if it is this one, else the instruction."""
    w = Lines()
    w.extern("@break_at", "declare i64 @break_at(i64, i64, i64)")
    s, rec = w.let("ptrtoint ptr %S to i64"), w.let("ptrtoint ptr %rec to i64")
    op = w.let(f"call i64 @break_at(i64 {s}, i64 {rec}, i64 {w.here()})")
    w.cond(w.let(f"icmp ne i64 {op}, 0"), "on", "out", likely=True)
    w.block("out")
    w.tail("@op_leave")
    w.block("on")
    table = w.let(f"inttoptr i64 {w.get('dispatch')} to ptr")
    w.tail(w.let(f"load ptr, ptr {w.let(f'getelementptr ptr, ptr {table}, i64 {op}')}"))
    return _function("op_break", w), w


def _stop() -> tuple[str, Lines]:
    w = Lines()
    w.put("pc", w.here())
    w.put("bud", "%bud")
    w("ret void")
    return _function("op_stop", w), w


SPECIAL = {0: "op_decode", 1: "op_illegal", 2: "op_goto", 3: "op_cross", 4: "op_break"}


def _enter_code() -> str:
    """C entry: run at the slot's pc until a handler returns."""
    w = Lines()
    w("%S = inttoptr i64 %s to ptr")
    table = w.let(f"inttoptr i64 {w.get('dispatch')} to ptr")
    w(f"call {CC} void @op_resume(ptr %S, ptr null, i64 0, i64 {w.get('bud')}, ptr {table})")
    w("ret i64 0")
    return "define i64 @enter_code(i64 %s) {\n" + "\n".join(w.out) + "\n}\n"


def _step1() -> str:
    """C entry: the one instruction at the slot's pc, through a fetch entry; every table entry then stops."""
    w = Lines()
    w("%S = inttoptr i64 %s to ptr")
    w("%e = inttoptr i64 %entry to ptr")
    pc = w.get("pc")
    base = w.let(f"load i64, ptr {w.let('getelementptr i8, ptr %e, i64 8')}")
    pcb = w.let(f"load i64, ptr {w.let('getelementptr i8, ptr %e, i64 16')}")
    off = w.let(f"shl i64 {w.let(f'and i64 {pc}, 4094')}, 2")
    rec = w.let(f"inttoptr i64 {w.let(f'add i64 {base}, {off}')} to ptr")
    real = w.let(f"inttoptr i64 {w.get('dispatch')} to ptr")
    stop = w.let(f"inttoptr i64 {w.get('stop_table')} to ptr")
    op = w.let(f"zext i16 {w.let(f'load i16, ptr {rec}')} to i64")
    fn = w.let(f"load ptr, ptr {w.let(f'getelementptr ptr, ptr {real}, i64 {op}')}")
    w(f"call {CC} void {fn}(ptr %S, ptr {rec}, i64 {pcb}, i64 {w.get('bud')}, ptr {stop})")
    w("ret i64 0")
    return "define i64 @step1(i64 %s, i64 %entry) {\n" + "\n".join(w.out) + "\n}\n"


# 64-byte vectors: a loop over words would become calls of memcmp, memcpy and memset, which a blob has not
_PAGES = """
define i64 @page_equal(i64 %a, i64 %b) {
  br label %loop
loop:
  %i = phi i64 [ 0, %0 ], [ %n, %loop ]
  %acc = phi <8 x i64> [ zeroinitializer, %0 ], [ %acc2, %loop ]
  %pa = add i64 %a, %i
  %pb = add i64 %b, %i
  %qa = inttoptr i64 %pa to ptr
  %qb = inttoptr i64 %pb to ptr
  %va = load volatile <8 x i64>, ptr %qa, align 8
  %vb = load volatile <8 x i64>, ptr %qb, align 8
  %x = xor <8 x i64> %va, %vb
  %acc2 = or <8 x i64> %acc, %x
  %n = add i64 %i, 64
  %more = icmp ult i64 %n, 4096
  br i1 %more, label %loop, label %done
done:
  %r = call i64 @llvm.vector.reduce.or.v8i64(<8 x i64> %acc2)
  %z = icmp eq i64 %r, 0
  %e = zext i1 %z to i64
  ret i64 %e
}
declare i64 @llvm.vector.reduce.or.v8i64(<8 x i64>)
define i64 @page_copy(i64 %to, i64 %from) {
  br label %loop
loop:
  %i = phi i64 [ 0, %0 ], [ %n, %loop ]
  %pa = add i64 %to, %i
  %pb = add i64 %from, %i
  %qa = inttoptr i64 %pa to ptr
  %qb = inttoptr i64 %pb to ptr
  %v = load volatile <8 x i64>, ptr %qb, align 8
  store volatile <8 x i64> %v, ptr %qa, align 8
  %n = add i64 %i, 64
  %more = icmp ult i64 %n, 4096
  br i1 %more, label %loop, label %done
done:
  ret i64 0
}
define i64 @page_zero(i64 %to) {
  br label %loop
loop:
  %i = phi i64 [ 0, %0 ], [ %n, %loop ]
  %pa = add i64 %to, %i
  %qa = inttoptr i64 %pa to ptr
  store volatile <8 x i64> zeroinitializer, ptr %qa, align 8
  %n = add i64 %i, 64
  %more = icmp ult i64 %n, 4096
  br i1 %more, label %loop, label %done
done:
  ret i64 0
}
"""

def module(
    ops: list[tuple[str, int, bool] | None], target: Target
) -> tuple[str, list[str], list[str]]:
    """IR text of all handlers; the handler's name for each op number; the same with pairs run singly.

    ops: by op number, (instruction with a body, bytes of the encoding, near) or None for special ops.
    Pairs' ops follow them.
    """
    parts: list[str] = []
    externs: dict[str, str] = {}
    names: list[str] = []

    def add(text: str, w: Lines) -> None:
        parts.append(text)
        externs.update(w.externs)

    for name, native in (("op_leave", "leave"), ("op_leave_at_pc", "leave"), ("op_event", "hart_poll")):
        add(*_leave(name, native))
    for make in (_resume, _fetch, _decode, _cross, _goto, _illegal, _break, _stop):
        add(*make())
    traces: dict[str, Trace] = {}
    done: set[str] = set()
    firsts: list[str] = []
    for number, op in enumerate(ops):
        if op is None:
            names.append(SPECIAL.get(number, "op_illegal"))
            continue
        insn, length, near = op
        t = traces.setdefault(insn, traced(insn))
        name = f"i.{insn}.{length}{'n' if near else ''}"
        names.append(name)
        if name in done:
            continue
        done.add(name)
        twin = name + ".slow" if t.has(*MEMORY) else None
        fast = Lowering(target, t, length, near, twin)
        add(fast.run(name), fast.w)
        if twin is not None:
            slow = Lowering(target, t, length, near, None)
            add(slow.run(twin), slow.w)
    for pair in pairs():
        a, b = pair.first, pair.second
        firsts.append(f"i.{a.name}.{a.length}")
        name = f"p.{a.name}.{a.length}.{b.name}.{b.length}{'n' if b.near else ''}"
        names.append(name)
        halves = []
        for half in (a, b):
            t = traces.setdefault(half.name, traced(half.name))
            twin = f"i.{half.name}.{half.length}.slow" if t.has(*MEMORY) else None
            halves.append(Lowering(target, t, half.length, half.near, twin))
        add(halves[0].run_pair(name, halves[1]), halves[0].w)
    parts += [_enter_code(), _step1(), _PAGES]
    head = [*externs.values()]
    tail = [
        'attributes #0 = { nounwind "frame-pointer"="none" }',
        '!0 = !{!"branch_weights", i32 2000, i32 1}',
        '!1 = !{!"branch_weights", i32 1, i32 2000}',
    ]
    return "\n".join(head + parts + tail) + "\n", names, names[: len(names) - len(firsts)] + firsts


assert HART.offset("x") == 0
