"""Structures read member by member, by every reader. Single values are rows of test_option_table.py."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from emu.errors import OptionError
from emu.options import groups
from emu.options.members import Members, OptsMembers
from emu.options.option_groups import OptionGroups
from emu.options.visitor import OPTS, IntType


def audiodev(text: str) -> tuple[object, ...]:
    """Read the way QEMU reads some of -audiodev, -netdev and -machine smp-cache."""
    m = Members.parse(text, "driver")
    id = m.string("id")
    driver = m.choice("driver", ("none", "alsa"))
    period = m.optional(lambda name: m.integer(name, IntType.UINT32), "timer-period", None)
    frequency = None
    if m.has("in"):
        inner = m.struct("in")
        frequency = inner.optional(lambda name: inner.integer(name, IntType.UINT32), "frequency", None)
        inner.finish()
    caches = []
    for cache in m.structs("cache") if m.has("cache") else []:
        caches.append((cache.choice("name", ("l1d", "l1i")), cache.optional(cache.boolean, "on", False)))
        cache.finish()
    nodes = []
    if m.has("nodes"):
        nodes = [*m.list("nodes", lambda name, v: m.visitor.integer(name, v, IntType.UINT16))]
    ratio = m.optional(m.number, "ratio", 1.0)
    size = m.optional(m.size, "size", 0)
    m.finish()
    return id, driver, period, frequency, caches, nodes, ratio, size


READ: list[tuple[str, tuple[object, ...]]] = [
    ("none,id=a", ("a", "none", None, None, [], [], 1.0, 0)),
    ("id=a,driver=alsa,timer-period=0x10,size=1k,ratio=0x1p-1",
     ("a", "alsa", 16, None, [], [], 0.5, 1024)),
    ("none,id=a,in.frequency=5,cache.0.name=l1d,cache.1.name=l1i,cache.1.on=y,nodes.0=1,nodes.1=2",
     ("a", "none", None, 5, [("l1d", False), ("l1i", True)], [1, 2], 1.0, 0)),
    ('{"driver":"none","id":"a","in":{"frequency":5},"cache":[{"name":"l1d","on":true}],"size":7}',
     ("a", "none", None, 5, [("l1d", True)], [], 1.0, 7)),
    ('{"driver":"none","id":"a","nodes":[65535],"ratio":2}', ("a", "none", None, None, [], [65535], 2.0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), READ)
def test_a_structure_is_read(text: str, wanted: tuple[object, ...]) -> None:
    assert audiodev(text) == wanted


# texts as QEMU 10.0.13 gives them for options of the same shape
REFUSED: list[tuple[str, str]] = [
    ("none", "Parameter 'id' is missing"),
    ("id=a", "Parameter 'driver' is missing"),
    ("foo,id=a", "Parameter 'driver' does not accept value 'foo'"),
    ("none,id=a,help", "Help is not available for this option"),
    ("none,id=a,foo=1", "Parameter 'foo' is unexpected"),
    ("none,id=a,foo=1,bar=2", "Parameter 'bar' is unexpected"),
    ("none,id=a,bar=1,foo=2", "Parameter 'bar' is unexpected"),
    ("none,id.x=a", "Parameters 'id.*' are unexpected"),
    ("none,id.0=a", "Parameters 'id.*' are unexpected"),
    ("none,id=a,timer-period=foo", "Parameter 'timer-period' expects integer"),
    ("none,id=a,timer-period=-1", "Parameter 'timer-period' expects uint32_t"),
    ("none,id=a,timer-period=4294967296", "Parameter 'timer-period' expects uint32_t"),
    ("none,id=a,in=1", "Invalid parameter type for 'in', expected: object"),
    ("none,id=a,in.0=1", "Invalid parameter type for 'in', expected: object"),
    ("none,id=a,in.foo=1", "Parameter 'in.foo' is unexpected"),
    ("none,id=a,in.frequency=x", "Parameter 'in.frequency' expects integer"),
    ("none,id=a,in.frequency=4294967296", "Parameter 'frequency' expects uint32_t"),
    ("none,id=a,in.frequency.x=1", "Parameters 'in.frequency.*' are unexpected"),
    ("none,id=a,cache=1", "Invalid parameter type for 'cache', expected: array"),
    ("none,id=a,cache.x=1", "Invalid parameter type for 'cache', expected: array"),
    ("none,id=a,cache.0=1", "Invalid parameter type for 'cache.0', expected: object"),
    ("none,id=a,cache.0.on=y", "Parameter 'cache.0.name' is missing"),
    ("none,id=a,cache.0.name=foo", "Parameter 'name' does not accept value 'foo'"),
    ("none,id=a,cache.0.name.x=1", "Parameters 'cache.0.name.*' are unexpected"),
    ("none,id=a,cache.0.name=l1d,cache.0.on=x", "Parameter 'cache.0.on' expects 'on' or 'off'"),
    ("none,id=a,cache.0.name=l1d,cache.0.x=1", "Parameter 'cache.0.x' is unexpected"),
    ("none,id=a,nodes.0=x", "Parameter 'nodes.0' expects integer"),
    ("none,id=a,nodes.0=65536", "Parameter 'null' expects uint16_t"),
    ("none,id=a,ratio=x", "Parameter 'ratio' expects number"),
    ("none,id=a,ratio=1e999", "Parameter 'ratio' expects number"),
    ("none,id=a,size=16E", "Parameter 'size' expects size"),
    ("{", "JSON parse error, premature EOI"),
    ('{"id":"a"} 1', "Expecting at most one JSON value"),
    ("{}", "Parameter 'id' is missing"),
    ('{"id":1}', "Invalid parameter type for 'id', expected: string"),
    ('{"id":"a","driver":true}', "Invalid parameter type for 'driver', expected: string"),
    ('{"id":"a","driver":"foo"}', "Parameter 'driver' does not accept value 'foo'"),
    ('{"id":"a","driver":"none","timer-period":"1"}', "Parameter 'timer-period' expects uint64"),
    ('{"id":"a","driver":"none","timer-period":-1}', "Parameter 'timer-period' expects uint32_t"),
    ('{"id":"a","driver":"none","in":1}', "Invalid parameter type for 'in', expected: object"),
    ('{"id":"a","driver":"none","in":{"frequency":"x"}}', "Parameter 'in.frequency' expects uint64"),
    ('{"id":"a","driver":"none","cache":{}}', "Invalid parameter type for 'cache', expected: array"),
    ('{"id":"a","driver":"none","cache":[1]}', "Invalid parameter type for 'cache[0]', expected: object"),
    ('{"id":"a","driver":"none","cache":[{}]}', "Parameter 'cache[0].name' is missing"),
    ('{"id":"a","driver":"none","cache":[{"name":"l1d","on":1}]}',
     "Invalid parameter type for 'cache[0].on', expected: boolean"),
    ('{"id":"a","driver":"none","nodes":["1"]}', "Parameter 'nodes[0]' expects uint64"),
    ('{"id":"a","driver":"none","nodes":[70000]}', "Parameter 'null' expects uint16_t"),
    ('{"id":"a","driver":"none","ratio":"1"}', "Invalid parameter type for 'ratio', expected: number"),
    ('{"id":"a","driver":"none","x":1,"y":2}', "Parameter 'y' is unexpected"),
]


@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_a_wrong_structure_is_complained_about(text: str, error: str) -> None:
    with pytest.raises(OptionError) as caught:
        audiodev(text)
    assert caught.value.text == error


def ram(text: str) -> tuple[object, ...]:
    """Read the way QEMU reads -object memory-backend-ram in text form."""
    opts = OptionGroups(lambda line: None).parse(groups.OBJECT, text, permit_abbrev=True)
    m = OptsMembers(opts)
    kind, id = m.string("qom-type"), m.string("id")
    size = m.size("size")
    threads = m.optional(lambda name: m.integer(name, IntType.UINT32), "prealloc-threads", 1)
    share = m.optional(m.boolean, "share", False)
    nodes = m.optional(m.integers, "host-nodes", [])
    policy = m.optional(lambda name: m.choice(name, ("default", "bind")), "policy", "default")
    m.finish()
    return kind, id, size, threads, share, list(nodes), policy


RAM = "memory-backend-ram,id=x,size=4096"
OPTS_READ: list[tuple[str, tuple[object, ...]]] = [
    ("", ("memory-backend-ram", "x", 4096, 1, False, [], "default")),
    (",size=1k,share=y,prealloc-threads=0x10,policy=bind",
     ("memory-backend-ram", "x", 1024, 16, True, [], "bind")),
    (",host-nodes=5,host-nodes=1-3,host-nodes=0x10- 17",
     ("memory-backend-ram", "x", 4096, 1, False, [5, 1, 2, 3, 16, 17], "default")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), OPTS_READ)
def test_a_set_of_options_is_read_as_a_structure(text: str, wanted: tuple[object, ...]) -> None:
    assert ram(RAM + text) == wanted


NODES = "Parameter 'host-nodes' expects a uint64 value or range"
OPTS_REFUSED: list[tuple[str, str]] = [
    ("memory-backend-ram", "Parameter 'id' is missing"),
    ("id=x", "Parameter 'qom-type' is missing"),
    ("memory-backend-ram,id=x,size=foo", "Parameter 'size' expects a size value"),
    (f"{RAM},foo=1", "Invalid parameter 'foo'"),
    (f"{RAM},host-nodes.0=1", "Invalid parameter 'host-nodes.0'"),
    (f"{RAM},policy=foo", "Parameter 'policy' does not accept value 'foo'"),
    (f"{RAM},share=foo", "Parameter 'share' expects 'on' or 'off'"),
    (f"{RAM},prealloc-threads=foo", "Parameter 'prealloc-threads' expects a uint64 value"),
    (f"{RAM},prealloc-threads=4294967296", "Parameter 'prealloc-threads' expects uint32_t"),
    *[(f"{RAM},host-nodes={text}", NODES)
      for text in ("foo", "", "-1", "-0", "1-", "3-1", "1-2-3", "0--1", "0--0", "1 -2", "0-65536",
                   "18446744073709551616", "1-18446744073709551616")],
    (f"{RAM},host-nodes=1,host-nodes=foo", NODES),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error"), OPTS_REFUSED)
def test_a_wrong_set_is_complained_about(text: str, error: str) -> None:
    with pytest.raises(OptionError) as caught:
        ram(text)
    assert caught.value.text == error


def test_ranges_are_bounded_and_may_be_below_zero() -> None:
    assert len(OPTS.integers("n", ["0-65535"])) == 65536
    assert OPTS.integers("n", ["-2-1", "5"], signed=True) == [-2, -1, 0, 1, 5]
    assert OPTS.integers("n", ["-2--1"], signed=True) == [-2, -1]
    last = (1 << 64) - 1
    assert OPTS.integers("n", [f"{last}-{last}"]) == [last]
    with pytest.raises(OptionError, match="expects an int64 value or range"):
        OPTS.integers("n", [str(1 << 63)], signed=True)


def test_names_are_in_qemus_order() -> None:
    assert Members.parse("bogus=1,bogut=2").names == ["bogut", "bogus"]


@pytest.mark.parametrize("type", IntType)
def test_every_integer_type_has_its_range(type: IntType) -> None:
    low, high = type.value
    read: Callable[[str], int] = lambda text: OPTS.integer("n", text, type)  # noqa: E731
    if type.signed:
        assert read(str(low)) == low
    assert read(str(high)) == high
    bits = int(re.sub("[A-Z]", "", type.name))
    assert high == (1 << bits - type.signed) - 1
    assert low == (-(1 << bits - 1) if type.signed else 0)
    with pytest.raises(OptionError):
        read(str(high + 1))
    with pytest.raises(OptionError):
        read(str(low - 1))
