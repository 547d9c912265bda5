"""The limits of this process' control group: memory, and a quota of processor time.

Slurm, systemd, Docker and Kubernetes limit a process through its own control group
or one above it. Both versions are read, and both at once: version 2 has one tree for
everything, version 1 a tree for each controller. README.md of the room `training`
says what a user sees of it.
"""

import pathlib
import re
from collections.abc import Iterator, Sequence

_ROOT = pathlib.Path("/")
# Where every system mounts the trees, in case the list of mounts does not say.
_USUAL = "/sys/fs/cgroup"
_V1, _V2 = "cgroup", "cgroup2"
# `memory.high` kills nobody, but what is above it is taken back at once.
_MEMORY_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
_MEMORY_USED = ("memory.current", "memory.usage_in_bytes")
# Version 1 counts what is in the groups below under names of its own.
_RECLAIMABLE = re.compile(
    r"^(?:total_)?(active_file|inactive_file|slab_reclaimable) (\d+)$", re.MULTILINE
)


def available_memory(root: pathlib.Path = _ROOT) -> int | None:
    """Bytes that the control groups leave to this process; None if they set no limit.

    The smallest over the groups, from that of the process upwards, of the limit less
    what is used there. Used is what the kernel cannot take back when memory is short:
    pages of files and reclaimable kernel memory do not count, as in `MemAvailable`.
    Swap does not count as memory.

    Args:
      root: The folder with `proc` and `sys`.
    """
    left = [
        max(0, limit - _used(group))
        for group in _groups(root, "memory")
        for limit in _numbers(group, _MEMORY_LIMITS)
    ]
    return min(left, default=None)


def cpu_quota(root: pathlib.Path = _ROOT) -> float | None:
    """Cores' worth of time that this process may use; None if there is no quota.

    The smallest over the groups, from that of the process upwards. `root` is the
    folder with `proc` and `sys`.
    """
    quotas = []
    for group in _groups(root, "cpu"):
        words = _text(group / "cpu.max").split()
        if not words:
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            words = [_text(group / name).strip() for name in files]
        # Without a quota the first word is "max", or -1 in version 1.
        if len(words) == 2 and all(w.isdecimal() and int(w) for w in words):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def _used(group: pathlib.Path) -> int:
    used = max(_numbers(group, _MEMORY_USED), default=0)
    # The later line of a name counts: in version 1 those with `total_` come last.
    reclaimable = dict(_RECLAIMABLE.findall(_text(group / "memory.stat")))
    return max(0, used - sum(map(int, reclaimable.values())))


def _groups(root: pathlib.Path, controller: str) -> Iterator[pathlib.Path]:
    """Folders of the groups of this process for a controller, and of those above."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        # The path may hold colons.
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        group = pathlib.PurePosixPath(path)
        if ".." in group.parts:  # not below what a container sees
            group = pathlib.PurePosixPath("/")
        for place, top in _mounts(root, names, controller):
            if group.is_relative_to(top):
                folder = root / place.lstrip("/")
                parts = group.relative_to(top).parts
                for depth in range(len(parts), -1, -1):
                    yield folder.joinpath(*parts[:depth])


def _mounts(root: pathlib.Path, names: str, controller: str) -> list[tuple[str, str]]:
    """Where the tree of `names` may be mounted, and which group is at its top.

    `names` are the controllers of a tree of version 1; none means version 2.
    """
    # The usual places, too: a container may see its group under a name that its mounts
    # do not show. Then the group at the top is its own, or one above it.
    usual = (names, controller) if names else ("",)
    found = [(f"{_USUAL}/{name}", "/") for name in usual]
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        if kind != (_V1 if names else _V2):
            continue
        if not names or controller in options.split()[-1].split(","):
            top, place = (_unescaped(field) for field in before.split()[3:5])
            found.append((place, top))
    return found


def _unescaped(field: str) -> str:
    """A path of `mountinfo`, where spaces and others are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _numbers(group: pathlib.Path, names: Sequence[str]) -> list[int]:
    """The numbers in those of the files that exist; `max`, for no limit, is none."""
    words = (_text(group / name).strip() for name in names)
    return [int(word) for word in words if word.isdecimal()]


def _text(path: pathlib.Path) -> str:
    """What a file says; "" if it cannot be read."""
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
