"""Guests: what the machine boots. The embedded SMP guest, and real software brought by `emu fetch`.

Light on purpose: importing this package opens no file and needs no third-party module.
"""

from emu.guests.cache import GuestMissing, cache_dir, guest, linux_version, qemu_version

__all__ = ["GuestMissing", "cache_dir", "guest", "linux_version", "qemu_version"]
