"""In which order a GLib hash table of names is walked.

It shows in one place: of several members that a structure does not have, QEMU names the one that its table
of unread members gives first. The table is open addressed with triangular probing, has 8 places at first,
and grows when it is full; names are hashed by multiplying with 33.
Source: GLib's documentation of g_str_hash; the order was checked by running QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Iterable

_U32 = 0xFFFF_FFFF
# The largest prime below each power of two; names are fewer than the tokens a JSON text may have
_PRIMES = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071,
           262139, 524287, 1048573, 2097143)  # fmt: skip
_LEAST_BITS = 3


def str_hash(key: str) -> int:
    """The 32-bit hash of a name. 0 and 1 mean something else in the table."""
    value = 5381
    for byte in key.encode("utf-8", "surrogateescape"):
        value = value * 33 + (byte - 256 if byte > 127 else byte) & _U32
    return value if value > 1 else 2


def ghash_order(keys: Iterable[str]) -> list[str]:
    """Distinct names, inserted in this order, as the table gives them."""
    table = [""] * (1 << _LEAST_BITS)
    taken = [False] * len(table)
    for count, key in enumerate(keys, 1):
        at = _free(taken, key)
        table[at], taken[at] = key, True
        if len(table) <= count + count // 16:
            table, taken = _grown(table, taken, count)
    return [key for key, there in zip(table, taken, strict=True) if there]


def _free(taken: list[bool], key: str) -> int:
    """The place for `key` among those not taken."""
    bits = len(taken).bit_length() - 1
    at, step = (str_hash(key) * 11 & _U32) % _PRIMES[bits], 0
    while taken[at]:
        step += 1
        at = at + step & len(taken) - 1
    return at


def _grown(table: list[str], taken: list[bool], count: int) -> tuple[list[str], list[bool]]:
    """The table with more places: names move in place, each evicting one that has not moved yet."""
    bits = max(int(count * 1.333).bit_length(), _LEAST_BITS)
    more = (1 << bits) - len(table)
    table, waiting = table + [""] * more, taken + [False] * more
    moved = [False] * len(table)
    for i in range(len(taken)):
        if not waiting[i]:
            continue
        key, waiting[i], evicts = table[i], False, True
        while evicts:
            at = _free(moved, key)
            evicts, waiting[at], moved[at] = waiting[at], False, True
            key, table[at] = table[at], key
    return table, moved
