"""The engine of these sources on this host: from the cache, as a rule; else `emu.engine_build` makes it.

Apart from the builder, which needs subprocesses and temporary files: every start comes here.
"""

from __future__ import annotations

from emu.errors import HostError
from emu.report import Reporter
from ipc import engine
from ipc.engine import Engine
from ipc.errors import EngineMissing, ResourceError


def load_engine(reporter: Reporter) -> Engine:
    """The engine, built first if need be. Errors: HostError."""
    try:
        return engine.load()
    except EngineMissing:
        from emu.engine_build import build_engine

        return build_engine(reporter)
    except (ResourceError, OSError) as error:
        raise HostError(f"cannot load the engine: {error}") from error
