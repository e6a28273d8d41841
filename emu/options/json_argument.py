"""An argument that is a JSON object: -device, -object, -netdev, -blockdev and others take one."""

from __future__ import annotations

from emu.core.qdict import QDict
from emu.errors import OptionError


def json_object(text: str) -> QDict:
    """The object. Errors: OptionError with the parser's text."""
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise OptionError("JSON parse error, premature EOI") from None
    if not isinstance(value, dict):
        raise OptionError("JSON parse error, expecting value")
    return value
