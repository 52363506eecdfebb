"""Programs that another user runs: that user may not enter the directory where they are installed.

Root's home is closed to everybody (0700) in every container, and a umask may have closed each file. A copy in a
directory of the system's is open for everybody to read, and for root alone to change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ates.embedded import StackError

# The first that can be used. The others serve where the system's directories are read-only.
PLACES = (Path("/var/cache/ates"), Path("/opt/ates"), Path("/var/tmp/ates"), Path("/tmp/ates"))  # noqa: S108


def open_tree(root: Path, *parts: str) -> Path:
    """`root` itself when everybody may read its directories `parts`, else a directory with a copy of them, made once.

    Raises `StackError` when no directory can take the copy.
    """
    found = _listing(root, parts)
    if _can_be_entered(root) and all(_is_open(root / name, root) for name in found):
        return root
    for place in PLACES:
        with suppress(OSError):
            return _copied(root, parts, place)
    places = ", ".join(map(str, PLACES))
    raise StackError(
        "no_open_directory",
        f"other users may not read {root}, and none of {places} can take a copy of it: make one of them writable,"
        " or run as another user than root",
    )


def _copied(root: Path, parts: Sequence[str], place: Path) -> Path:
    """The copy in `place`, complete or not there at all. Raises `OSError` when `place` is not fit for it."""
    if not place.is_dir():
        place.mkdir(parents=True)
        place.chmod(0o755)
    _require_fit(place)
    contents = _listing(root, parts)
    digest = hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()[:12]
    target = place / f"{Path(parts[0]).name}-{digest}"
    if target.is_dir() and _listing(target, parts) == contents:
        return target
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=place) as staging:
        made = Path(staging) / "made"
        for part in parts:
            shutil.copytree(root / part, made / part)
        _open(made)
        if target.is_dir():  # a cleaner of temporary files has been at it
            target.rename(Path(staging) / "damaged")
        made.rename(target)
    return target


def _require_fit(place: Path) -> None:
    """Nobody else may have prepared it for us, everybody may enter it, and programs may run there."""
    status = place.stat()
    ours = status.st_uid == os.geteuid() and not status.st_mode & 0o022
    if not ours or not _can_be_entered(place) or os.statvfs(place).f_flag & os.ST_NOEXEC:
        raise PermissionError(place)


def _listing(root: Path, parts: Sequence[str]) -> dict[str, int]:
    """Path of each file of `parts`, from `root` -> its size."""
    return {
        os.path.relpath(path, root): path.stat().st_size
        for part in parts
        for folder, _, names in os.walk(root / part)
        for path in (Path(folder, name) for name in names)
    }


def _can_be_entered(directory: Path) -> bool:
    real = directory.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (real, *real.parents))


def _is_open(file: Path, root: Path) -> bool:
    above = file.parents[: file.parents.index(root)]
    return bool(file.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in above)


def _open(tree: Path) -> None:
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in names):
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
