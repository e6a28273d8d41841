"""-readconfig and -set: the INI grammar as QEMU's scanf reads it, and what sections and settings do.

Expected messages were made by running QEMU 10.0.13 on the same files; CFG stands for the file's name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import OptionError
from emu.options import command_line
from emu.options.config_file import LINE, Section, crumple, parse_config
from emu.options.settings import Settings
from emu.report import Reporter
from tests.lib.command_line import PROG, judge

SIZE = "Parameter 'size' expects a non-negative number below 2^64"
SIZE_HINT = (
    "\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
    "and exabytes, respectively."
)
ID_HINT = "\nIdentifiers consist of letters, digits, '-', '.', '_', starting with a letter."
IN_FILE, AT_OPTION, NOWHERE = f"{PROG}:CFG:", f"{PROG}: -readconfig CFG: ", f"{PROG}: "


# content of the file -> what is printed
WRONG_FILES: list[tuple[str, str]] = [
    ('foo = "bar"\n', AT_OPTION + "no group defined"),
    ('[nosuch]\nfoo = "bar"\n', AT_OPTION + "There is no option group 'nosuch'"),
    ('[memory]\nfoo = "bar"\n', AT_OPTION + "Invalid parameter 'foo'"),
    ('[memory]\nsize= "64"\n', AT_OPTION + "Invalid parameter 'size='"),  # no blank before the `=`
    ('[memory]\nsize = "x"\n', AT_OPTION + SIZE + SIZE_HINT),
    ('# c\n\n [memory]\n', AT_OPTION + "no group defined"),  # a section begins in column 0
    ('[memory\nsize = "64"\n', AT_OPTION + "There is no option group 'memory\n'"),
    ('[memory]junk\nsize = "x"\n', AT_OPTION + SIZE + SIZE_HINT),
    ('[chardev "c"]\nbackend = "null"\n[chardev "c"]\nbackend = "null"\n',
     AT_OPTION + "Duplicate ID 'c' for chardev"),
    ('[chardev "1c"]\nbackend = "null"\n', AT_OPTION + "Parameter 'id' expects an identifier" + ID_HINT),
    ('[chardev]\nbackend = "nosuch"\n', IN_FILE + "2: chardev: no id specified"),
    ('[chardev "c"]\nbackend = "nosuch"\n', IN_FILE + "2: 'nosuch' is not a valid char driver name"),
    ('[machine]\ntype = "foo"\n',
     NOWHERE + 'unsupported machine type: "foo"\nUse -machine help to list supported machines'),
    ('[machine]\nfoo = "1"\n', NOWHERE + "Property 'virt-machine.foo' not found"),
    ('[machine]\ngraphics = "maybe"\n', NOWHERE + "Parameter 'graphics' expects 'on' or 'off'"),
    ('[machine]\n0 = "x"\n1 = "y"\n',
     AT_OPTION + "Lists cannot be at top level of a configuration section"),
    ('[machine]\na.b = "x"\na = "y"\n', AT_OPTION + "Cannot mix scalar and non-scalar keys"),
    ('[machine]\na.0 = "x"\na.2 = "y"\n',
     AT_OPTION + "List indices are not contiguous, saw 2 elements but 2 largest index"),
    ('[smp-opts]\ncpus = "2"\nfoo = "1"\n', NOWHERE + "Parameter 'smp.foo' is unexpected"),
    ('[boot-opts]\norder = "cc"\n', NOWHERE + "Boot device 'c' was given twice"),
    ('[object "r"]\nqom-type = "foo"\n', IN_FILE + "2: Parameter 'qom-type' does not accept value 'foo'"),
    ('[object "r"]\nsize = "foo"\n', IN_FILE + "2: Parameter 'qom-type' is missing"),
    ('[memory]\n= "x"\n', AT_OPTION + "Invalid parameter '='"),
    ('[memory "x"]\nsize = "64"\n', AT_OPTION + "Invalid parameter 'id'"),
    ('[name]\nguest = "bob"\n\n[rtc]\nbase = "foo"\n',
     NOWHERE + "invalid datetime format\nvalid formats: '2006-06-17T16:01:21' or '2006-06-17'"),
    ('[drive "d"]\nif = "none"\nfoo = "1"\n', IN_FILE + "3: Must specify either driver or file"),
    ('[audiodev "a"]\ndriver = "foo"\n', AT_OPTION + "Parameter 'driver' does not accept value 'foo'"),
    ('[]\n', AT_OPTION + "no group defined"),
    ('[memory]\nsize = "1\n', AT_OPTION + SIZE + SIZE_HINT),  # the value goes to the line's end
    ('[memory]\nsize = "1"\nsize = "x"\n', AT_OPTION + SIZE + SIZE_HINT),
    ('[memory]\n[nosuch]\na = "b"\n', AT_OPTION + "There is no option group 'nosuch'"),
    ('[icount]\nshift = "x"\n', IN_FILE + "2: icount: Invalid shift value"),
    ('[action]\nreboot = "x"\n', IN_FILE + "2: Parameter 'reboot' does not accept value 'x'"),
    ('[msg]\ntimestamp = "x"\n', AT_OPTION + "Parameter 'timestamp' expects 'on' or 'off'"),
    ('[add-fd]\nset = "1"\n', IN_FILE + "2: fd option is required and must be non-negative"),
    ('[mon]\nmode = "x"\nchardev = "c"\n', IN_FILE + "3: Parameter 'mode' does not accept value 'x'"),
    ('[netdev "n"]\ntype = "foo"\n', IN_FILE + "2: Parameter 'type' does not accept value 'foo'"),
    ('[numa]\ntype = "foo"\n', IN_FILE + "2: Parameter 'type' does not accept value 'foo'"),
    ('[accel]\naccel = "foo"\n', IN_FILE + "2: invalid accelerator foo"),
    ('\n\n[' + "a" * 70 + ']\nx = "1"\n', AT_OPTION + f"There is no option group '{'a' * 63}'"),
    ('[memory]\n \n', AT_OPTION + "parse error"),
]  # fmt: skip


def line(text: str) -> list[str]:
    """The command line that reads it."""
    return [*([] if "[machine]\ntype" in text else ["-M", "virt"]), "-readconfig", "CFG"]


@pytest.mark.parametrize(("text", "message"), WRONG_FILES)
def test_a_wrong_file_gives_qemus_message(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("CFG").write_text(text)
    got = judge(line(text))
    assert (got.status, got.stderr) == (1, message + "\n")


def test_a_file_must_be_there() -> None:
    got = judge(["-M", "virt", "-readconfig", "/no/such"])
    where = f"{PROG}: -readconfig /no/such"
    assert got.stderr == f"{where}: Could not open '/no/such': No such file or directory\n"
    assert judge(["-readconfig", "/"]).stderr == (
        f"{PROG}: -readconfig /: Cannot read config file: Is a directory\n"
    )


def sections(text: str) -> list[tuple[str, dict[str, str], str]]:
    return [(s.group, s.items, ":".join(s.where)) for s in parse_config(os.fsencode(text), "F")]


@pytest.mark.parametrize(("text", "found"), [
    ("", []),
    ("# nothing\n\n", []),
    ("[a]\n", [("a", {}, "")]),
    ('[a]\nk = "v"', [("a", {"k": "v"}, "F:2")]),
    ('[a]\n\tk  =   "v" and more\n', [("a", {"k": "v"}, "F:2")]),
    ('[a]\nk = v\nl = ""\n', [("a", {"k": "", "l": ""}, "F:3")]),
    ('[a]\nk = "v\n', [("a", {"k": "v\n"}, "F:2")]),
    ('[a]\r\nk = "v"\r\n', [("a", {"k": "v"}, "F:2")]),
    ('[a "i"]\nk = "v"\n[b]\n', [("a", {"id": "i", "k": "v"}, "F:2"), ("b", {}, "F:2")]),
    ('[a "i"]\nid = "j"\n', [("a", {"id": "j"}, "F:2")]),
    ('[ a  "i" ] x\n', [("a", {"id": "i"}, "")]),
    ('[a b]\n', [("a b", {}, "")]),
    (f'[a]\nk = "{"1" * 1100}"\n',
     [("a", {"k": "1" * (LINE - 5), "1" * 63: ""}, "F:3")]),  # the rest is a line of its own
    ('[a]\nk = "a\0b"\n', [("a", {"k": "a"}, "F:2")]),
    ('[a]\nk = "\udcff"\n', [("a", {"k": "\udcff"}, "F:2")]),
])  # fmt: skip
def test_sections(text: str, found: list[tuple[str, dict[str, str], str]]) -> None:
    assert sections(text) == found


@given(st.binary(max_size=200) | st.text(alphabet='[]"= #\nab.0\t', max_size=80).map(str.encode))
def test_any_bytes_are_sections_or_a_clean_error(data: bytes) -> None:
    found, complaint = [], ""
    try:
        found = list(parse_config(data, "F"))
    except OptionError as error:
        complaint = error.text
    assert complaint in ("", "parse error", "no group defined")
    assert all(isinstance(section, Section) and section.group for section in found)


@pytest.mark.parametrize(("items", "tree"), [
    ({}, {}),
    ({"a": "1", "b.c": "2", "b.d": "3"}, {"a": "1", "b": {"c": "2", "d": "3"}}),
    ({"a.0": "x", "a.1": "y"}, {"a": ["x", "y"]}),
    ({"a.10": "l", **{f"a.{i}": str(i) for i in range(10)}}, {"a": [*map(str, range(10)), "l"]}),
    ({"a..b": "x"}, {"a.b": "x"}),
    ({"a.0.b": "x"}, {"a": [{"b": "x"}]}),
])  # fmt: skip
def test_dotted_keys_are_trees(items: dict[str, str], tree: object) -> None:
    assert crumple(items) == tree


def test_keys_of_a_list_and_others_do_not_mix() -> None:
    with pytest.raises(OptionError, match="Cannot mix list and non-list keys"):
        crumple({"a.0": "x", "a.b": "y"})


def configured(tmp_path: Path, text: str, *words: str) -> Settings:
    path = tmp_path / "config"
    path.write_text(text)
    settings = judge(["-M", "virt", "-readconfig", str(path), *words]).settings
    assert settings is not None
    return settings


def test_a_section_is_as_if_it_stood_on_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        '[machine]\naclint = "on"\nsmp.cpus = "3"\n\n[memory]\nsize = "64"\n[smp-opts]\nmaxcpus = "4"\n'
        '[object "r"]\nqom-type = "rng-builtin"\n[device "v"]\ndriver = "virtio-rng-device"\nrng = "r"\n'
        '[chardev "c"]\nbackend = "null"\n'
    )
    got = judge(["-M", "virt", "-readconfig", str(path), "-serial", "chardev:c"])
    assert (got.status, got.stderr) == (0, "")
    assert got.machine is not None
    assert got.settings is not None
    assert (got.machine.smp.cpus, got.machine.smp.max_cpus, got.machine.ram.size) == (3, 4, 64 << 20)
    assert got.settings.sets("device")[0].to_qdict() == {
        "id": "v", "driver": "virtio-rng-device", "rng": "r"
    }
    assert got.settings.objects[0].values == {"id": "r", "qom-type": "rng-builtin"}


def test_the_default_file_is_read_unless_it_is_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "qemu.conf"
    monkeypatch.setattr(command_line, "DEFAULT_CONFIG", str(path))
    reporter = Reporter("emu", lambda text: None)
    assert command_line.parse(["-M", "virt"], reporter).machine == {"type": "virt"}  # missing is fine
    path.write_text('[machine]\naclint = "on"\n')
    assert command_line.parse(["-M", "virt"], reporter).machine == {"type": "virt", "aclint": "on"}
    for word in ("-no-user-config", "--no-user-config"):
        assert command_line.parse(["-M", "virt", word], reporter).machine == {"type": "virt"}
    path.write_text("[nosuch]\n")
    with pytest.raises(OptionError, match="There is no option group 'nosuch'") as error:
        command_line.parse(["-M", "virt"], reporter)
    assert error.value.where == ()


def test_set_changes_what_was_said() -> None:
    words = ["-M", "virt", "-chardev", "null,id=c", "-set", "chardev.c.mux=on", "-device", "loader,id=d"]
    settings = judge([*words, "-set", "device.d.a.b=x=y"]).settings
    assert settings is not None
    assert settings.sets("chardev")[0].get("mux") == "on"
    assert settings.sets("device")[0].get("a.b") == "x=y"
