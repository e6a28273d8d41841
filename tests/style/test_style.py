"""Rules of the house that a program can check: sizes, names, docstrings, and nothing of any one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("emu", "ipc", "vcpu_worker", "iothread")
WATCH_LINE = 400  # lines; when a second reader needs a table of contents, it is two files
INSTRUCTIONS = 900  # an extension is one file
# file -> (lines allowed, why it is one file all the same)
LONG: dict[str, tuple[int, str]] = {
    "emu/hw/virtio/mmio.py": (430, "the registers of both interfaces share their state"),
    "ipc/layout.py": (430, "one table of all words that two processes share"),
    "vcpu_worker/codegen/lower.py": (500, "one lowering for each word of the vocabulary, and nothing else"),
}
BAD_NAMES = re.compile(r"^(utils?|helpers?|common|misc_utils|tools)$")
TEXT = {".py", ".md", ".toml", ".c", ".h", ".S", ".ld", ".sh", ".csv", ".yml", ""}
# paths that exist on somebody's machine, and names of machinery that is not the project's
OF_A_MACHINE = re.compile(r"/root/|/home/[a-z]|/wor[k]/|file:///")


def tracked() -> list[Path]:
    """Files of the project: what git knows or would add; without git, everything but hidden folders."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return [p for line in done.stdout.splitlines() if (p := ROOT / line).is_file()]
    hidden = (".venv", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", "__pycache__")
    return [p for p in ROOT.rglob("*") if p.is_file() and not set(hidden) & set(p.parts)]


FILES = tracked()
SOURCES = [p for p in FILES if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in PACKAGES]
TESTS = [p for p in FILES if p.suffix == ".py" and p.relative_to(ROOT).parts[0] == "tests"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_one_noun_of_readable_length(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    allowed = INSTRUCTIONS if name(path).startswith("vcpu_worker/isa/") else WATCH_LINE
    allowed = LONG.get(name(path), (allowed, ""))[0]
    assert lines <= allowed, f"{lines} lines: split it, or explain it in LONG"


def test_explained_exceptions_are_still_needed() -> None:
    for file in LONG:
        lines = len((ROOT / file).read_text(encoding="utf-8").splitlines())
        assert lines > WATCH_LINE, f"{file} has {lines} lines: its row in LONG can go"


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name)
def test_modules_are_named_for_what_they_are_and_say_why_they_exist(path: Path) -> None:
    assert not BAD_NAMES.match(path.stem), "name the thing"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "a module opens with why it exists"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=name)
def test_packages_hold_names_and_no_logic(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body[1:]:
        is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        assert isinstance(node, ast.Import | ast.ImportFrom) or is_all, ast.unparse(node)[:60]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_functions_say_what_they_do(path: Path) -> None:
    """A docstring on every public function and class outside natives; a Protocol's `...` may be bare."""
    if name(path).startswith(("vcpu_worker/isa/", "vcpu_worker/codegen/")):
        pytest.skip("bodies of instructions are their own description; the builder is checked by hand")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    todo: list[tuple[ast.AST, bool]] = [(tree, True)]
    while todo:
        parent, public = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.ClassDef):
                own = public and not node.name.startswith("_")
                assert not own or ast.get_docstring(node), f"class {node.name}"
                todo.append((node, own))
            elif isinstance(node, ast.FunctionDef) and public and not node.name.startswith("_"):
                short = len(node.body) == 1 and len(ast.unparse(node).splitlines()) <= 4
                # properties and one-liners whose name says it all
                assert short or ast.get_docstring(node), f"{node.name}, line {node.lineno}"


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix in TEXT], ids=name)
def test_nothing_of_any_one_machine_is_in_the_project(path: Path) -> None:
    if path == Path(__file__).resolve():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    found = OF_A_MACHINE.search(text)
    assert found is None, f"{found[0]!r}" if found else ""


def test_todos_have_an_owner_and_a_condition() -> None:
    for path in [*SOURCES, *TESTS]:
        if path == Path(__file__).resolve():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            loose = re.search(r"#\s*(TODO|FIXME|XXX)(?!\(\w+\): .*when)", line)
            assert not loose, f"{name(path)}: {line.strip()}"


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_every_package_has_a_readme(package: str) -> None:
    assert (ROOT / package / "README.md").is_file()
