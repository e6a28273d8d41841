"""The lists of options (QemuOpts) that exist: names, types, help, implied first names, which ones merge.

The order of the declarations is the order of QEMU's table, which query-command-line-options shows.
Source: BEHAVIOUR 3.1; names, types and help as query-command-line-options of QEMU 10.0 gives them.
"""

from __future__ import annotations

from emu.options.config_groups import qemu_add_drive_opts, qemu_add_opts
from emu.options.qemuopts import QemuOptDesc, QemuOptsList, QemuOptType

_S, _B, _N, _Z = QemuOptType.STRING, QemuOptType.BOOL, QemuOptType.NUMBER, QemuOptType.SIZE
_o = QemuOptDesc


def _plain(types: dict[str, QemuOptType]) -> tuple[QemuOptDesc, ...]:
    """Options without help."""
    return tuple(QemuOptDesc(name, type) for name, type in types.items())


def _group(
    name: str, desc: tuple[QemuOptDesc, ...] = (), implied: str = "", merge: bool = False
) -> QemuOptsList:
    return qemu_add_opts(QemuOptsList(name, desc, implied, merge))


_THROTTLING = (
    _o("throttling.iops-total", _N, "limit total I/O operations per second"),
    _o("throttling.iops-read", _N, "limit read operations per second"),
    _o("throttling.iops-write", _N, "limit write operations per second"),
    _o("throttling.bps-total", _N, "limit total bytes per second"),
    _o("throttling.bps-read", _N, "limit read bytes per second"),
    _o("throttling.bps-write", _N, "limit write bytes per second"),
    _o("throttling.iops-total-max", _N, "I/O operations burst"),
    _o("throttling.iops-read-max", _N, "I/O operations read burst"),
    _o("throttling.iops-write-max", _N, "I/O operations write burst"),
    _o("throttling.bps-total-max", _N, "total bytes burst"),
    _o("throttling.bps-read-max", _N, "total bytes read burst"),
    _o("throttling.bps-write-max", _N, "total bytes write burst"),
    *(_o(f"throttling.{what}-max-length", _N, f"length of the {what}-max burst period, in seconds")
      for what in ("iops-total", "iops-read", "iops-write", "bps-total", "bps-read", "bps-write")),
    _o("throttling.iops-size", _N, "when limiting by iops max size of an I/O in bytes"),
)  # fmt: skip
_READ_ONLY = _o("read-only", _B, "open drive file as read-only")
_COPY_ON_READ = _o("copy-on-read", _B, "copy read data from backing file into image file")
_DETECT_ZEROES = _o("detect-zeroes", _S, "try to optimize zero writes (off, on, unmap)")
_ERRORS = (_o("rerror", _S, "read error action"), _o("werror", _S, "write error action"))

# -- what -drive takes, in the three lists by which QEMU takes it apart
LEGACY_DRIVE = qemu_add_drive_opts(QemuOptsList("drive", (
    _o("bus", _N, "bus number"),
    _o("unit", _N, "unit number (i.e. lun for scsi)"),
    _o("index", _N, "index number"),
    _o("media", _S, "media type (disk, cdrom)"),
    _o("if", _S, "interface (ide, scsi, sd, mtd, floppy, pflash, virtio)"),
    _o("file", _S, "file name"),
    _READ_ONLY,
    *_ERRORS,
    _COPY_ON_READ,
)))  # fmt: skip
COMMON_DRIVE = qemu_add_drive_opts(QemuOptsList("drive", (
    _o("snapshot", _B, "enable/disable snapshot mode"),
    _o("aio", _S, "host AIO implementation (threads, native, io_uring)"),
    _o("cache.writeback", _B, "Enable writeback mode"),
    _o("format", _S, "disk format (raw, qcow2, ...)"),
    *_ERRORS,
    _READ_ONLY,
    *_THROTTLING,
    _o("throttling.group", _S, "name of the block throttling group"),
    _COPY_ON_READ,
    _DETECT_ZEROES,
    _o("stats-account-invalid", _B, "whether to account for invalid I/O operations in the statistics"),
    _o("stats-account-failed", _B, "whether to account for failed I/O operations in the statistics"),
)))  # fmt: skip
DRIVE = qemu_add_drive_opts(_group("drive"))
BDRV_RUNTIME = qemu_add_drive_opts(QemuOptsList("bdrv_common", (
    _o("node-name", _S, "Node name of the block device node"),
    _o("driver", _S, "Block driver to use for the node"),
    _o("cache.direct", _B, "Bypass software writeback cache on the host"),
    _o("cache.no-flush", _B, "Ignore flush requests"),
    _o("active", _B, "Node is activated"),
    _READ_ONLY,
    _o("auto-read-only", _B, "Node can become read-only if opening read-write fails"),
    _DETECT_ZEROES,
    _o("discard", _S, "discard operation (ignore/off, unmap/on)"),
    _o("force-share", _B, "always accept other writers (default: off)"),
)))  # fmt: skip

