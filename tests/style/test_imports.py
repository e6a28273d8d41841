"""Law 1 of the house: who may import whom. Read from the syntax trees, so that lazy imports count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("emu", "ipc", "vcpu_worker", "iothread")
COMPILERS = {"numba", "llvmlite"}
# builder and translator, each a process of its own: they alone may import the compiler
COMPILER_PARTS = ("vcpu_worker.codegen", "vcpu_worker.translate")
IPC_MAY = {"msgpack", "posix_ipc"}
# what `emu` may import of the others
ENTRIES = ("vcpu_worker.entry", "vcpu_worker.translate.entry", "iothread.entry")
DECLARATIVE = ("vcpu_worker.isa", "vcpu_worker.csr")  # import nothing heavy themselves
DATA_PLANE = ("iothread.queue", "iothread.backends")
CONTRACT_OF_BIRTH = ("vcpu_worker.parts",)  # what the entry is given: a declaration, for the entry's caller


def modules() -> list[tuple[str, Path]]:
    """(dotted name, file) of every module of ours."""
    found = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(dotted name, whether it is only for type checkers) of everything a file imports, wherever."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in typing_only


def under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


MODULES = modules()


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[m for m, _ in MODULES])
def test_imports_go_one_way(module: str, path: Path) -> None:
    own = module.split(".")[0]
    for name, typing_only in imports(path):
        top = name.split(".")[0]
        if top in COMPILERS:
            assert under(module, COMPILER_PARTS), f"{name}: only builder and translator import the compiler"
        if own == "ipc":
            assert top in ("ipc", *IPC_MAY) or top in sys.stdlib_module_names or top == "numpy", name
        elif own in ("vcpu_worker", "iothread") and top in OURS:
            assert top in (own, "ipc"), f"{module} imports {name}"
        elif own == "emu" and top in ("vcpu_worker", "iothread") and not typing_only:
            allowed = (*ENTRIES, *DECLARATIVE, *DATA_PLANE, *CONTRACT_OF_BIRTH)
            assert under(name, allowed), f"{module} imports {name}"


def test_nothing_heavy_is_imported_for_a_wrong_line() -> None:
    """`emu -foo` must not load a compiler, numpy, nor the process machinery."""
    code = (
        "import sys; sys.argv = ['emu-system-riscv64', '-M', 'virt', '-foo']\n"
        "from emu.main import main\n"
        "status = main()\n"
        "heavy = {'numba', 'llvmlite', 'numpy', 'multiprocess', 'rich', 'elftools'} & set(sys.modules)\n"
        "print(status, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "1 []"
    assert done.stderr == "emu-system-riscv64: -foo: invalid option\n"


def test_no_module_of_the_main_loop_imports_a_compiler_at_any_depth() -> None:
    """Importing everything that a running machine imports brings neither numba nor numpy."""
    code = (
        "import sys\n"
        "import emu.main, emu.vm, emu.hw.riscv.virt, emu.chardev.factory, emu.workers.fleet\n"
        "import vcpu_worker.entry, vcpu_worker.isa.ext\n"
        "from emu.qom import types\n"
        "types.load_types()\n"
        "print(sorted({'numba', 'llvmlite', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
