"""Natives -> LLVM IR, one at a time, through Numba.

Each native is compiled alone; the natives it calls are external symbols, so a changed native costs its
own compilation and nothing else, and two processes can share the work. The text is kept by content.
Numba's function and its C wrapper are renamed: `NAME` is the C entry, `NAME.body` Numba's, always inlined.
"""

from __future__ import annotations

import re
from typing import Any

from vcpu_worker.native import NATIVES, Native, Rewritten

_EXTERNAL: dict[str, Any] = {}


def external(name: str, arity: int) -> Any:
    """A C function `u64 name(u64, ...)` resolved when the modules are linked."""
    import llvmlite.binding as llvm
    from numba.core import types

    fn = _EXTERNAL.get(name)
    if fn is None:
        # MCJIT wants an address for every external symbol; this code never runs inside the builder
        llvm.add_symbol(name, 0x1000)
        fn = types.ExternalFunction(name, types.uint64(*[types.uint64] * arity))
        _EXTERNAL[name] = fn
    return fn


def compile_native(n: Native, r: Rewritten) -> str:
    """LLVM IR text defining `n.name`. Errors: numba's, with the native's place in a note."""
    import numpy as np
    from numba.core import compiler, types
    from numba.core.compiler import Flags
    from numba.core.registry import cpu_target

    from vcpu_worker.codegen.prims import INTRINSICS

    scope: dict[str, Any] = {k: np.uint64(v) for k, v in r.constants.items()}
    scope.update({p: INTRINSICS[p] for p in r.prims})
    scope.update({c: external(c, arity) for c, arity in r.callees.items() if c != n.name})
    if n.name in r.callees:
        raise ValueError(f"{n.where}: native {n.name} calls itself")
    code = compile(r.source, f"<native {n.name}>", "exec")
    exec(code, scope)
    flags: Any = Flags()  # type: ignore[no-untyped-call]
    flags.nrt = False
    flags.error_model = "numpy"
    flags.boundscheck = False
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = False
    flags.enable_pyobject = False
    ty, ctx = cpu_target.typing_context, cpu_target.target_context
    ty.refresh()
    ctx.refresh()
    try:
        cres = compiler.compile_extra(  # type: ignore[no-untyped-call]
            ty, ctx, scope[n.name], (types.uint64,) * r.arity, types.uint64, flags, {}
        )
    except Exception as e:
        e.add_note(f"native {n.name} at {n.where}:\n{r.source}")
        raise
    text: str = cres.library.get_llvm_str()
    return _rename(text, n.name, cres.fndesc.llvm_func_name, cres.fndesc.llvm_cfunc_wrapper_name)


def _rename(text: str, name: str, inner: str, wrapper: str) -> str:
    def quoted(s: str) -> str:
        return rf'@"?{re.escape(s)}"?(?![\w.$])'

    text = re.sub(quoted(wrapper), f"@{name}", text)
    text = re.sub(quoted(inner), f"@{name}.body", text)
    text = re.sub(r"(?m)^@_ZN08NumbaEnv.*$", "", text)
    text = re.sub(r"\bnoinline\b", "nounwind", text)  # numba/core/cpu.py marks the wrapper's call so
    out = []
    for line in text.splitlines():
        if line.startswith("define") and f"@{name}.body(" in line:
            line = re.sub(r"^define (dso_local |linkonce_odr |weak_odr )*", "define internal ", line)
            line = re.sub(r"\) ([^()]*)\{$", r") \1alwaysinline {", line)
        out.append(line)
    return "\n".join(out) + "\n"


def declared_natives() -> dict[str, tuple[Native, Rewritten]]:
    """All natives of the package, rewritten, by name. Errors: NativeError."""
    from vcpu_worker.native import rewrite

    return {name: (n, rewrite(n)) for name, n in sorted(NATIVES.items())}
