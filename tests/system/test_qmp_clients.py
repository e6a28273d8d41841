"""The package `qemu.qmp`, which QEMU's own tests use, drives the real program; so does its qmp-shell."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from qemu.qmp import EventListener, ExecuteError, QMPClient

from tests.lib.qmp import PATIENCE_S, connect, server
from tests.lib.vm import Emu

VIRT = ("-M", "virt", "-nodefaults", "-display", "none", "-bios", "none")


def drive(path: Path, talk: Callable[[QMPClient], Awaitable[None]]) -> None:
    """Connect a client when somebody listens, and let it talk."""
    # the program listens: a client that comes and goes again is not the first one's concern
    connect(path).close()

    async def session() -> None:
        client = QMPClient("test")
        async with asyncio.timeout(PATIENCE_S):
            await client.connect(str(path))
            try:
                await talk(client)
            finally:
                with contextlib.suppress(EOFError):  # the client tells so that the program was first to leave
                    await client.disconnect()

    asyncio.run(session())


async def names(events: EventListener, count: int) -> list[str]:
    """Names of the next events."""
    return [str((await events.get())["event"]) for _ in range(count)]


def test_the_life_of_a_machine(tmp_path: Path) -> None:
    async def talk(client: QMPClient) -> None:
        with client.listener() as events:
            assert await client.execute("query-status") == {"running": False, "status": "prelaunch"}
            await client.execute("cont")
            await client.execute("stop")
            await client.execute("system_reset")
            await client.execute("cont")
            await client.execute("system_powerdown")
            assert await names(events, 5) == ["RESUME", "STOP", "RESET", "RESUME", "POWERDOWN"]
            with pytest.raises(ExecuteError, match="wake-up from suspend is not supported by this guest"):
                await client.execute("system_wakeup")
            with pytest.raises(ExecuteError, match="Parameter 'action' is missing"):
                await client.execute("watchdog-set-action")
            await client.execute("set-action", {"shutdown": "pause", "reboot": "shutdown"})
            await client.execute("system_reset")
            shutdown, stop = await events.get(), await events.get()
            assert shutdown["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
            assert stop["event"] == "STOP"
            assert await client.execute("query-status") == {"running": False, "status": "shutdown"}
            with pytest.raises(ExecuteError, match="Resetting the Virtual Machine is required"):
                await client.execute("cont")
            await client.execute("quit")
            assert await names(events, 1) == ["SHUTDOWN"]

    with Emu(*VIRT, "-smp", "2", "-S", *server(tmp_path / "q")) as vm:
        drive(tmp_path / "q", talk)
        assert vm.wait(PATIENCE_S) == 0


def test_many_requests_at_once_are_answered_each(tmp_path: Path) -> None:
    """The client enables oob: eight are in flight, the others wait in the socket."""

    async def talk(client: QMPClient) -> None:
        waits = [client.execute("query-commands" if n % 3 else "query-version") for n in range(60)]
        answers = await asyncio.gather(*waits)
        assert all(isinstance(answer, list) == bool(n % 3) for n, answer in enumerate(answers))
        schema = await client.execute("query-qmp-schema")
        assert isinstance(schema, list)
        assert {"stop", "cont", "SHUTDOWN"} <= {entry["name"] for entry in schema}
        types = await client.execute("qom-list-types")
        assert isinstance(types, list)
        for one in types:
            await client.execute("qom-list-properties", {"typename": one["name"]})
        await client.execute("quit")

    with Emu(*VIRT, "-S", *server(tmp_path / "q")) as vm:
        drive(tmp_path / "q", talk)
        assert vm.wait(PATIENCE_S) == 0


def test_qmp_shell(tmp_path: Path) -> None:
    """Commands with key=value arguments, and lines of the monitor for people."""
    with Emu(*VIRT, "-S", *server(tmp_path / "q")) as vm:
        connect(tmp_path / "q").close()
        shell = Path(sys.executable).with_name("qmp-shell")
        lines = "query-status\nqom-get path=/machine property=type\nnope\ncont\n"
        done = subprocess.run(
            [sys.executable, str(shell), str(tmp_path / "q")], input=lines, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Connected to QEMU 10.0.13" in done.stdout
        for said in ('"status": "prelaunch"', '"return": "virt-machine"', "The command nope has not been"):
            assert said in done.stdout
        done = subprocess.run(
            [sys.executable, str(shell), "-H", str(tmp_path / "q")], input="info status\nquit\n",
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert "VM status: running" in done.stdout, done.stdout + done.stderr
        assert vm.wait(PATIENCE_S) == 0
