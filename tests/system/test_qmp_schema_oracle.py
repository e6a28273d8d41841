"""query-qmp-schema, asked of the reference QEMU too: what a client may send is what it may send there.

Types are compared with their names resolved. What we have not (enumeration values, branches of unions,
members of results that we never give) may be missing; nothing may be there that the reference has not, but
for what OURS names with a reason.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.lib.reference import need
from tests.lib.transcript import Player

Types = dict[str, dict[str, Any]]
OURS = {
    "X_VCPU_LOST": "a hart is a process here, and can die",
}
# results that are always empty here: what would be in them is not described
EMPTY = {"query-balloon", "query-block", "query-block-jobs", "query-jobs", "query-memory-devices",
         "query-mice",
         "query-migrate", "query-named-block-nodes", "query-pci", "query-qmp-schema", "query-rx-filter",
         "query-stats", "query-stats-schemas", "query-tpm", "query-tpm-models",
         "query-tpm-types"}  # fmt: skip
# what is not described further: every value leads to the same answer, or none is ever given
LOOSE = {"query-stats.target", "query-stats-schemas.provider", "GUEST_PANICKED.info",
         "GUEST_CRASHLOADED.info"}  # fmt: skip


def schema(command: Sequence[str]) -> Types:
    with Player(command, ("-M", "none", "-S")) as player:
        player.play('{"execute": "qmp_capabilities"}')
        (reply,) = player.play('{"execute": "query-qmp-schema"}')
        player.end()
    return {entry["name"]: entry for entry in json.loads(reply[2:])["return"]}


def differences(
    path: str, ours: Types, mine: str, theirs: Types, other: str, result: bool
) -> list[str]:  # fmt: skip
    """What of our type could not be theirs. result: whether a member may be missing that they may give."""
    a, b = ours[mine], theirs[other]
    if path in LOOSE:
        return []
    if a["meta-type"] != b["meta-type"]:
        return [f"{path}: {a['meta-type']} here, {b['meta-type']} there"]
    match a["meta-type"]:
        case "builtin":
            return [] if mine == other else [f"{path}: {mine} here, {other} there"]
        case "enum":
            more = set(a["values"]) - set(b["values"])
            return [f"{path}: values {more}"] if more else []
        case "array":
            element = f"{path}[]"
            return differences(element, ours, a["element-type"], theirs, b["element-type"], result)
        case "alternate":
            return []
    found: list[str] = []
    members = {member["name"]: member for member in a["members"]}
    there = {member["name"]: member for member in b["members"]}
    for name, member in members.items():
        if name not in there:
            found.append(f"{path}.{name}: not there")
            continue
        found += differences(f"{path}.{name}", ours, member["type"], theirs, there[name]["type"], result)
        if not result and ("default" in member) != ("default" in there[name]):
            found.append(f"{path}.{name}: may it be missing?")
    for name, member in there.items():
        if name not in members and "default" not in member:
            found.append(f"{path}.{name}: missing here")
    cases = {variant["case"]: variant["type"] for variant in b.get("variants", [])}
    for variant in a.get("variants", []):
        case = variant["case"]
        if case in cases:
            found += differences(f"{path}/{case}", ours, variant["type"], theirs, cases[case], result)
        elif ours[variant["type"]]["members"]:
            found.append(f"{path}/{case}: not there")
    return found


def test_commands_and_events_are_described_as_by_the_reference() -> None:
    theirs, ours = schema([need()]), schema((sys.executable, "-m", "emu"))
    wrong: list[str] = []
    for name, entry in ours.items():
        if entry["meta-type"] not in ("command", "event") or name in OURS:
            continue
        there = theirs.get(name)
        if there is None:
            wrong.append(f"{name}: not there")
            continue
        is_event = entry["meta-type"] == "event"
        wrong += differences(name, ours, entry["arg-type"], theirs, there["arg-type"], is_event)
        if not is_event and name not in EMPTY:
            wrong += differences(f"{name}()", ours, entry["ret-type"], theirs, there["ret-type"], True)
        for flag in ("allow-oob", "features"):
            if entry.get(flag) != there.get(flag):
                wrong.append(f"{name}: {flag} {entry.get(flag)} here, {there.get(flag)} there")
    assert not wrong, "\n".join(wrong)
