"""How fast a drive may be: the names of the limits, and the rules between them.

Source: QEMU's throttle configuration, by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.qemuopts import QemuOpts

MOST = 10**15
_WHAT = {"total": "", "read": "_rd", "write": "_wr"}
# short names of -drive, and the ones they stand for
ALIASES = {
    **{f"{unit}{short}": f"throttling.{unit}-{what}"
       for unit in ("iops", "bps") for what, short in _WHAT.items()},
    **{f"{unit}{short}_max": f"throttling.{unit}-{what}-max"
       for unit in ("iops", "bps") for what, short in _WHAT.items()},
    "iops_size": "throttling.iops-size", "group": "throttling.group", "readonly": "read-only",
}  # fmt: skip


def check_limits(opts: QemuOpts) -> None:
    """Complain about limits that exclude each other. Errors: OptionError."""
    for suffix in ("", "-max"):
        for unit in ("bps", "iops"):
            total, read, write = (_get(opts, f"{unit}-{what}{suffix}") for what in _WHAT)
            if total and (read or write):
                raise OptionError(
                    "bps/iops/max total values and read/write values cannot be used at the same time"
                )
    for unit in ("bps", "iops"):
        for what in _WHAT:
            _check_bucket(opts, f"{unit}-{what}")
    if opts.get("throttling.iops-size") is not None and _get(opts, "iops-size") and not any(
        _get(opts, f"iops-{what}") for what in _WHAT
    ):
        raise OptionError("iops size requires an iops value to be set")


def _check_bucket(opts: QemuOpts, name: str) -> None:
    average, burst = _get(opts, name), _get(opts, f"{name}-max")
    length = opts.get_number(f"throttling.{name}-max-length", 1)
    if not (0 <= average <= MOST and 0 <= burst <= MOST):
        raise OptionError(f"bps/iops/max values must be within [0, {MOST}]")
    if not length:
        raise OptionError("the burst length cannot be 0")
    if length > 1 and not burst:
        raise OptionError("burst length set without burst rate")
    if burst and not average:
        raise OptionError("bps_max/iops_max require corresponding bps/iops values")
    if burst and burst < average:
        raise OptionError("bps_max/iops_max cannot be lower than bps/iops")


def _get(opts: QemuOpts, name: str) -> int:
    return opts.get_number(f"throttling.{name}", 0)
