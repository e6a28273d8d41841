"""QMP monitors of the real program, by a client that shows every byte."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tests.lib.qmp import PATIENCE_S, Wire, connect, server
from tests.lib.qtest import qtest
from tests.lib.vm import Emu

NONE = ("-M", "none", "-nodefaults", "-display", "none")
VIRT = ("-M", "virt", "-nodefaults", "-display", "none", "-bios", "none")
STATUS = b'{"execute":"query-status"}'


def test_clients_come_and_go_and_each_negotiates(tmp_path: Path) -> None:
    with Emu(*NONE, *server(tmp_path / "q")) as vm:
        for _ in range(3):
            with Wire(tmp_path / "q") as qmp:
                assert qmp.greeting["QMP"]["capabilities"] == ["oob"]
                qmp.negotiate()
                assert qmp.ask("query-status")["status"] == "running"
                qmp.send(b'{"half":')
        with Wire(tmp_path / "q") as qmp:
            qmp.negotiate()
            qmp.send(b'{"execute":"quit"}')
            assert qmp.event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-qmp-quit"}
            assert qmp.reply() == {"return": {}}
            assert qmp.reply() == {}, "the end"
            assert vm.wait(PATIENCE_S) == 0
    assert not (tmp_path / "q").exists()


def test_a_monitor_that_connects_itself_is_a_client(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen(1)
        listener.settimeout(PATIENCE_S)
        with Emu(*NONE, "-qmp", f"unix:{tmp_path / 'q'}") as vm:
            peer, _ = listener.accept()
            with Wire(peer) as qmp:
                qmp.negotiate()
                qmp.ask("quit")
                assert vm.wait(PATIENCE_S) == 0
    (tmp_path / "q").unlink()


def test_events_reach_every_monitor_and_one_that_never_reads_holds_nobody(tmp_path: Path) -> None:
    """Its requests and the events for it pile up; the others are served all the same."""
    places = [tmp_path / name for name in ("a", "b", "c")]
    words = [word for place in places for word in server(place)]
    with Emu(*NONE, *words) as vm, Wire(places[0]) as a, Wire(places[1]) as b, Wire(places[2]) as deaf:
        for one in (a, b, deaf):
            one.negotiate()
        deaf.peer.setblocking(False)
        try:
            while True:
                deaf.peer.send(b'{"execute":"query-commands"}' * 1000)
        except BlockingIOError:
            pass  # all that the socket holds
        for n in range(200):
            a.ask("stop" if n % 2 == 0 else "cont")
        assert a.events == ["STOP", "RESUME"] * 100
        assert b.ask("query-status")["running"]
        assert b.events == a.events
        a.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_whatever_is_sent_the_session_lives(tmp_path: Path) -> None:
    with Emu(*NONE, *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        for byte in STATUS:
            qmp.send(bytes((byte,)))
        assert qmp.reply()["return"]["running"]
        for wrong in (b"\xff", b"\x00" * 3, b"[" * 1025, b"'\xf4\x90\x80\x80'", b"{]", b'{"a":1,"a":2}'):
            qmp.send(wrong + b"\n")
            assert "error" in qmp.reply()
            qmp.send(b'\xff\n{"execute":"query-name","id":"sync"}')
            while qmp.reply().get("id") != "sync":
                pass
        piece = b"x" * (1 << 20)
        qmp.send(b'{"execute":"')
        for _ in range(65):
            qmp.send(piece)
        qmp.send(b'"}\xff\n{"execute":"query-name","id":"sync"}')
        said = []
        while (reply := qmp.reply()).get("id") != "sync":
            said.append(reply["error"]["desc"])
        assert "JSON token size limit exceeded" in said
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_pretty_output_is_one_object_in_several_lines(tmp_path: Path) -> None:
    with (
        Emu(*NONE, "-qmp-pretty", f"unix:{tmp_path / 'q'},server=on,wait=off") as vm,
        connect(tmp_path / "q") as peer,
    ):
        greeting = peer.recv(1 << 16)
        assert greeting.startswith(b'{\r\n    "QMP": {\r\n')
        assert greeting.endswith(b"\r\n}\r\n")
        peer.sendall(b'{"execute":"qmp_capabilities"}{"execute":"quit"}')
        assert vm.wait(PATIENCE_S) == 0


def test_descriptors_come_with_requests(tmp_path: Path) -> None:
    read, write = os.pipe()
    with Emu(*NONE, *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        assert qmp.fail("getfd", fdname="x") == "No file descriptor supplied via SCM_RIGHTS"
        qmp.send_fds(b'{"execute":"getfd",', [write])
        qmp.send(b'"arguments":{"fdname":"x"}}')
        assert qmp.reply() == {"return": {}}
        assert qmp.fail("getfd", fdname="y") == "No file descriptor supplied via SCM_RIGHTS", "it was taken"
        qmp.send_fds(b'{"execute":"add-fd","arguments":{"opaque":"r"}}', [write, read])
        added = qmp.reply()["return"]
        assert added["fdset-id"] == 0
        qmp.send_fds(b'{"execute":"add-fd","arguments":{"fdset-id":7}}', [write])
        qmp.reply()
        sets = qmp.ask("query-fdsets")
        assert [(one["fdset-id"], len(one["fds"])) for one in sets] == [(7, 1), (0, 1)]
        assert sets[1]["fds"] == [{"fd": added["fd"], "opaque": "r"}]
        os.close(write)
        qmp.ask("remove-fd", fdset_id=0)
        qmp.ask("remove-fd", fdset_id=7)
        assert qmp.fail("remove-fd", fdset_id=7) == "File descriptor named 'fdset-id:7' not found"
        qmp.ask("closefd", fdname="x")
        assert os.read(read, 1) == b"", "nobody has the other end any more"
        os.close(read)
        assert qmp.fail("closefd", fdname="x") == "File descriptor named 'x' not found"
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_a_yank_out_of_band_ends_a_connection(tmp_path: Path) -> None:
    chardev = f"socket,id=s,path={tmp_path / 's'},server=on,wait=off"
    with (
        Emu(*NONE, *server(tmp_path / "q"), "-chardev", chardev) as vm,
        Wire(tmp_path / "q") as qmp,
        connect(tmp_path / "s") as peer,
    ):
        qmp.negotiate("oob")
        assert {"type": "chardev", "id": "s"} in qmp.ask("query-yank")
        qmp.send(b'{"exec-oob":"yank","arguments":{"instances":[{"type":"chardev","id":"s"}]}}')
        assert qmp.reply() == {"return": {}}
        assert peer.recv(1) == b""
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_preconfig_waits_and_then_makes_the_board(tmp_path: Path) -> None:
    with Emu(*VIRT, "--preconfig", *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        assert qmp.ask("query-status") == {"running": False, "status": "prelaunch"}
        qmp.ask("object-add", qom_type="memory-backend-memfd", id="extra", size=1 << 20)
        qmp.ask("x-exit-preconfig")
        assert qmp.events == ["RESUME"]
        assert qmp.ask("query-status")["running"]
        assert len(qmp.ask("query-cpus-fast")) == 1
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_a_board_that_cannot_be_made_after_preconfig_ends_the_process(tmp_path: Path) -> None:
    words = (*VIRT, "--preconfig", "-kernel", str(tmp_path / "none"), *server(tmp_path / "q"))
    with Emu(*words) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        qmp.send(b'{"execute":"x-exit-preconfig"}')
        assert vm.wait(PATIENCE_S) == 1
        assert b"could not load kernel" in vm.errors
        assert vm.errors.count(b"\n") == 1


def test_a_signal_ends_a_machine_that_waits_in_preconfig(tmp_path: Path) -> None:
    with Emu(*VIRT, "--preconfig", *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        os.kill(vm.pid, signal.SIGTERM)
        assert qmp.event("SHUTDOWN")["data"]["reason"] == "host-signal"
        assert vm.wait(PATIENCE_S) == 0
    assert not (tmp_path / "q").exists()


def test_a_machine_with_a_monitor_outlives_a_lost_hart(tmp_path: Path) -> None:
    with Emu(*VIRT, "-smp", "2", *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        harts = qmp.ask("query-cpus-fast")
        assert [hart["cpu-index"] for hart in harts] == [0, 1]
        assert harts[1]["qom-path"] == "/machine/soc0/harts[1]"
        os.kill(harts[1]["thread-id"], signal.SIGKILL)
        lost = qmp.event("X_VCPU_LOST")["data"]
        assert (lost["cpu-index"], lost["signal"]) == (1, signal.SIGKILL)
        assert qmp.events == ["STOP"]
        assert qmp.ask("query-status") == {"running": False, "status": "internal-error"}
        assert qmp.fail("cont") == "Resetting the Virtual Machine is required"
        qmp.ask("system_reset")
        assert qmp.ask("query-status")["status"] == "prelaunch"
        qmp.ask("cont")
        fresh = qmp.ask("query-cpus-fast")
        assert fresh[0] == harts[0]
        assert fresh[1]["thread-id"] != harts[1]["thread-id"]
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_memory_goes_to_files(tmp_path: Path) -> None:
    with Emu(*VIRT, "-S", "-m", "16", *server(tmp_path / "q")) as vm, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        for command in ("pmemsave", "memsave"):
            qmp.ask(command, val=0x1000, size=24, filename=str(tmp_path / command))
            assert (tmp_path / command).read_bytes()[:4] == bytes.fromhex("97020000"), "the reset vector"
        qmp.ask("pmemsave", val=0x80000000, size=16 << 20, filename=str(tmp_path / "ram"))
        assert (tmp_path / "ram").stat().st_size == 16 << 20
        qmp.ask("dumpdtb", filename=str(tmp_path / "dtb"))
        assert (tmp_path / "dtb").read_bytes()[:4] == bytes.fromhex("d00dfeed")
        qmp.ask("quit")
        assert vm.wait(PATIENCE_S) == 0


def test_a_serial_port_goes_on_with_another_back_end(tmp_path: Path) -> None:
    """Driven by qtest, so that exactly these bytes leave the port."""
    a, b = tmp_path / "a", tmp_path / "b"
    words = ("-M", "virt", "-nodefaults", "-serial", f"file:{a}", *server(tmp_path / "q"))
    with qtest(tmp_path, *words) as port, Wire(tmp_path / "q") as qmp:
        qmp.negotiate()
        port.store(0x1000_0000, ord("a"), "b")
        backend = {"type": "file", "data": {"out": str(b)}}
        qmp.ask("chardev-change", id="serial0", backend=backend)
        port.store(0x1000_0000, ord("b"), "b")
        text = "Chardev user does not support chardev hotswap"
        assert qmp.fail("chardev-change", id="compat_monitor0", backend=backend) == text
        qmp.ask("quit")
        assert port.process.wait(PATIENCE_S) == 0
    assert (a.read_bytes(), b.read_bytes()) == (b"a", b"b")


def test_the_monitor_and_the_serial_port_share_a_terminal_by_its_key(tmp_path: Path) -> None:
    words = ("-chardev", "stdio,mux=on,id=c", "-mon", "chardev=c,mode=readline", "-serial", "chardev:c")
    with Emu(*VIRT, "-S", *words) as vm:
        vm.send(b"\x01c")
        vm.expect(rb"\(qemu\) $", PATIENCE_S)
        vm.send(b"info status\r")
        vm.expect(rb"VM status: paused \(prelaunch\)", PATIENCE_S)
        vm.send(b"quit\r")
        assert vm.wait(PATIENCE_S) == 0
