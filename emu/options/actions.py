"""-action: what the machine does when the guest reboots, shuts down, panics, and when the watchdog fires.

Source: BEHAVIOUR 1.6.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.qapi import Enum, Struct, visit_opts
from emu.options.settings import Settings

_ACTIONS = Struct({
    "reboot?": Enum("reset", "shutdown"),
    "shutdown?": Enum("poweroff", "pause"),
    "panic?": Enum("pause", "shutdown", "exit-failure", "none"),
    "watchdog?": Enum("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"),
})  # fmt: skip


def judge_actions(s: Settings) -> dict[str, str]:
    """The actions that were said. Errors: OptionError, at the first option that said any."""
    opts = s.groups.first(qemu_find_opts("action"))
    try:
        said = visit_opts(_ACTIONS, opts)
    except OptionError as error:
        raise error.at(opts.where) from None
    return {name: str(value) for name, value in said.items()}
