"""The accelerators as objects: their names, their properties, and whether harts execute.

Source: BEHAVIOUR 3.3 (phase 12), 6 (qtest); texts of QEMU 10.0.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.qom.object import Object
from emu.qom.property import Bool, Enum, Uint
from emu.qom.types import list_types, qom_type

SUFFIX = "-accel"


def _refuse_on(what: str) -> object:
    def check(_accel: Accel, on: bool) -> None:
        if on:
            raise OptionError(f"{what}=on is not supported in this build")

    return check


@qom_type("accel", abstract=True)
class Accel(Object):
    """executes: whether harts run guest code. listed: whether -accel help names it."""

    executes = True
    listed = True


def _thread(_accel: Accel, value: str) -> None:
    if value == "single":
        raise OptionError("thread=single is not supported in this build")


class _Thread(Enum):
    """Its complaint is a text of its own."""

    def read(self, obj: Object, flavour: object, value: object) -> str:
        """multi or single."""
        if value not in self.members:
            raise OptionError(f"Invalid 'thread' setting {value}")
        return str(value)


@qom_type("tcg-accel")
class TcgAccel(Accel):
    """The compiled engine: one process a hart."""

    thread = _Thread("thread", "string", ("multi", "single"), "multi", check=_thread)
    one_insn_per_tb = Bool("one-insn-per-tb", False, "Only put one guest insn in each translation block",
                           check=_refuse_on("one-insn-per-tb"))  # type: ignore[arg-type]  # it is one
    split_wx = Bool("split-wx", False, "Map jit pages into separate RW and RX regions",
                    check=_refuse_on("split-wx"))  # type: ignore[arg-type]  # it is one
    tb_size = Uint("tb-size", 32, 0, "TCG translation block cache size", type="int")


@qom_type("qtest-accel")
class QtestAccel(Accel):
    """No hart executes; devices are driven from outside, guest time by hand."""

    executes = False
    listed = False


def accel_help() -> str:
    """What -accel help prints."""
    names = [t.name.removesuffix(SUFFIX) for t in list_types("accel") if getattr(t.cls, "listed", False)]
    return "Accelerators supported in QEMU binary:\n" + "".join(f"{name}\n" for name in names)
