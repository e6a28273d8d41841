"""What a row that misses its target is reported with: where the time of a run of its own went.

A profile is lines for people and numbers for the JSON. It explains, it measures nothing: its run is not one
of the row's, and has a sampler beside it (`sampling.py`).

Guests of the bench have symbols (a twin of the ELF with a symbol table, equal in what is loaded). Debian's
kernel and OpenSBI have none here: their share is told by mode, and by the hottest block heads.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.guests import bare
from tests.bench.figures import short
from tests.bench.sampling import STATES, HartSamples, Samples, Used
from vcpu_worker.isa.insn import disassemble

SYMBOLS, BLOCKS, IMPORTS, WAITS, HOST = 5, 3, 8, 3, 6  # told
KEPT = 100  # in the JSON
ENGINE = "engine "  # before names of compiled code, in `HartSamples.host`
MODES = {0: "U", 1: "S", 3: "M"}
STATE_TEXT = {"guest": "guest code", "waiting": "waiting for main", "python": "worker's Python"}
# what the built-in board calls the places an access can wait for
DEVICES = ((0x10_0000, "test"), (0x10_1000, "rtc"), (0x1000_0000, "uart"), (0x1000_1000, "virtio-mmio"))
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Profile:
    """lines: for the report, the first names the row. data: for the JSON."""

    lines: list[str]
    data: dict[str, object] = field(default_factory=dict)


class Code:
    """What lies at an address of a guest: symbol and instruction. Without an ELF: nothing is known."""

    def __init__(self, elf: Path | None) -> None:
        self._starts: list[int] = []
        self._names: list[str] = []
        self._base, self._image = 0, b""
        if elf is None:
            return
        self._base, self._image = bare.flat(elf)
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            found = {
                symbol["st_value"]: symbol.name
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and symbol.name.isidentifier()
            }
        self._starts = sorted(found)
        self._names = [found[at] for at in self._starts]

    def symbol(self, pc: int) -> str:
        """Name of the function that `pc` is in; "" outside all."""
        at = bisect_right(self._starts, pc) - 1
        inside = at >= 0 and pc < self._base + len(self._image)
        return self._names[at] if inside else ""

    def text(self, pc: int) -> str:
        """`name+offset: instruction`, or the bare address."""
        name = self.symbol(pc)
        if not name:
            return f"{pc:#x}"
        start = self._starts[bisect_right(self._starts, pc) - 1]
        off = pc - self._base
        word = int.from_bytes(self._image[off : off + 4], "little")
        return f"{name}+{pc - start:#x}: {disassemble(word if word & 3 == 3 else word & 0xFFFF, pc)}"


def share(part: float, whole: float) -> str:
    """A percentage."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def of_run(name: str, samples: Samples, code: Code, by_mode: bool = False) -> Profile:
    """The profile of one sampled run. by_mode: shares of M, S and U, for guests without symbols."""
    lines = [
        f"{name}: profile of a run of its own, {samples.wall_s:.2f} s, {samples.looks} looks",
        f"  since exec: {_marks(samples)}",
        f"  main: {_used(samples.main, samples.wall_s)}",
        *_host(samples.main_host),
    ]
    for number, hart in enumerate(samples.harts):
        lines += _of_hart(number, hart, samples.wall_s, code, by_mode)
    return Profile(lines, {**_plain(samples), "symbols": [dict(_symbols(h, code)) for h in samples.harts]})


def _marks(samples: Samples) -> str:
    told = [f"{what} at {at:.3f} s" for what, at in samples.marks.items()]
    return ", ".join([*told, f"end at {samples.wall_s:.3f} s"])


def _used(used: Used, wall_s: float) -> str:
    on_cpu, of_run = f"{used.on_cpu_s:.2f} s on a processor", share(used.on_cpu_s, wall_s)
    return f"{on_cpu} ({of_run} of the run), {used.queued_s:.2f} s waiting for one"


