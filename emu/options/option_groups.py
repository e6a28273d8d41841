"""The sets of options that one command line has made.

Declarations (emu.options.config_groups) are the program's; the sets are a command line's, and each parse of
one has its own, so that nothing is global.
Source: BEHAVIOUR 3.1.
"""

from __future__ import annotations

from collections.abc import Callable

from emu.core.ids import ID_EXPECTED, ID_HINT, id_wellformed
from emu.core.qdict import QDict, qdict_items
from emu.errors import Leave, OptionError
from emu.options.qemuopts import HelpWanted, QemuOpts, QemuOptsList, opts_parse_id


def _nowhere() -> tuple[str, ...]:
    return ()


class OptionGroups:
    """Sets of options by list. `warn` takes the text of a warning; `where` gives the words being read."""

    def __init__(
        self, warn: Callable[[str], None], where: Callable[[], tuple[str, ...]] = _nowhere
    ) -> None:
        self._sets: dict[str, list[QemuOpts]] = {}
        self._warn = warn
        self._where = where

    def sets(self, opts_list: QemuOptsList) -> list[QemuOpts]:
        """All sets of a list, in order (a copy)."""
        return list(self._sets.get(opts_list.name, ()))

    def find(self, opts_list: QemuOptsList, id: str | None) -> QemuOpts | None:
        """The first set with that id (None: the first without one), or None."""
        return next((o for o in self._sets.get(opts_list.name, ()) if o.id == id), None)

    def first(self, opts_list: QemuOptsList) -> QemuOpts:
        """The first set (of a merging list: the only one), an empty one if the line has none."""
        return next(iter(self._sets.get(opts_list.name, ())), QemuOpts(opts_list))

    def create(self, opts_list: QemuOptsList, id: str | None = None) -> QemuOpts:
        """A new set; of a merging list, the one there is.

        Errors: OptionError for an id that is no identifier, that exists, or where there can be none.
        """
        if opts_list.merge_lists:
            if id is not None:
                raise OptionError("Invalid parameter 'id'")
            found = self.find(opts_list, None)
            if found is not None:
                return found
        elif id is not None:
            if not id_wellformed(id):
                raise OptionError(ID_EXPECTED.format("id"), ID_HINT)
            if self.find(opts_list, id) is not None:
                raise OptionError(f"Duplicate ID '{id}' for {opts_list.name}")
        opts = QemuOpts(opts_list, id, where=self._where())
        self._sets.setdefault(opts_list.name, []).append(opts)
        return opts

    def delete(self, opts: QemuOpts) -> None:
        """Take a set away."""
        sets = self._sets[opts.opts_list.name]
        sets[:] = [o for o in sets if o is not opts]

    def reset(self, opts_list: QemuOptsList) -> None:
        """Take all sets of a list away."""
        self._sets.pop(opts_list.name, None)

    def parse(self, opts_list: QemuOptsList, params: str, permit_abbrev: bool = False) -> QemuOpts:
        """Make a set of (or add to the merged one) an option text; flags without comment, no help.

        permit_abbrev: a first value without a name is the list's implied option's.
        Errors: OptionError. The whole set is gone then; with a merging list, so is what was merged before.
        """
        opts = self.create(opts_list, opts_parse_id(params))
        try:
            opts.do_parse(params, opts_list.implied_opt_name if permit_abbrev else "")
        except OptionError:
            self.delete(opts)
            raise
        return opts

    def parse_noisily(self, opts_list: QemuOptsList, params: str, permit_abbrev: bool = False) -> QemuOpts:
        """`parse` for what a user wrote: warns of flags, and answers `help` where options are described.

        Errors: OptionError; Leave with the help and status 1. The set is gone after either.
        """
        opts = self.create(opts_list, opts_parse_id(params))
        try:
            opts.do_parse(
                params, opts_list.implied_opt_name if permit_abbrev else "",
                on_flag=self._warn_flag, take_help=not opts_list.accepts_any,
            )  # fmt: skip
        except HelpWanted:
            self.delete(opts)
            raise Leave(opts_list.help_text(), 1) from None
        except OptionError:
            self.delete(opts)
            raise
        return opts

    def from_qdict(self, opts_list: QemuOptsList, qdict: QDict) -> QemuOpts:
        """A set of the scalars of a dict; its `id`, if it is text, is the set's.

        Errors: OptionError; the set is gone then.
        """
        id = qdict.get("id")
        opts = self.create(opts_list, id if isinstance(id, str) else None)
        try:
            for name, value in qdict_items(qdict):
                opts.take(name, value)
        except OptionError:
            self.delete(opts)
            raise
        return opts

    def set(self, opts_list: QemuOptsList, name: str, value: str) -> None:
        """Add a value to a merging list's set. Errors: OptionError; the set stays as it was."""
        assert opts_list.merge_lists
        self.create(opts_list).set(name, value)

    def _warn_flag(self, raw: str, name: str, value: str) -> None:
        # QEMU names the option `nodelay` for both, since `delay` is only its opposite
        full = {"delay": "nodelay=off", "nodelay": "nodelay=on"}.get(raw, f"{name}={value}")
        self._warn(f"short-form boolean option '{raw}' deprecated\nPlease use {full} instead")
