"""-audio and -audiodev: drivers of sound. There is the one that drops it all, and no card to make any.

Source: QEMU's schema `Audiodev`; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import Leave, OptionError
from emu.options import keyval
from emu.options.qapi import BOOL, STR, UINT32, Enum, Said, Struct, visit_argument, visit_tree

DRIVERS_HELP = "Available audio drivers:\nnone\n"
CARDS_HELP = (
    "Machine has no user-selectable audio hardware (it may or may not have always-present audio hardware).\n"
)
_DIRECTION = Struct({
    "mixing-engine?": BOOL, "fixed-settings?": BOOL, "frequency?": UINT32, "channels?": UINT32,
    "voices?": UINT32, "buffer-length?": UINT32,
    "format?": Enum("u8", "s8", "u16", "s16", "u32", "s32", "f32"),
})  # fmt: skip
_AUDIODEV = Struct({"id": STR, "driver": Enum("none"), "timer-period?": UINT32}, "driver", {
    "none": Struct({"in?": _DIRECTION, "out?": _DIRECTION}),
})  # fmt: skip


def judge_audiodev(arg: str) -> Said:
    """What -audiodev says. Errors: OptionError; Leave for `help`."""
    if arg in ("help", "?"):
        raise Leave(DRIVERS_HELP)
    return visit_argument(_AUDIODEV, arg, "driver")


def judge_audiodev_tree(tree: keyval.Tree) -> Said:
    """What a section of a configuration file says. Errors: OptionError."""
    return visit_tree(_AUDIODEV, tree)


def judge_audio(arg: str) -> Said:
    """What -audio says: a driver, and with `model` a card. Errors: OptionError; Leave for `help`."""
    tree, wants_help = keyval.parse_help(arg, "driver")
    if wants_help or tree.get("driver") in ("help", "?"):
        raise Leave(DRIVERS_HELP)
    tree.setdefault("id", "audiodev0")
    model = tree.pop("model", None)
    if model in ("help", "?"):
        raise Leave(CARDS_HELP)
    said = judge_audiodev_tree(tree)
    if model is not None:
        raise OptionError(f"Unknown sound card name `{model}'")
    return said