def _of_hart(number: int, hart: HartSamples, wall_s: float, code: Code, by_mode: bool) -> list[str]:
    all_states = hart.states.total()
    states = [f"{STATE_TEXT.get(s, s)} {share(hart.states[s], all_states)}" for s in STATES if hart.states[s]]
    n = {name: f"{count:,}" for name, count in hart.counters.items() if name != "retired"}
    retired = short(hart.counters.get("retired", 0) / 1e6)
    lines = [f"  hart {number}: {', '.join(states) or 'never seen'}; {_used(hart.used, wall_s)}"]
    if n:
        lines.append(
            f"    {retired} M instructions, {n['n_traps']} traps, {n['n_irqs']} interrupts, "
            f"{n['n_mmio']} round trips, {n['n_walks']} page walks, {n['n_pages']} pages decoded"
        )
    lines += _host(hart.host)
    if hart.waits:
        waits = Counter[str]()
        for gpa, times in hart.waits.items():
            waits[_device(gpa)] += times
        lines.append(f"    waits: {_most(waits, WAITS)}")
    seen = hart.pcs.total()
    if seen:
        parts = _modes(hart) if by_mode else _symbols(hart, code)
        lines.append(f"    guest code: {_most(parts, SYMBOLS)}")
    for (mode, pc), times in hart.pcs.most_common(BLOCKS):
        if times * 100 >= seen:
            lines.append(f"    {share(times, seen):>5}  {MODES.get(mode, '?')}  block at {code.text(pc)}")
    return lines


def _host(host: Counter[str]) -> list[str]:
    """What a process of ours executed: shares of its processor time in user mode."""
    if not host:
        return []
    engine = sum(n for name, n in host.items() if name.startswith(ENGINE))
    head = f"compiled code {share(engine, host.total())}; " if engine else ""
    return [f"    executes: {head}{_most(host, HOST).replace(ENGINE, '')}"]


def _device(gpa: int) -> str:
    return next((name for base, name in reversed(DEVICES) if gpa >= base), "elsewhere")


def _symbols(hart: HartSamples, code: Code) -> Counter[str]:
    """Samples by function."""
    found = Counter[str]()
    for (_, pc), times in hart.pcs.items():
        found[code.symbol(pc) or "no symbol"] += times
    return found


def _modes(hart: HartSamples) -> Counter[str]:
    """Samples by mode."""
    found = Counter[str]()
    for (mode, _), times in hart.pcs.items():
        found[f"{MODES.get(mode, '?')}-mode"] += times
    return found


def _most(parts: Counter[str], most: int) -> str:
    """The largest parts, as shares of all; nothing below a hundredth."""
    total = parts.total()
    told = [f"{name} {share(n, total)}" for name, n in parts.most_common(most) if n * 100 >= total]
    return ", ".join(told)


def _plain(samples: Samples) -> dict[str, object]:
    """As JSON takes it: of long lists those most seen."""
    harts = [
        {
            "states": dict(hart.states),
            "blocks": {f"{MODES.get(m, m)} {pc:#x}": n for (m, pc), n in hart.pcs.most_common(KEPT)},
            "waits": {f"{gpa:#x}": n for gpa, n in hart.waits.most_common(KEPT)},
            "host": dict(hart.host.most_common(KEPT)),
            "counters": hart.counters,
            **asdict(hart.used),
        }
        for hart in samples.harts
    ]
    main = {"host": dict(samples.main_host.most_common(KEPT)), **asdict(samples.main)}
    run = {"wall_s": samples.wall_s, "looks": samples.looks, "marks_s": samples.marks}
    return {**run, "main": main, "harts": harts}


def of_imports(errors: str) -> Profile:
    """Of what `python -X importtime` has printed: milliseconds by top-level package, the most first."""
    by_package = Counter[str]()
    for us, module in _IMPORT.findall(errors):
        by_package[module.partition(".")[0]] += int(us)
    total = by_package.total()
    told = [f"{name} {us / 1000:.0f}" for name, us in by_package.most_common(IMPORTS)]
    line = f"  imports of main, {total / 1000:.0f} ms as -X importtime counts them: {', '.join(told)}"
    return Profile([line], {"imports_us": dict(by_package.most_common())})


def of_steps(name: str, steps: list[tuple[float, str]], group: Callable[[str], str]) -> Profile:
    """Of steps that end one after the other, (seconds since the start, what ended then)."""
    took: dict[str, float] = {}
    before, longest = 0.0, []
    for at, what in steps:
        took[group(what)] = took.get(group(what), 0.0) + at - before
        longest.append((at - before, what))
        before = at
    told = [f"{what} {s:.1f} s" for what, s in sorted(took.items(), key=lambda each: -each[1])]
    most = [f"{what} {s:.2f} s" for s, what in sorted(longest, reverse=True)[:SYMBOLS]]
    lines = [f"{name}: profile of a run of its own: {', '.join(told)}", f"  longest waits: {', '.join(most)}"]
    return Profile(lines, {"steps": steps})
