"""QemuOpts: sets of options, their lists, the tables of lists. What becomes of single texts is in
test_option_table.py."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.ids import IdSubsystem, id_generate, id_wellformed
from emu.errors import Leave, OptionError
from emu.options import groups
from emu.options.config_groups import (
    DRIVE_CONFIG_GROUPS,
    VM_CONFIG_GROUPS,
    GroupTable,
    qemu_find_opts,
)
from emu.options.option_groups import OptionGroups
from emu.options.option_info import query_command_line_options
from emu.options.qemuopts import (
    QemuOptDesc,
    QemuOpts,
    QemuOptsList,
    QemuOptType,
    has_help_option,
    split,
)

S, B, N, Z = QemuOptType.STRING, QemuOptType.BOOL, QemuOptType.NUMBER, QemuOptType.SIZE
DESCRIBED = QemuOptsList("test", (
    QemuOptDesc("s", S, "a text"), QemuOptDesc("b", B), QemuOptDesc("n", N, "a number"),
    QemuOptDesc("z", Z), QemuOptDesc("d", B, def_value_str="on"),
), "s")  # fmt: skip
ANY = QemuOptsList("any", (), "first")
MERGED = QemuOptsList("merged", DESCRIBED.desc, "s", merge_lists=True)


def quiet() -> OptionGroups:
    return OptionGroups(lambda text: None)


# -- the grammar

ITEMS: list[tuple[str, str, list[tuple[str, str, str | None]]]] = [
    ("", "", []),
    ("a=1,b=2", "", [("a", "1", None), ("b", "2", None)]),
    ("a=1,,2", "", [("a", "1,2", None)]),
    ("a=1,,,b", "", [("a", "1,", None), ("b", "on", "b")]),
    ("a,noa", "", [("a", "on", "a"), ("a", "off", "noa")]),
    ("a=1,", "", [("a", "1", None)]),
    (",", "", [("", "on", "")]),
    ("no", "", [("", "off", "no")]),
    ("=v", "i", [("", "v", None)]),
    ("x", "i", [("i", "x", None)]),
    (",,,a=1", "i", [("i", ",", None), ("a", "1", None)]),
    (",", "i", [("i", "", None)]),
    ("help", "i", [("i", "help", None)]),
    ("a=1,x", "i", [("a", "1", None), ("x", "on", "x")]),
]


@pytest.mark.parametrize(("text", "implied", "items"), ITEMS)
def test_items_of_a_text(text: str, implied: str, items: list[tuple[str, str, str | None]]) -> None:
    assert list(split(text, implied)) == items


@pytest.mark.parametrize(("text", "wanted"), [
    ("help", True), ("a=1,help", True), ("?,a", True), ("a=help", False), ("help=1", False),
    ("a,,help", True), ("a=1,,help", False), ("nohelp", False), ("", False),
])  # fmt: skip
def test_help_is_a_word_of_its_own(text: str, wanted: bool) -> None:
    assert has_help_option(text) is wanted


# -- a set

def test_the_last_value_counts_and_all_are_kept() -> None:
    opts = quiet().parse(ANY, "x,a=1,b=,a=2", permit_abbrev=True)
    assert opts.get("a") == "2"
    assert opts.items == [("first", "x"), ("a", "1"), ("b", ""), ("a", "2")]
    assert opts.to_qdict() == {"first": "x", "a": "2", "b": ""}
    assert opts.get("c") is None
    assert opts.get("c", "x") == "x"
    assert opts.get("b", "x") == ""


def test_taking_values_away() -> None:
    opts = quiet().parse(ANY, "a=1,b=2,a=3")
    assert opts.unset("a")
    assert opts.get("a") == "1"
    assert not opts.unset("c")
    assert opts.get_del("a") == "1"
    assert opts.get_del("a") is None
    assert opts.items == [("b", "2")]
    opts.delete_all("b")
    assert opts.items == []


def test_typed_values() -> None:
    opts = quiet().parse(DESCRIBED, "b=off,n=0x10,z=1.5k,n=-1")
    assert opts.get_bool("b", True) is False
    assert opts.get_number("n", 5) == (1 << 64) - 1
    assert opts.get_size("z", 5) == 1536
    empty = QemuOpts(DESCRIBED)
    assert (empty.get_bool("b", True), empty.get_number("n", 5), empty.get_size("z", 6)) == (True, 5, 6)


def test_a_default_of_the_list_comes_before_one_of_the_look_up() -> None:
    opts = QemuOpts(DESCRIBED)
    assert opts.get("d") == "on"
    assert opts.get("d", "x") == "on"
    assert opts.get_bool("d", False) is True
    assert opts.get_del("d") == "on"
    assert "d" not in opts.to_qdict()


def test_what_is_set_is_checked_like_what_is_written() -> None:
    opts = QemuOpts(DESCRIBED)
    opts.set_bool("b", True)
    opts.set_number("n", 7)
    with pytest.raises(OptionError, match="Invalid parameter 'x'"):
        opts.set("x", "1")
    with pytest.raises(OptionError, match="Parameter 'n' expects a number"):
        opts.set("n", "x")
    assert opts.items == [("b", "on"), ("n", "7")]


def test_a_text_that_is_wrong_half_way_leaves_what_came_before() -> None:
    opts = QemuOpts(DESCRIBED)
    with pytest.raises(OptionError):
        opts.do_parse("x,n=1,n=x,b=on", "s")
    assert opts.items == [("s", "x"), ("n", "1")]


PRINTED: list[tuple[QemuOptsList, str, str]] = [
    (ANY, "a=1,,2,b,id=x,a=3", "id=x,a=1,,2,b=on,a=3"),
    (ANY, "", ""),
    (DESCRIBED, "z=1k,s=a,,b", "s=a,,b,z=1024,d=on"),
    (DESCRIBED, "n=0x10,n=-1,id=x", "id=x,n=-1,d=on"),
    (DESCRIBED, "z=0xffffffffffffffff", "z=-1,d=on"),
    (DESCRIBED, "b=yes,d=off,s=", "s=,b=yes,d=off"),
]


@pytest.mark.parametrize(("opts_list", "text", "printed"), PRINTED)
def test_a_set_as_text(opts_list: QemuOptsList, text: str, printed: str) -> None:
    opts = quiet().parse(opts_list, text)
    assert opts.to_text() == printed
    assert opts.to_text(" ") == printed.replace(",,", "\0").replace(",", " ").replace("\0", ",,")


def test_options_can_be_described_later() -> None:
    opts = quiet().parse(ANY, "s=x,n=1")
    opts.validate(DESCRIBED.desc)
    with pytest.raises(OptionError, match="Invalid parameter 's'"):
        opts.validate(())
    with pytest.raises(OptionError, match="Invalid parameter 's'"):
        opts.validate(DESCRIBED.desc[1:])
    opts.set("n", "x")
    with pytest.raises(OptionError, match="expects a number"):
        opts.validate(DESCRIBED.desc)


# -- sets and dicts

def test_a_dict_becomes_a_set() -> None:
    made = quiet()
    opts = made.from_qdict(ANY, {"id": "x", "a": True, "b": 5, "c": 0.1, "e": None, "f": [1], "g": {"h": 1}})
    assert opts.id == "x"
    assert dict(opts.items) == {"a": "on", "b": "5", "c": "0.10000000000000001"}
    assert made.from_qdict(ANY, {"id": 5}).id is None
    with pytest.raises(OptionError, match="Duplicate ID 'x' for any"):
        made.from_qdict(ANY, {"id": "x"})
    with pytest.raises(OptionError, match="Invalid parameter 'q'"):
        made.from_qdict(DESCRIBED, {"s": "x", "q": 1})
    assert made.sets(DESCRIBED) == []


def test_a_list_absorbs_what_it_describes() -> None:
    opts = QemuOpts(DESCRIBED)
    rest = {"s": "x", "b": False, "other": 1, "n": None}
    opts.absorb_qdict(rest)
    assert rest == {"other": 1}
    assert sorted(opts.items) == [("b", "off"), ("s", "x")]
    with pytest.raises(OptionError, match="expects a number"):
        opts.absorb_qdict({"n": "x"})


def test_a_dict_of_what_another_list_describes() -> None:
    opts = quiet().parse(ANY, "id=x,s=1,other=2,s=3")
    assert opts.to_qdict_filtered(DESCRIBED, delete=False) == {"id": "x", "s": "3"}
    assert opts.items == [("s", "1"), ("other", "2"), ("s", "3")]
    assert opts.to_qdict_filtered(DESCRIBED, delete=True) == {"id": "x", "s": "3"}
    assert opts.items == [("other", "2")]
    assert opts.to_qdict() == {"id": "x", "other": "2"}


# -- the sets of a command line

def test_a_bad_item_in_a_merging_list_drops_what_was_merged_before() -> None:
    made = quiet()
    first = made.parse(MERGED, "x,n=1", permit_abbrev=True)
    assert made.parse(MERGED, "n=2") is first
    assert first.items == [("s", "x"), ("n", "1"), ("n", "2")]
    with pytest.raises(OptionError):
        made.parse(MERGED, "b=on,n=x")
    assert made.sets(MERGED) == []
    assert made.first(MERGED).items == []


def test_a_bad_item_elsewhere_drops_its_set_alone() -> None:
    made = quiet()
    good = made.parse(DESCRIBED, "n=1")
    with pytest.raises(OptionError):
        made.parse(DESCRIBED, "id=a,n=x")
    assert made.sets(DESCRIBED) == [good]
    assert made.parse(DESCRIBED, "id=a").id == "a"  # the identifier is free again


def test_ids() -> None:
    made = quiet()
    a = made.parse(ANY, "id=a")
    nameless = made.parse(ANY, "x=1")
    assert made.find(ANY, "a") is a
    assert made.find(ANY, None) is nameless
    assert made.find(ANY, "b") is None
    with pytest.raises(OptionError, match="Duplicate ID 'a' for any"):
        made.parse(ANY, "x=2,id=a")
    assert made.create(DESCRIBED, "a").id == "a"  # of another list
    made.delete(a)
    assert made.find(ANY, "a") is None
    made.reset(ANY)
    assert made.sets(ANY) == []
    with pytest.raises(OptionError, match="Invalid parameter 'id'"):
        made.create(MERGED, "a")


def test_a_value_can_be_set_in_a_merging_list() -> None:
    made = quiet()
    made.set(MERGED, "n", "1")
    made.set(MERGED, "n", "2")
    assert made.first(MERGED).get("n") == "2"
    with pytest.raises(OptionError):
        made.set(MERGED, "n", "x")
    assert made.first(MERGED).items == [("n", "1"), ("n", "2")]


def test_sets_know_where_they_were_written() -> None:
    where = ("-m", "1")
    made = OptionGroups(lambda text: None, lambda: where)
    first = made.parse(MERGED, "n=1")
    where = ("-m", "2")
    assert made.parse(MERGED, "n=2").where == ("-m", "1")
    assert first.where == ("-m", "1")
    assert made.parse(ANY, "n=2").where == ("-m", "2")


def test_a_first_value_needs_the_callers_leave_to_stand_alone() -> None:
    for parse in (quiet().parse, quiet().parse_noisily):
        assert parse(ANY, "x").items == [("x", "on")]
        assert parse(ANY, "x", permit_abbrev=True).items == [("first", "x")]


def test_flags_are_warned_about_before_what_is_wrong() -> None:
    said: list[str] = []
    made = OptionGroups(said.append)
    with pytest.raises(OptionError):
        made.parse_noisily(DESCRIBED, "nob,n=x")
    assert said == ["short-form boolean option 'nob' deprecated\nPlease use b=off instead"]
    made.parse(DESCRIBED, "nob")
    assert len(said) == 1


def test_help_is_given_where_options_are_described() -> None:
    made = quiet()
    with pytest.raises(Leave) as leave:
        made.parse_noisily(DESCRIBED, "n=1,help,n=x")
    assert leave.value.status == 1
    assert leave.value.text == (
        "test options:\n"
        "  b=<bool (on/off)>\n"
        "  d=<bool (on/off)>\n"
        "  n=<num>                - a number\n"
        "  s=<str>                - a text\n"
        "  z=<size>\n"
    )
    assert made.sets(DESCRIBED) == []
    assert DESCRIBED.help_text(caption=False) == leave.value.text.partition("\n")[2]
    assert made.parse_noisily(ANY, "help").has_help_opt()
    assert not made.parse_noisily(ANY, "a=help").has_help_opt()
    assert ANY.help_text() == "There are no options for any.\n"


def test_help_is_sorted_by_lines_not_by_names() -> None:
    lines = QemuOptsList("x", (QemuOptDesc("a"), QemuOptDesc("a-b"))).help_text().splitlines()
    assert lines == ["x options:", "  a-b=<str>", "  a=<str>"]


# -- identifiers

@pytest.mark.parametrize(("text", "wanted"), [
    ("a", True), ("Z9", True), ("a-._1", True), ("", False), ("1a", False), ("-a", False), ("_a", False),
    ("a b", False), ("a,b", False), ("é", False), ("aé", False), ("#a", False), ("a\n", False),
])  # fmt: skip
def test_identifiers(text: str, wanted: bool) -> None:
    assert id_wellformed(text) is wanted


def test_made_identifiers_are_distinct_and_nobodys() -> None:
    made = [id_generate(IdSubsystem.BLOCK) for _ in range(20)]
    assert len(set(made)) == 20
    for i, text in enumerate(made):
        assert re.fullmatch(r"#block[0-9]+[0-9]{2}", text)
        assert int(text[6:-2]) == int(made[0][6:-2]) + i
        assert not id_wellformed(text)
    assert id_generate(IdSubsystem.NET).startswith("#net")


# -- the tables

class Aborted(Exception):
    """Instead of SIGABRT."""


@pytest.fixture
def abort(monkeypatch: pytest.MonkeyPatch) -> None:
    def instead() -> None:
        raise Aborted

    monkeypatch.setattr("os.abort", instead)


@pytest.mark.parametrize(("table", "name", "size"), [
    (VM_CONFIG_GROUPS, "vm_config_groups", 48), (DRIVE_CONFIG_GROUPS, "drive_config_groups", 5),
])  # fmt: skip
def test_a_table_that_is_full_aborts(
    table: GroupTable, name: str, size: int, abort: None, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh = GroupTable(name, size)
    lists = [QemuOptsList(f"list{i}") for i in range(size)]
    for opts_list in lists[:-1]:
        assert fresh.add(opts_list) is opts_list
    with pytest.raises(Aborted):
        fresh.add(lists[-1])
    assert capfd.readouterr().err == f"ran out of space in {name}"
    assert list(fresh) == lists[:-1]
    assert (table._name, table._most) == (name, size - 1)


def test_the_groups_there_are() -> None:
    assert [g.name for g in VM_CONFIG_GROUPS] == [
        "drive", "chardev", "device", "netdev", "nic", "net", "rtc", "global", "mon", "trace", "plugin",
        "option-rom", "accel", "memory", "smp-opts", "boot-opts", "add-fd", "object", "tpmdev", "overcommit",
        "msg", "name", "numa", "icount", "semihosting-config", "fw_cfg", "action", "run-with", "vnc", "acpi",
        "smbios", "fsdev", "virtfs", "sandbox", "iscsi",
    ]  # fmt: skip
    assert {g.name for g in VM_CONFIG_GROUPS if g.merge_lists} == {
        "rtc", "boot-opts", "name", "memory", "icount", "smp-opts", "action", "semihosting-config",
    }  # fmt: skip
    assert qemu_find_opts("memory") is groups.MEMORY
    with pytest.raises(OptionError, match="There is no option group 'nonsense'"):
        qemu_find_opts("nonsense")


def test_what_a_client_is_told_of_options() -> None:
    assert query_command_line_options("add-fd") == [{"option": "add-fd", "parameters": [
        {"name": "opaque", "type": "string", "help": "free-form string used to describe fd"},
        {"name": "set", "type": "number", "help": "ID of the fd set to add fd to"},
        {"name": "fd", "type": "number", "help": "file descriptor of which a duplicate is added to fd set"},
    ]}]  # fmt: skip
    tight = query_command_line_options("chardev")[0]["parameters"]
    assert {"name": "tight", "type": "boolean", "default": "on"} in tight  # type: ignore[operator]
    assert query_command_line_options("machine", [{"name": "type"}]) == [
        {"option": "machine", "parameters": [{"name": "type"}]}
    ]
    assert [o["option"] for o in query_command_line_options()][:2] == ["machine", "iscsi"]
    with pytest.raises(OptionError, match="invalid option name: nonsense"):
        query_command_line_options("nonsense")


# -- printing and parsing

NAMES = st.text(st.characters(exclude_characters="=,", exclude_categories=["Cs"]), max_size=6)
VALUES = st.text(max_size=8)


@settings(max_examples=250)
@given(st.lists(st.tuples(NAMES, VALUES)))
def test_what_is_printed_parses_back(items: list[tuple[str, str]]) -> None:
    items = [(name, value) for name, value in items if name != "id"]
    opts = QemuOpts(ANY, None, items)
    assert quiet().parse(ANY, opts.to_text()).items == items


@settings(max_examples=150)
@given(
    st.fixed_dictionaries({}, optional={
        "s": VALUES, "b": st.sampled_from(["on", "off"]), "n": st.integers(0, (1 << 64) - 1).map(str),
        "z": st.integers(0, (1 << 63) - 1).map(str), "d": st.sampled_from(["on", "off"]),
    })
)  # fmt: skip
def test_a_described_set_is_the_same_after_printing(values: dict[str, str]) -> None:
    """But for a size of 2^63 and more, which is printed as QEMU does it: below zero."""
    opts = QemuOpts(DESCRIBED, "x", list(values.items()))
    again = quiet().parse(DESCRIBED, opts.to_text())
    assert again.id == "x"
    assert again.to_text() == opts.to_text()
    for name in values:
        if name == "n":
            assert again.get_number("n", 0) == opts.get_number("n", 0)
        else:
            assert again.get(name) == opts.get(name)
