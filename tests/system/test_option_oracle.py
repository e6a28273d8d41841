"""The rows of tests/vectors/options.csv, asked of the reference QEMU; and what else it knows of options.

A row is replayed as a command line on which everything but the row's text is right. What the reference says
of the text must be the row's outcome, to the letter. A text that is right shows by its option not being
complained about: what a set of options holds, QEMU does not print.
"""

from __future__ import annotations

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from emu.core.json_writer import to_json
from emu.errors import OptionError
from emu.options.config_groups import qemu_find_opts
from emu.options.members import Members
from emu.options.option_info import query_command_line_options
from emu.options.values import strtosz
from emu.options.visitor import KEYVAL
from tests.lib.option_rows import PLACES, Row, load
from tests.lib.reference import PROG, QUIT, Said, ask, monitor, need

# lists whose option has another name
OPTION = {"memory": "m", "smp-opts": "smp", "boot-opts": "boot"}
# Ends a line that is right so far. Devices in JSON are made after the others
END = ("-device", "no-such-device")
JSON_END = ("-device", '{"driver":"no-such-device"}')


def complaint(row: Row) -> tuple[str, str, Said]:
    """What should be said and what was said about a row's text; and everything that was said."""
    kind, *rest = row.reader.split()
    if kind == "opts":
        option = "-" + OPTION.get(rest[0], rest[0])
        said = ask(["-M", "none", option, row.text, "-version"])
        place = f"{PROG}: {option} {row.text}: "
        wanted = "".join(f"{place}warning: {text}\n" for text in row.warnings)
        if row.error is not None:
            wanted += f"{place}{row.error}\n"
        return wanted, said.err, said
    if kind in ("keyval", "machine", "json"):
        option = {"keyval type": "-machine", "keyval -": "-compat", "json": "-display"}.get(
            row.reader, "-machine"
        )
        texts = row.text.split(" | ") if kind == "machine" else [row.text]
        said = ask([*(word for text in texts for word in (option, text)), *END])
        # a conflict is found when all of -machine is known, and has no place on the line
        place = "" if row.error and row.error.startswith("Conflict") else f"{option} {texts[-1]}: "
        wanted = f"{PROG}: {place}{row.error}\n" if row.error else ""
        grammatical = f"{PROG}: {option} {texts[-1]}: "
        got = said.err if row.error or said.err.startswith(grammatical) else ""
        if not row.error and re.search(r"Parameter '[^']*' (is unexpected|is missing|does not accept)", got):
            got = ""  # what the grammar makes of it is not what -compat or -display want
        return wanted, got, said
    name, words = PLACES[kind]
    line = words(row.text)
    said = ask(["-M", "virt", *line, *(JSON_END if kind.startswith("json:") else END)])
    start, *options = said.err.partition(": ")[2], f"Parameter '{name}'", f"parameter '{name}'"
    options += [f"Invalid parameter type for '{name}'"]
    got = start if any(option in start for option in options) else ""
    wanted = ""
    if row.error is not None:
        applying = f"can't apply global {line[1]}: " if line[0] == "-global" else ""
        wanted = f"{' '.join(line[-2:])}: {applying}{row.error}\n"
    return wanted, got, said


ROWS = [row for row in load() if row.replay]


def disagreement(row: Row) -> str | None:
    """What the row says otherwise than the reference, or None."""
    wanted, got, said = complaint(row)
    name = f"{row.reader} {row.text!r}"
    if wanted != got:
        return f"{name}\n  row:  {wanted!r}\n  QEMU: {got!r}"
    if not row.reader.startswith("opts "):
        return None
    # -accel lists the accelerators after an error as well, and is content
    status = 0 if row.outcome.startswith("=") or " accel " in row.reader else 1
    help_text = qemu_find_opts(row.reader.split()[1]).help_text()
    if said.status != status or (row.outcome == "?" and said.out != help_text):
        return f"{name}: status {said.status}, {said.out!r}"
    return None


@pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_the_reference_agrees_with_the_rows(share: int) -> None:
    need()
    seed = random.randrange(1 << 32)
    rows = random.Random(seed).sample(ROWS, len(ROWS) // share)
    with ThreadPoolExecutor(2) as pool:
        wrong = [text for text in pool.map(disagreement, rows) if text]
    assert not wrong, "\n".join([f"seed {seed}: {len(wrong)} of {len(rows)}", *wrong])


def test_command_line_options_are_described_as_by_the_reference() -> None:
    """The whole reply, byte by byte. The parameters of -machine are the machines', and taken from it."""
    (reply,) = monitor(b'{"execute":"query-command-line-options"}\n' + QUIT, "-M", "none")
    first = json.loads(reply)["return"][0]
    assert first["option"] == "machine"
    ours = query_command_line_options(machine=first["parameters"])
    assert to_json({"return": list(ours)}) == reply


@pytest.mark.parametrize("seed", range(20))
def test_a_size_is_exactly_what_it_is_to_the_reference(seed: int) -> None:
    """Asked by way of a complaint that shows the number."""
    rng = random.Random(seed)
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 30)))
    text = f"{rng.randrange(10 ** rng.randint(1, 5))}.{digits}{rng.choice('kKmMgGtT')}"
    text = rng.choice([text, text, f"{rng.randrange(1 << 59):#x}", "0.99999999999999999999k"])
    said = ask(["-M", "virt", "-m", f"size=7E,maxmem={text}", *END])
    shown = re.search(r"maximum memory size \((0x[0-9a-f]+)\)", said.err)
    assert shown, said
    assert int(shown[1], 16) == strtosz(text), text


def _names(rng: random.Random) -> list[str]:
    count = rng.choice([2, 5, 8, 20, 200, 2000])
    names = ["x" + "".join(rng.choice("abcxyz") for _ in range(rng.randint(1, 8))) for _ in range(count)]
    return list(dict.fromkeys(names))


@pytest.mark.parametrize("seed", range(12))
def test_of_several_wrong_names_the_reference_complains_about_the_same(seed: int) -> None:
    names = _names(random.Random(seed))
    text = "none," + ",".join(f"{name}=1" for name in names)
    # in the order of a dict
    first = next(name for name in Members(KEYVAL, dict.fromkeys(names, "1")).names)
    assert f"Property 'none-machine.{first}' not found" in ask(["-machine", text]).err
    # in the order of a table of what is left
    members = Members.parse(text, "type")
    members.string("type")
    with pytest.raises(OptionError) as error:
        members.finish()
    assert ask(["-display", text, "-version"]).err == f"{PROG}: -display {text}: {error.value.text}\n"
