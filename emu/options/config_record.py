"""What a configuration file and -set do to the record of a command line.

Source: BEHAVIOUR 3.4 (-readconfig, -set); QEMU 10.0.13 by running it.
"""

from __future__ import annotations

import re
from typing import cast

from emu.core.qdict import QDict
from emu.errors import OptionError
from emu.options import keyval
from emu.options.config_file import Section, crumple, read_config
from emu.options.config_groups import qemu_find_opts
from emu.options.settings import SaidTree, SaidValues, Settings
from emu.options.visitor import KEYVAL

# Groups that are kept as trees, not as sets of options
_TREES = ("object", "audiodev", "machine", "smp-opts", "boot-opts")
_SET = re.compile(r"([^.]{1,63})\.([^.]{1,63})\.([^=]{1,63})=(.*)", re.DOTALL)


def record_config_file(s: Settings, path: str) -> None:
    """Record every section of the file. Errors: OSError if it cannot be opened; OptionError."""
    outer = s.where
    try:
        for section in read_config(path):
            s.where = section.where
            _record(s, section)
    finally:
        s.where = outer


def _record(s: Settings, section: Section) -> None:
    if section.group in _TREES:
        _record_tree(s, section)
        return
    opts_list = qemu_find_opts(section.group)
    rest: QDict = dict(section.items)
    id = rest.pop("id", None)
    opts = s.groups.create(opts_list, id if isinstance(id, str) else None)
    try:
        opts.absorb_qdict(rest)
        if rest:
            raise OptionError(f"Invalid parameter '{next(iter(rest))}'")
    except OptionError:
        s.groups.delete(opts)
        raise


def _record_tree(s: Settings, section: Section) -> None:
    tree = crumple(section.items)
    if section.group == "machine":
        keyval.merge(s.machine, tree)
    elif section.group == "smp-opts":
        keyval.merge(s.machine, {"smp": tree})
    elif section.group == "boot-opts":
        keyval.merge(s.machine, {"boot": tree})
    elif section.group == "audiodev":
        from emu.options.audio import judge_audiodev_tree

        s.audiodevs.append(SaidTree(judge_audiodev_tree(tree), s.where))
    else:
        from emu.qom.creatable import check

        given = cast("QDict", tree)
        try:
            check(given, KEYVAL)
        except OptionError as error:
            raise error.at(section.where) from None
        s.objects.append(SaidValues(given, KEYVAL, section.where))


def set_option(s: Settings, arg: str) -> None:
    """-set group.id.arg=value. Errors: OptionError."""
    m = _SET.match(arg)
    if m is None:
        raise OptionError(f"can't parse: \"{arg}\"")
    group, id, name, value = m.groups()
    if group in _TREES:
        raise OptionError(f"-set is not supported with {group}")
    opts = s.groups.find(qemu_find_opts(group), id)
    if opts is None:
        raise OptionError(f'there is no {group} "{id}" defined')
    opts.set(name, value)
