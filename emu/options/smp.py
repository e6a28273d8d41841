"""CPU topology: what -smp said, completed and checked as QEMU does.

Source: BEHAVIOUR 3.2, 4.2; QEMU's rule since 6.2 that cores are preferred over sockets.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import OptionError
from emu.options.groups import SMP
from emu.options.keyval import Tree
from emu.options.visitor import KEYVAL


@dataclass(frozen=True)
class Topology:
    """cpus harts exist at start, of at most max_cpus = sockets * cores * threads."""

    cpus: int = 1
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    max_cpus: int = 1

    def __str__(self) -> str:
        return f"sockets ({self.sockets}) * cores ({self.cores}) * threads ({self.threads})"


_KEYS = frozenset(d.name for d in SMP.desc)


def _numbers(said: Tree) -> dict[str, int]:
    out = {}
    for key, text in said.items():
        if key not in _KEYS:
            raise OptionError(f"Parameter 'smp.{key}' is unexpected")
        if not isinstance(text, str):
            raise OptionError(f"Parameter 'smp.{key}' expects integer")
        out[key] = KEYVAL.int64(f"smp.{key}", text)
    return out


def topology(said: Tree, machine: str, most: int) -> Topology:
    """The topology that `said` (keys of -smp) means on `machine`, which can have `most` harts.

    Errors: OptionError with QEMU's texts.
    """
    n = _numbers(said)
    if any(v == 0 for v in n.values()):
        raise OptionError(
            "Invalid CPU topology: CPU topology parameters must be greater than zero"
        )
    for key in ("modules", "clusters", "dies", "books", "drawers"):
        if n.get(key, 1) > 1:
            raise OptionError(f"{key} > 1 not supported by this machine's CPU topology")
    cpus, max_cpus = n.get("cpus", 0), n.get("maxcpus", 0)
    sockets, cores, threads = n.get("sockets", 0), n.get("cores", 0), n.get("threads", 0)
    if not cpus and not max_cpus:
        sockets, cores, threads = sockets or 1, cores or 1, threads or 1
    else:
        max_cpus = max_cpus or cpus
        if not cores:
            sockets, threads = sockets or 1, threads or 1
            cores = max_cpus // (sockets * threads)
        elif not sockets:
            threads = threads or 1
            sockets = max_cpus // (cores * threads)
        threads = threads or max_cpus // (sockets * cores or 1)
    total = sockets * cores * threads
    max_cpus = max_cpus or total
    t = Topology(cpus or max_cpus, sockets, cores, threads, max_cpus)
    if max_cpus > 0 and total != max_cpus:
        raise OptionError(
            "Invalid CPU topology: product of the hierarchy must match maxcpus: "
            f"{t} != maxcpus ({max_cpus})"
        )
    if 0 < max_cpus < t.cpus:
        raise OptionError(
            "Invalid CPU topology: maxcpus must be equal to or greater than smp: "
            f"{t} == maxcpus ({max_cpus}) < smp_cpus ({t.cpus})"
        )
    if max_cpus > most or max_cpus < 1:
        raise OptionError(
            f"Invalid SMP CPUs {max_cpus}. The max CPUs supported by machine '{machine}' is {most}"
        )
    return t
