"""What is derived from the option table: -h and docs/options.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emu.options.help import COLUMN, help_text
from emu.options.option import OPTIONS, Option, Status, Topic, in_order, load_topics, option
from emu.options.reference import PATH, reference_text
from tests.lib.command_line import judge

ROOT = Path(__file__).resolve().parents[2]
load_topics()
ALL = list(dict.fromkeys(OPTIONS.values()))
# BEHAVIOUR 3.4: the complete table for this target, and what it takes no argument
NO_ARGUMENT = frozenset(
    [
        "h", "help", "version", "mem-prealloc", "snapshot", "usb", "nographic", "full-screen",
        "win2k-hack", "no-fd-bootchk", "preconfig", "S", "s", "enable-kvm", "no-reboot", "no-shutdown",
        "daemonize", "only-migratable", "nodefaults", "semihosting", "old-param", "no-user-config",
        "enable-sync-profile", "perfmap", "jitdump", "xen-attach", "xen-domid-restrict",
    ]
)


def headings(text: str) -> dict[str, list[str]]:
    """The option names under each heading of a help text."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z][A-Za-z/ ]+:", line):
            names = found.setdefault(line, [])
        elif found and (m := re.match(r"--?([A-Za-z_-]+)(?:(?: or |/)-([a-z]+))?", line)):
            names += [name for name in m.groups() if name and name not in names]
    return found


def test_every_option_says_what_it_is() -> None:
    for opt in ALL:
        assert opt.help or opt.status is Status.FOREIGN, opt.name
        assert bool(opt.why) == (opt.status in (Status.CHECKED, Status.REFUSED)) or opt.status is Status.WORKS
        assert not opt.help.endswith("."), opt.name


def test_options_without_an_argument_are_these() -> None:
    assert {name for name, opt in OPTIONS.items() if not opt.has_arg} == NO_ARGUMENT


def test_help_is_grouped_and_aligned() -> None:
    text = help_text("emu")
    assert list(headings(text)) == [
        topic.value for topic in Topic if any(o.status is Status.WORKS and o.shown for o in in_order(topic))
    ]
    for line in text.split("\nDuring emulation")[0].splitlines():
        sentence = re.match(r" {2,}\S", line)
        if sentence and not line.lstrip().startswith("["):
            assert line[:COLUMN].isspace(), line
        assert len(line) <= 110
    assert judge(["-h"], "emu").stdout == text


def test_help_names_what_works_and_nothing_else() -> None:
    named = {name for names in headings(help_text("emu")).values() for name in names}
    for opt in ALL:
        assert set(opt.names) <= named or opt.status is not Status.WORKS or not opt.shown, opt.name
        assert not set(opt.names) & named or opt.status is Status.WORKS, opt.name


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / PATH).read_text(encoding="utf-8") == reference_text(), (
        "run: emu docs options > docs/options.md"
    )


def test_every_option_has_its_row() -> None:
    page = reference_text()
    for opt in ALL:
        assert (f"`-{opt.name}`" in page) == opt.shown


def test_a_name_cannot_be_declared_twice() -> None:
    with pytest.raises(ValueError, match=r"option -m declared twice: emu.options.topics.machine:\d+ and "):
        option("m")(lambda s, arg: None)


def test_an_option_must_follow_one_that_exists() -> None:
    before = dict(OPTIONS)
    try:
        option("x-test", topic=Topic.TPM, after="no-such")(lambda s, arg: None)
        with pytest.raises(ValueError, match="no option -no-such under 'TPM device options:'"):
            in_order(Topic.TPM)
    finally:
        OPTIONS.clear()
        OPTIONS.update(before)


def test_an_option_is_found_by_all_its_names() -> None:
    found = OPTIONS["machine"]
    assert isinstance(found, Option)
    assert OPTIONS["M"] is found
