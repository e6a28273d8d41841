"""What the command line says of character devices: short forms, -chardev, and their complaints."""

from __future__ import annotations

import pytest

from emu.chardev.spec import Spec, from_opts, parse_short
from emu.errors import OptionError
from emu.options import groups
from emu.options.option_groups import OptionGroups


@pytest.mark.parametrize(("text", "spec"), [
    ("null", Spec("null")),
    ("stdio", Spec("stdio")),
    ("pty", Spec("pty")),
    ("mon:stdio", Spec("stdio", mux=True, signals=False)),
    ("mon:pty", Spec("pty", mux=True)),
    ("file:/a,b", Spec("file", path="/a,b")),
    ("unix:/s", Spec("socket", path="/s")),
    ("unix:/s,server=on,wait=off", Spec("socket", path="/s", server=True, wait=False)),
    ("unix:/s,server,nowait", Spec("socket", path="/s", server=True, wait=False)),
    ("mon:unix:/s,server=on", Spec("socket", path="/s", server=True, mux=True)),
    ("telnet:localhost:5,server=on", Spec("socket", host="localhost", port="5", server=True, telnet=True)),
    ("udp:h:5@l:6", Spec("udp", host="h", port="5", local_host="l", local_port="6")),
    ("pipe:/p", Spec("pipe", path="/p")),
    ("pty:/l", Spec("pty", path="/l")),
    ("/dev/ttyUSB0", Spec("serial", path="/dev/ttyUSB0")),
    ("tcp:localhost:5,server=on", Spec("socket", host="localhost", port="5", server=True)),
])  # fmt: skip
def test_short_forms(text: str, spec: Spec) -> None:
    assert parse_short(text) == spec


@pytest.mark.parametrize(("text", "message"), [
    ("foo,id=x", "'foo' is not a valid char driver name"),
    ("hub,id=x", "'hub' is not a valid char driver name"),  # as where it is not built in
    ("file,id=a", "chardev: file: no filename given"),
    ("socket,id=a", "Unable to parse FD number "),
    ("socket,id=a,path=/x,host=y", "None or one of 'path', 'fd' or 'host' option required."),
    ("socket,id=a,host=h", "chardev: socket: no port given"),
    ("socket,id=a,path=p,wait=on", "'wait' option is incompatible with socket in client connect mode"),
    ("socket,id=a,path=p,websocket=on,server=on",
     "chardev: socket: 'websocket' is not supported in this build"),
    ("socket,id=a,path=p,server=on,reconnect=1",
     "'reconnect' option is incompatible with socket in server listen mode"),
    ("socket,id=a,fd=0,reconnect=1", "'reconnect' option is incompatible with 'fd' address type"),
    ("socket,id=a,host=h,port=1,tls-authz=x", "'tls_authz' option requires 'tls_creds' option"),
    ("udp,id=a,host=h", "chardev: udp: remote port not specified"),
    ("pipe,id=a", "chardev: pipe: no device path given"),
    ("serial,id=a", "chardev: serial/tty: no device path given"),
    ("mux,id=a", "chardev: mux: no chardev given"),
    ("null,foo=1", "Invalid parameter 'foo'"),
])  # fmt: skip
def test_chardev_errors(text: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        from_opts(OptionGroups(lambda line: None).parse(groups.CHARDEV, text, permit_abbrev=True))
    assert error.value.text == message
