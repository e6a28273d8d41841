"""The generated completion, in the shells that it is for.

bash: the function is called as bash calls it, with COMP_LINE and its like, in one that has read the script.
zsh: a real zsh in a pseudo terminal is given keys, and what it offers is read from the screen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.terminal import Terminal

BIN = Path(sys.executable).parent
EMU = BIN / "emu"
BASH = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
read -ra COMP_WORDS <<<"$2"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete -p "${COMP_WORDS[0]##*/}" >/dev/null || exit 2
_emu
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    made = {}
    for shell in ("bash", "zsh"):
        made[shell] = folder / f"emu.{shell}"
        done = subprocess.run([EMU, "completion", shell], capture_output=True, check=True)
        made[shell].write_bytes(done.stdout)
    return made


def bash(script: Path, line: str, folder: Path) -> set[str]:
    """What bash would offer for `line` with the cursor at its end."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash on this machine")
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", script, line], capture_output=True, text=True, check=False,
        cwd=folder, env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.parametrize(("line", "some", "not_"), [
    ("emu -mach", {"-machine"}, {"-m", "-M"}),
    ("emu --mach", {"--machine"}, {"-machine"}),
    ("emu -M virt -s", {"-s", "-smp", "-serial", "-seed"}, {"-S", "-qtest"}),
    ("emu -machine ", {"virt", "none"}, set()),
    ("emu -M v", {"virt"}, {"none"}),
    ("emu --machine virt,acl", {"virt,aclint="}, {"virt,aia="}),
    ("emu -M virt,memory-", {"virt,memory-backend="}, set()),
    ("emu -cpu rv", {"rv64", "rva22s64"}, {"max"}),
    ("emu -accel ", {"tcg"}, {"qtest"}),
    ("emu -device virtio-", {"virtio-rng-device"}, {"loader"}),
    ("emu -device loader,a", {"loader,addr="}, {"loader,data="}),
    ("emu -object rng-", {"rng-random", "rng-builtin"}, {"memory-backend-memfd"}),
    ("emu -object rng-random,f", {"rng-random,filename="}, set()),
    ("emu -chardev so", {"socket"}, {"stdio"}),
    ("emu -chardev socket,ser", {"socket,server="}, {"socket,wait="}),
    ("emu -chardev socket,server=o", {"on", "off"}, set()),  # bash replaces behind the `=`
    ("emu -chardev socket,path=so", {"some.file"}, set()),
    ("emu -smp 4,co", {"4,cores="}, {"4,threads="}),
    ("emu -d in", {"int", "in_asm", "invalid_mem"}, {"unimp"}),
    ("emu -kernel s", {"some.file", "some.dir/"}, set()),
    ("emu -watchdog-action p", {"pause", "poweroff"}, {"reset"}),
    ("emu s", {"some.file"}, set()),
    ("emu d", {"demo", "doctor", "docs"}, set()),
    ("emu-system-riscv64 d", set(), {"demo"}),
    ("emu -m 1G d", set(), {"demo"}),
])  # fmt: skip
def test_bash_offers_what_fits(
    line: str, some: set[str], not_: set[str], scripts: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "some.file").touch()
    (tmp_path / "some.dir").mkdir()
    offered = bash(scripts["bash"], line, tmp_path)
    assert some <= offered
    assert not not_ & offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_is_correct_shell(shell: str, scripts: dict[str, Path]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    subprocess.run([shell, "-n", scripts[shell]], check=True)


# Tab completes; Ctrl-G shows the line as it is then, and clears it
ZSH = """\
unsetopt prompt_cr prompt_sp; PS1='ready> '
autoload -Uz compinit; compinit -D -u; source %s; cd %s; path=(%s $path)
show() { print -r -- "<$BUFFER>"; BUFFER=; zle reset-prompt; }; zle -N show; bindkey '^G' show
echo set up
"""


def test_zsh_completes(scripts: dict[str, Path], tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh on this machine")
    (tmp_path / "some.file").touch()
    with Terminal(command=("zsh", "-f")) as tty:
        tty.send((ZSH % (scripts["zsh"], tmp_path, BIN)).encode())
        tty.expect(rb"\nset up")
        for typed, line in [
            ("emu -mach", "emu -machine "),
            ("emu --mach", "emu --machine "),
            ("emu -machine vi", "emu -machine virt"),
            ("emu -M virt,acl", "emu -M virt,aclint="),
            ("emu -device loader,a", "emu -device loader,addr="),
            ("emu -cpu ma", "emu -cpu max"),
            ("emu -chardev socket,ser", "emu -chardev socket,server="),
            ("emu -chardev socket,server=of", "emu -chardev socket,server=off "),
            ("emu -chardev file,path=some.f", "emu -chardev file,path=some.file "),
            ("emu -kernel some.f", "emu -kernel some.file "),
            ("emu doct", "emu doctor "),
            ("emu-system-riscv64 doct", "emu-system-riscv64 doct"),
            ("emu-system-riscv64 -watchdog-action po", "emu-system-riscv64 -watchdog-action poweroff"),
        ]:
            tty.send(typed.encode() + b"\t\x07")
            assert tty.expect(rb"<(emu[^>\r\n]*)>")[1].decode() == line
        tty.send(b"exit\r")
        assert tty.wait() == 0
