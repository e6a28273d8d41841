"""-numa: nodes of memory and CPUs. The board has one of each controller, so nodes are judged, then refused.

Source: BEHAVIOUR 3.3 (phase 14); texts by running QEMU 10.0.13.
"""

from __future__ import annotations

from emu.errors import OptionError
from emu.options.qapi import (
    INT,
    SIZE,
    STR,
    UINT8,
    UINT16,
    UINT64,
    Enum,
    Numbers,
    Said,
    Struct,
    visit_opts,
)
from emu.options.settings import Settings
from emu.options.visitor import IntType

MOST_NODES = 128
_LOCAL, _REMOTE_MOST = 10, 255  # distances: of a node to itself, and the largest
NOT_SUPPORTED = "NUMA is not supported by this machine-type"
_NUMA = Struct({"type": Enum("node", "dist", "cpu", "hmat-lb", "hmat-cache")}, "type", {
    "node": Struct({"nodeid?": UINT16, "cpus?": Numbers(IntType.UINT16), "mem?": SIZE, "memdev?": STR,
                    "initiator?": UINT16}),
    "dist": Struct({"src": UINT16, "dst": UINT16, "val": UINT8}),
    "cpu": Struct({"node-id?": INT, "drawer-id?": INT, "book-id?": INT, "socket-id?": INT, "die-id?": INT,
                   "cluster-id?": INT, "module-id?": INT, "core-id?": INT, "thread-id?": INT}),
    "hmat-lb": Struct({
        "initiator": UINT16, "target": UINT16,
        "hierarchy": Enum("memory", "first-level", "second-level", "third-level"),
        "data-type": Enum("access-latency", "read-latency", "write-latency", "access-bandwidth",
                          "read-bandwidth", "write-bandwidth"),
        "latency?": UINT64, "bandwidth?": SIZE,
    }),
    "hmat-cache": Struct({
        "node-id": UINT64, "size": SIZE, "level": UINT8,
        "associativity": Enum("none", "direct", "complex"),
        "policy": Enum("none", "write-back", "write-through"), "line": UINT16,
    }),
})  # fmt: skip


def judge_numa(s: Settings, has_numa: bool, max_harts: int) -> None:
    """Complain about what is wrong. has_numa: whether the machine's class knows nodes.

    Errors: OptionError at the option.
    """
    nodes: set[int] = set()
    memories = {said.values.get("id") for said in s.objects}
    for opts in s.sets("numa"):
        try:
            said = visit_opts(_NUMA, opts)
            _judge(said, nodes, has_numa, max_harts)
            if said.get("memdev", None) not in (None, *memories):
                raise OptionError(f"memdev={said['memdev']} is ambiguous")
        except OptionError as error:
            raise error.at(opts.where) from None
        if "mem" in said:
            s.reporter.warn(
                "Parameter -numa node,mem is deprecated, use -numa node,memdev instead", opts.where
            )
        s.lack("there are no nodes in this build", NOT_SUPPORTED, where=opts.where)


def _judge(said: Said, nodes: set[int], has_numa: bool, max_harts: int) -> None:
    if not has_numa:
        raise OptionError(NOT_SUPPORTED)
    if said["type"] == "node":
        _judge_node(said, nodes, max_harts)
    elif said["type"] == "dist":
        _judge_distance(_number(said, "src"), _number(said, "dst"), _number(said, "val"), nodes)
    elif said["type"] == "cpu":
        node = said.get("node-id")
        if node is None:
            raise OptionError("Missing mandatory node-id property")
        if node not in nodes:
            raise OptionError(
                f"Invalid node-id={node}, NUMA node must be defined with -numa node,nodeid=ID before it's "
                "used with -numa cpu,node-id=ID"
            )


def _number(said: Said, name: str) -> int:
    value = said[name]
    assert isinstance(value, int)
    return value


def _judge_node(said: Said, nodes: set[int], max_harts: int) -> None:
    node = _number(said, "nodeid") if "nodeid" in said else len(nodes)
    if node >= MOST_NODES:
        raise OptionError(f"Max number of NUMA nodes reached: {node}")
    if node in nodes:
        raise OptionError(f"Duplicate NUMA nodeid: {node}")
    if "mem" in said and "memdev" in said:
        raise OptionError(
            "numa configuration should use either mem= or memdev=,mixing both is not allowed"
        )
    cpus = said.get("cpus", [])
    assert isinstance(cpus, list)
    for cpu in cpus:
        if isinstance(cpu, int) and cpu >= max_harts:
            raise OptionError(f"CPU index ({cpu}) should be smaller than maxcpus ({max_harts})")
    nodes.add(node)


def _judge_distance(src: int, dst: int, value: int, nodes: set[int]) -> None:
    if src >= MOST_NODES or dst >= MOST_NODES:
        raise OptionError(f"Parameter '{'src' if src >= MOST_NODES else 'dst'}' expects an integer between "
                          f"0 and {MOST_NODES - 1}")  # fmt: skip
    if src not in nodes or dst not in nodes:
        raise OptionError(
            "Source/Destination NUMA node is missing. Please use '-numa node' option to declare it first."
        )
    if value < _LOCAL:
        raise OptionError(f"NUMA distance ({value}) is invalid, it shouldn't be less than {_LOCAL}.")
    if src == dst and value != _LOCAL:
        raise OptionError(f"Local distance of node {src} should be {_LOCAL}.")
