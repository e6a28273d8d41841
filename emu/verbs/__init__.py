"""Verbs of `emu`: words that stand first on its command line. One file each, found by walking the package.

A verb's module has `main(argv) -> int`, and its docstring's first line is its help. `emu-system-riscv64` is
the same program and has no verbs.
"""
