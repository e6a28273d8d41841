"""-smbios: fields of firmware's tables, by type. No device hands them to firmware yet.

Source: QEMU's types and fields, by running QEMU 10.0.13.
"""

from __future__ import annotations

import os
import re

from emu.errors import OptionError, strerror
from emu.options.qemuopts import QemuOptDesc, QemuOpts, QemuOptType
from emu.options.topics.process import parse_uuid
from emu.options.values import parse_number

TYPE_MOST = 127
_HEADER = 4  # bytes: type, length, handle
_S, _N, _B = QemuOptType.STRING, QemuOptType.NUMBER, QemuOptType.BOOL


def _fields(texts: str, numbers: str = "", flags: str = "") -> tuple[QemuOptDesc, ...]:
    names = [("type", _N), *((n, _S) for n in texts.split()), *((n, _N) for n in numbers.split()),
             *((n, _B) for n in flags.split())]  # fmt: skip
    return tuple(QemuOptDesc(name, kind) for name, kind in names)


_TYPES = {
    0: _fields("vendor version date release", flags="uefi"),
    1: _fields("manufacturer product version serial uuid sku family"),
    2: _fields("manufacturer product version serial asset location"),
    3: _fields("manufacturer version serial asset sku"),
    4: _fields("sock_pfx manufacturer version serial asset part",
               "max-speed current-speed processor-family processor-id"),
    8: _fields("internal_reference external_reference", "connector_type port_type"),
    9: _fields("slot_designation pci_device", "slot_type slot_data_bus_width current_usage slot_length "
               "slot_id slot_characteristics1 slot_characteristics2"),
    11: _fields("value path"),
    17: _fields("loc_pfx bank manufacturer serial asset part", "speed"),
    41: _fields("designation kind pcidev", "instance"),
}  # fmt: skip
_KINDS = ("other", "unknown", "video", "scsi", "ethernet", "tokenring", "sound", "pata", "sata", "sas")


def judge_smbios(opts: QemuOpts) -> None:
    """Complain about what is no table. Errors: OptionError."""
    file, kind = opts.get("file"), opts.get("type")
    if file is not None:
        opts.validate((QemuOptDesc("file"),))
        if _size(file) < _HEADER:
            raise OptionError(f"Cannot read SMBIOS file {file}")
        return
    if kind is None:
        raise OptionError("Must specify type= or file=")
    number = _number(kind)
    if number > TYPE_MOST:
        raise OptionError("out of range!")
    if number not in _TYPES:
        raise OptionError(f"Don't know how to build fields for SMBIOS type {number}")
    opts.validate(_TYPES[number])
    _judge_values(number, opts)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return -1


def _number(text: str) -> int:
    """As strtoul reads it: 0 for what is no number."""
    try:
        return parse_number("", text)
    except OptionError:
        return 0


def _judge_values(number: int, opts: QemuOpts) -> None:
    release, uuid = opts.get("release"), opts.get("uuid")
    if number == 0 and release is not None and not re.match(r"\s*[+-]?[0-9]+\.\s*[+-]?[0-9]+", release):
        raise OptionError("Invalid release")
    if number == 1 and uuid is not None and parse_uuid(uuid) is None:
        raise OptionError("Invalid UUID")
    if number == 11:
        for name, path in opts.items:
            if name == "path":
                _read(path)
    kind = opts.get("kind")
    if number == 41 and kind is not None and kind not in _KINDS:
        raise OptionError(f"invalid parameter value: {kind}")


def _read(path: str) -> None:
    try:
        open(path, "rb").close()
    except (OSError, ValueError) as error:
        why = strerror(error) if isinstance(error, OSError) else "Invalid argument"
        raise OptionError(f"Could not open '{path}': {why}") from error