# -- character devices, devices, networks
CHARDEV = _group("chardev", (*_plain({
    "backend": _S, "path": _S, "input-path": _S, "host": _S, "port": _S, "fd": _S, "localaddr": _S,
    "localport": _S, "to": _N, "ipv4": _B, "ipv6": _B, "wait": _B, "server": _B, "delay": _B, "nodelay": _B,
    "reconnect": _N, "reconnect-ms": _N, "telnet": _B, "tn3270": _B, "tls-creds": _S, "tls-authz": _S,
    "websocket": _B, "width": _N, "height": _N, "cols": _N, "rows": _N, "mux": _B, "signal": _B, "name": _S,
    "debug": _N, "size": _Z, "chardev": _S, "chardevs.0": _S, "chardevs.1": _S, "chardevs.2": _S,
    "chardevs.3": _S, "append": _B, "logfile": _S, "logappend": _B, "mouse": _B, "clipboard": _B,
}), _o("tight", _B, def_value_str="on"), _o("abstract", _B)), "backend")  # fmt: skip
DEVICE = _group("device", (), "driver")
NETDEV = _group("netdev", (), "type")
NIC = _group("nic", (), "type")
NET = _group("net", (), "type")
RTC = _group("rtc", _plain({"base": _S, "clock": _S, "driftfix": _S}), merge=True)
GLOBAL = _group("global", _plain({"driver": _S, "property": _S, "value": _S}))
MON = _group("mon", _plain({"mode": _S, "chardev": _S, "pretty": _B}), "chardev")
TRACE = _group("trace", _plain({"enable": _S, "events": _S, "file": _S}), "enable")
PLUGIN = _group("plugin", (), "file")
OPTION_ROM = _group("option-rom", _plain({"bootindex": _N, "romfile": _S}), "romfile")

