"""-blockdev: a node of the block layer, by QEMU's schema. There is no block layer yet.

Members that all drivers have, and those of the common drivers, are judged; those of the others are taken as
they are, until there is a driver to judge them.
Source: QEMU's schema `BlockdevOptions`; texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.core.ids import id_wellformed
from emu.errors import OptionError
from emu.options.drives import KNOWN_DRIVERS, check_file
from emu.options.qapi import (
    BOOL,
    INT,
    STR,
    UINT32,
    UINT64,
    Enum,
    Reference,
    Said,
    Struct,
    visit_argument,
)  # fmt: skip
from emu.options.settings import Settings
from emu.options.sockets import SOCKET_ADDRESS

_NODE_NAME_MOST = 31  # characters
_BLOCKDEV = Struct({
    "driver": Enum(*sorted(KNOWN_DRIVERS)), "node-name?": STR, "discard?": Enum("ignore", "unmap"),
    "cache?": Struct({"direct?": BOOL, "no-flush?": BOOL}), "active?": BOOL, "read-only?": BOOL,
    "auto-read-only?": BOOL, "force-share?": BOOL, "detect-zeroes?": Enum("off", "on", "unmap"),
}, "driver")  # fmt: skip
_CHILD = Reference(_BLOCKDEV)
_FILE = Struct({
    "filename": STR, "pr-manager?": STR, "locking?": Enum("auto", "on", "off"),
    "aio?": Enum("threads", "native", "io_uring"), "aio-max-batch?": INT, "drop-cache?": BOOL,
    "x-check-cache-dropped?": BOOL,
})  # fmt: skip
_NULL = Struct({"size?": INT, "latency-ns?": UINT64, "read-zeroes?": BOOL})
_FORMAT = {"file": _CHILD}
_OVERLAY = {**_FORMAT, "backing?": _CHILD}
_BRANCHES = {
    "file": _FILE, "host_device": _FILE, "host_cdrom": _FILE, "null-co": _NULL, "null-aio": _NULL,
    "raw": Struct({**_FORMAT, "offset?": INT, "size?": INT}),
    "qcow2": Struct({
        **_OVERLAY, "lazy-refcounts?": BOOL, "pass-discard-request?": BOOL, "pass-discard-snapshot?": BOOL,
        "pass-discard-other?": BOOL, "discard-no-unref?": BOOL, "cache-size?": INT, "l2-cache-size?": INT,
        "l2-cache-entry-size?": INT, "refcount-cache-size?": INT, "cache-clean-interval?": INT,
        "data-file?": _CHILD,
    }, opens=True),
    "qcow": Struct(_OVERLAY, opens=True), "qed": Struct(_OVERLAY), "vmdk": Struct(_OVERLAY),
    "bochs": Struct(_FORMAT), "cloop": Struct(_FORMAT), "dmg": Struct(_FORMAT), "vdi": Struct(_FORMAT),
    "vhdx": Struct(_FORMAT), "vpc": Struct(_FORMAT),
    "throttle": Struct({"throttle-group": STR, **_FORMAT}),
    "copy-on-read": Struct({**_FORMAT, "bottom?": STR}),
    "vvfat": Struct({"dir": STR, "fat-type?": INT, "floppy?": BOOL, "label?": STR, "rw?": BOOL}),
    "nbd": Struct({
        "server": SOCKET_ADDRESS, "export?": STR, "tls-creds?": STR, "tls-hostname?": STR,
        "x-dirty-bitmap?": STR, "reconnect-delay?": UINT32, "open-timeout?": UINT32,
    }),
    "gluster": Struct({"volume": STR, "path": STR}, opens=True),
}  # fmt: skip
_BLOCKDEV.branches = {driver: _BRANCHES.get(driver, Struct(opens=True)) for driver in KNOWN_DRIVERS}


def judge_blockdev(arg: str) -> Said:
    """What the argument means by the schema. Errors: OptionError."""
    return visit_argument(_BLOCKDEV, arg, "driver")


def judge_blockdevs(s: Settings) -> None:
    """Names of nodes and references to them. Errors: OptionError at the option."""
    names: set[str] = set()
    for said in s.blockdevs:
        try:
            _judge_node(said.tree, names, root=True)
        except OptionError as error:
            raise error.at(said.where) from None
        s.lack("there are no disks in this build", where=said.where)


def _judge_node(node: Said, names: set[str], *, root: bool) -> None:
    name = node.get("node-name")
    if name is None and root:
        raise OptionError("'node-name' must be specified for the root node")
    for value in node.values():
        if isinstance(value, dict) and "driver" in value:
            _judge_node(value, names, root=False)
    for key in ("file", "backing", "data-file"):
        child = node.get(key)
        if isinstance(child, str) and child not in names:
            raise OptionError(f"Cannot find device='{child}' nor node-name='{child}'")
    if node["driver"] in ("file", "host_device", "host_cdrom"):
        check_file(str(node["filename"]))
    if isinstance(name, str):
        if not id_wellformed(name) or len(name) > _NODE_NAME_MOST:
            raise OptionError(f"Invalid node-name: '{name}'")
        if name in names:
            raise OptionError(f"Duplicate nodes with node-name='{name}'")
        names.add(name)
