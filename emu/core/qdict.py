"""Dictionaries in QEMU's order.

QEMU keeps dictionaries in a hash table and walks it by bucket. The order shows: in the members of monitor
replies, in which of two wrong properties is complained about, in the order properties are set. Ours are
Python's, in the order of insertion; who has to show QEMU's order walks them with `qdict_items`.
Source: BEHAVIOUR 4.1 ("properties in dict order"); the order was checked by running QEMU 10.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias, TypeVar

QValue: TypeAlias = "bool | int | float | str | list[QValue] | dict[str, QValue] | None"
QDict: TypeAlias = "dict[str, QValue]"
V = TypeVar("V")

_BUCKETS = 512
_U32 = 0xFFFF_FFFF


@lru_cache(maxsize=4096)
def bucket(key: str) -> int:
    """The bucket of a key: a hash of its length and bytes. Kept: the same few names come again and again."""
    raw = key.encode("utf-8", "surrogateescape")
    value = 0x238F_13AF * len(raw)
    for i, byte in enumerate(raw):
        value += byte << (i * 5 % 24)
    return (1103515243 * (value & _U32) + 12345 & _U32) % _BUCKETS


def qdict_items(qdict: dict[str, V]) -> Iterator[tuple[str, V]]:
    """The items by bucket, and in a bucket the newest first."""
    newest_first = list(qdict.items())[::-1]
    newest_first.sort(key=lambda item: bucket(item[0]))  # stable
    return iter(newest_first)
