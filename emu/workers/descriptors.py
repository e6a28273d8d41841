"""How many open files the harts of a machine need, and the host's limit on them."""

from __future__ import annotations

import resource

from ipc.errors import ResourceError

FDS_PER_HART, FDS_BESIDES = 8, 64  # 5 of ours, a pidfd, two pipes of multiprocess


def allow_descriptors(harts: int) -> None:
    """Raise the soft limit on open files to what `harts` harts need. Errors: ResourceError."""
    wanted = harts * FDS_PER_HART + FDS_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ResourceError(
            f"{harts} harts need {wanted} open files, the limit is {hard}; raise it (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