# -- the machine
ACCEL = _group("accel", (), "accel")
MEMORY = _group("memory", _plain({"size": _Z, "slots": _N, "maxmem": _Z}), "size", merge=True)
SMP = _group("smp-opts", _plain(dict.fromkeys(
    ("cpus", "drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads", "maxcpus"), _N
)), "cpus", merge=True)  # fmt: skip
BOOT = _group("boot-opts", _plain({
    "order": _S, "once": _S, "menu": _B, "splash": _S, "splash-time": _N, "reboot-timeout": _N, "strict": _B,
}), "order", merge=True)  # fmt: skip
ADD_FD = _group("add-fd", (
    _o("fd", _N, "file descriptor of which a duplicate is added to fd set"),
    _o("set", _N, "ID of the fd set to add fd to"),
    _o("opaque", _S, "free-form string used to describe fd"),
))  # fmt: skip
OBJECT = _group("object", (), "qom-type")
TPMDEV = _group("tpmdev", (), "type")
OVERCOMMIT = _group("overcommit", _plain({"mem-lock": _S, "cpu-pm": _B}))
MSG = _group("msg", (
    _o("timestamp", _B),
    _o("guest-name", _B, "Prepends guest name for error messages but only if -name guest is set "
                         "otherwise option is ignored\n"),
))  # fmt: skip
NAME = _group("name", (
    _o("guest", _S, "Sets the name of the guest.\nThis name will be displayed in the SDL window caption.\n"
                    "The name will also be used for the VNC server"),
    _o("process", _S, "Sets the name of the QEMU process, as shown in top etc"),
    _o("debug-threads", _B, "When enabled, name the individual threads; defaults off.\n"
                            "NOTE: The thread names are for debugging and not a\nstable API."),
), "guest", merge=True)  # fmt: skip
NUMA = _group("numa", (), "type")
ICOUNT = _group("icount", _plain({
    "shift": _S, "align": _B, "sleep": _B, "rr": _S, "rrfile": _S, "rrsnapshot": _S,
}), "shift", merge=True)  # fmt: skip
SEMIHOSTING = _group("semihosting-config", _plain({
    "enable": _B, "userspace": _B, "target": _S, "chardev": _S, "arg": _S,
}), "enable", merge=True)  # fmt: skip
FW_CFG = _group("fw_cfg", (
    _o("name", _S, "Sets the fw_cfg name of the blob to be inserted"),
    _o("file", _S, "Sets the name of the file from which the fw_cfg blob will be loaded"),
    _o("string", _S, "Sets content of the blob to be inserted from a string"),
    _o("gen_id", _S, "Sets id of the object generating the fw_cfg blob to be inserted"),
), "name")  # fmt: skip
ACTION = _group("action", _plain({"shutdown": _S, "reboot": _S, "panic": _S, "watchdog": _S}), merge=True)
RUN_WITH = _group("run-with", _plain({"async-teardown": _B, "chroot": _S, "user": _S}))

# -- what QEMU's modules add
VNC = _group("vnc", _plain({
    "vnc": _S, "websocket": _S, "tls-creds": _S, "share": _S, "display": _S, "head": _N, "connections": _N,
    "to": _N, "ipv4": _B, "ipv6": _B, "password": _B, "password-secret": _S, "reverse": _B,
    "lock-key-sync": _B, "key-delay-ms": _N, "sasl": _B, "tls-authz": _S, "sasl-authz": _S, "lossy": _B,
    "non-adaptive": _B, "audiodev": _S, "power-control": _B,
}), "vnc")  # fmt: skip
ACPI = _group("acpi", (), "sig")
SMBIOS = _group("smbios")
_FS = {"security_model": _S, "writeout": _S, "readonly": _B, "multidevs": _S, "socket": _S, "sock_fd": _N,
       "fmode": _N, "dmode": _N, "max_xattr": _N}  # fmt: skip
FSDEV = _group("fsdev", (*_plain({"fsdriver": _S, "path": _S, **_FS}), *_THROTTLING), "fsdriver")
VIRTFS = _group("virtfs", _plain({"fsdriver": _S, "path": _S, "mount_tag": _S, **_FS}), "fsdriver")
SANDBOX = _group("sandbox", _plain({
    "enable": _B, "obsolete": _S, "elevateprivileges": _S, "spawn": _S, "resourcecontrol": _S,
}), "enable")  # fmt: skip
ISCSI = _group("iscsi", (
    _o("user", _S, "username for CHAP authentication to target"),
    _o("password", _S, "password for CHAP authentication to target"),
    _o("password-secret", _S, "ID of the secret providing password for CHAP authentication to target"),
    _o("header-digest", _S, "HeaderDigest setting. {CRC32C|CRC32C-NONE|NONE-CRC32C|NONE}"),
    _o("initiator-name", _S, "Initiator iqn name to use when connecting"),
    _o("timeout", _N, "Request timeout in seconds (default 0 = no timeout)"),
))  # fmt: skip
