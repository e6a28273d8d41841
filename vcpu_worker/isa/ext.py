"""Extensions: names, EXT_* bits of `HART.isa_ext`, and the strings and words derived from them.

A row says all that is known of an extension outside its instructions: bit, whether `-cpu rv64` has it,
what it requires. misa, `riscv,isa` and `riscv,isa-extensions` are derived here and nowhere else. An
instruction or CSR names its extension by a row's name (`ext="Zaamo"`). Rows stand in canonical order
(unprivileged manual, "ISA Extension Naming Conventions"), which is the order of the strings.

Rules
- "A", "C" and "B" have no bit: they are names for sets of rows (SETS);
- a bit is never reused or renumbered: slots are saved in snapshots;
- declarations only, no imports of the hart (DESIGN law 1: `emu` imports this module).
Source: RISC-V unprivileged 20240411, privileged 1.13; profile names of "always" features: RVA23.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Extension:
    """One extension. `bit` is its EXT_* word; `default`: part of `-cpu rv64`; `requires`: names."""

    name: str
    bit: int
    default: bool = True
    requires: tuple[str, ...] = ()


EXTENSIONS: tuple[Extension, ...] = (
    Extension("I", EXT_I := 1 << 0),
    Extension("M", EXT_M := 1 << 1),
    Extension("F", EXT_F := 1 << 2, requires=("Zicsr",)),
    Extension("D", EXT_D := 1 << 3, requires=("F",)),
    Extension("Zicbom", EXT_ZICBOM := 1 << 4),
    Extension("Zicbop", EXT_ZICBOP := 1 << 5),
    Extension("Zicboz", EXT_ZICBOZ := 1 << 6),
    Extension("Zicntr", EXT_ZICNTR := 1 << 7, requires=("Zicsr",)),
    Extension("Zicond", EXT_ZICOND := 1 << 8, default=False),
    Extension("Zicsr", EXT_ZICSR := 1 << 9),
    Extension("Zifencei", EXT_ZIFENCEI := 1 << 10),
    Extension("Zihintntl", EXT_ZIHINTNTL := 1 << 11),
    Extension("Zihintpause", EXT_ZIHINTPAUSE := 1 << 12),
    Extension("Zihpm", EXT_ZIHPM := 1 << 13, requires=("Zicntr",)),
    Extension("Zaamo", EXT_ZAAMO := 1 << 14),
    Extension("Zabha", EXT_ZABHA := 1 << 15, default=False, requires=("Zaamo",)),
    Extension("Zacas", EXT_ZACAS := 1 << 16, default=False, requires=("Zaamo",)),
    Extension("Zalrsc", EXT_ZALRSC := 1 << 17),
    Extension("Zawrs", EXT_ZAWRS := 1 << 18, requires=("Zalrsc",)),
    Extension("Zfa", EXT_ZFA := 1 << 19, default=False, requires=("F",)),
    Extension("Zca", EXT_ZCA := 1 << 20),
    Extension("Zcb", EXT_ZCB := 1 << 21, default=False, requires=("Zca",)),
    Extension("Zcd", EXT_ZCD := 1 << 22, requires=("Zca", "D")),
    Extension("Zba", EXT_ZBA := 1 << 23),
    Extension("Zbb", EXT_ZBB := 1 << 24),
    Extension("Zbc", EXT_ZBC := 1 << 25, default=False),
    Extension("Zbs", EXT_ZBS := 1 << 26),
    Extension("Sstc", EXT_SSTC := 1 << 27, requires=("S",)),
    # Both Svade and Svadu: menvcfg.ADUE resets to 0 and chooses (privileged 1.13, "Svadu"), as in QEMU
    Extension("Svade", EXT_SVADE := 1 << 28, default=False, requires=("S",)),
    Extension("Svadu", EXT_SVADU := 1 << 29, requires=("S",)),
    Extension("Svinval", EXT_SVINVAL := 1 << 30, requires=("S",)),
    Extension("Svnapot", EXT_SVNAPOT := 1 << 31, requires=("Sv39",)),
    Extension("Svpbmt", EXT_SVPBMT := 1 << 32, requires=("Sv39",)),
    # rows without a place in the strings: privilege modes (letters of misa) and translation modes (mmu-type)
    Extension("S", EXT_S := 1 << 33, requires=("U", "Zicsr")),
    Extension("U", EXT_U := 1 << 34, requires=("Zicsr",)),
    Extension("Sv39", EXT_SV39 := 1 << 35, requires=("S",)),
    Extension("Sv48", EXT_SV48 := 1 << 36, requires=("Sv39",)),
    Extension("Sv57", EXT_SV57 := 1 << 37, requires=("Sv48",)),
    Extension("Zmmul", EXT_ZMMUL := 1 << 38),
)  # fmt: skip

BY_NAME: dict[str, Extension] = {e.name: e for e in EXTENSIONS}

# Names for several rows at once. C on RV64 is Zca, and Zcd as well where D is present.
SETS: dict[str, tuple[str, ...]] = {
    "A": ("Zaamo", "Zalrsc"),
    "B": ("Zba", "Zbb", "Zbs"),
    "C": ("Zca", "Zcd"),
    "G": ("I", "M", "Zaamo", "Zalrsc", "F", "D", "Zicsr", "Zifencei"),
}

# Properties every hart of ours has, which the strings mention and nothing tests: 64-byte cache blocks and
# reservation sets, coherent main memory with misaligned access, LR/SC and AMO, page tables in all of it,
# writable scounteren, stval and direct stvec as RVA23 wants them.
ALWAYS: tuple[str, ...] = (
    "Zic64b", "Ziccamoa", "Ziccif", "Zicclsm", "Ziccrse", "Za64rs",
    "Ssccptr", "Sscounterenw", "Sstvala", "Sstvecd",
)  # fmt: skip

# Letter of misa -> the pairs (mask, value) of which one must hold for EXT_* bits to have it. B has none:
# QEMU's rv64 has the three extensions without the letter. C asks for Zcd only where D is present.
LETTERS: dict[str, tuple[tuple[int, int], ...]] = {
    **{c: ((BY_NAME[c].bit, BY_NAME[c].bit),) for c in "IMFDSU"},
    "A": ((EXT_ZAAMO | EXT_ZALRSC, EXT_ZAAMO | EXT_ZALRSC),),
    "C": ((EXT_ZCA | EXT_ZCD, EXT_ZCA | EXT_ZCD), (EXT_ZCA | EXT_D, EXT_ZCA)),
}
MXL64 = 2 << 62

_NOT_IN_STRING = frozenset({"I", "M", "F", "D", "S", "U", "Sv39", "Sv48", "Sv57"})
_MODES = (("Sv57", EXT_SV57), ("Sv48", EXT_SV48), ("Sv39", EXT_SV39))


def bits_of(names: Iterable[str]) -> int:
    """The EXT_* word of `names` (rows or SETS) and of everything they require.

    Errors: KeyError naming an unknown extension.
    """
    bits = 0
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in SETS:
            todo += [n for n in SETS[name] if n != "Zcd"]
            continue
        row = BY_NAME[name]
        if not bits & row.bit:
            bits |= row.bit
            todo += row.requires
    if bits & EXT_M:
        bits |= EXT_ZMMUL
    if bits & EXT_D and bits & EXT_ZCA:
        bits |= EXT_ZCD
    return bits


def without(bits: int, names: Iterable[str]) -> int:
    """`bits` less `names` (rows or SETS) and less everything that requires one of them."""
    gone = {n for name in names for n in SETS.get(name, (name,))}
    while True:
        more = {e.name for e in EXTENSIONS if gone.intersection(e.requires)} - gone
        if not more:
            break
        gone |= more
    for name in gone:
        bits &= ~BY_NAME[name].bit
    if "M" in gone:
        bits &= ~EXT_ZMMUL
    return bits


RV64_DEFAULT: int = bits_of(e.name for e in EXTENSIONS if e.default)


def has(bits: int, name: str) -> bool:
    """Whether a hart with `bits` has the extension (or the whole set) `name`. KeyError if unknown."""
    if name in LETTERS:
        return any(bits & mask == value for mask, value in LETTERS[name])
    return all(bits & BY_NAME[n].bit for n in SETS.get(name, (name,)))


def _letters(bits: int) -> str:
    """Single letters of the ISA string, in its order."""
    return "".join(c for c in "IMAFDC" if has(bits, c)).lower()


def misa(bits: int) -> int:
    """The misa CSR: MXL = 64 bit and a bit a letter. Source: privileged, "Machine ISA Register"."""
    return MXL64 | sum(misa_bit(letter) for letter in LETTERS if has(bits, letter))


def misa_bit(letter: str) -> int:
    """The bit of misa that stands for an upper-case letter."""
    return 1 << (ord(letter) - ord("A"))


def _category(name: str) -> tuple[int, int, str]:
    """Sort key of a multi-letter name: Z before S, Z by the order of its second letter, then alphabet."""
    if name.startswith("Z"):
        return 0, "imafdqlcbkjtpvh".index(name[1].lower()), name.lower()
    return 1, 0, name.lower()


def isa_extensions(bits: int) -> list[str]:
    """The strings of the device tree property riscv,isa-extensions, canonical order."""
    multi = [e.name for e in EXTENSIONS if bits & e.bit and e.name not in _NOT_IN_STRING]
    multi += ALWAYS if bits & EXT_S else [n for n in ALWAYS if n.startswith("Z")]
    return list(_letters(bits)) + [n.lower() for n in sorted(multi, key=_category)]


def isa_string(bits: int) -> str:
    """The device tree property riscv,isa: "rv64imafdc_zicbom_...", canonical order."""
    names = isa_extensions(bits)
    single = "".join(n for n in names if len(n) == 1)
    return "_".join([f"rv64{single}", *(n for n in names if len(n) > 1)])


def mmu_type(bits: int) -> str:
    """The device tree property mmu-type: the largest translation mode, "riscv,none" without one."""
    for name, bit in _MODES:
        if bits & bit:
            return f"riscv,{name.lower()}"
    return "riscv,none"
