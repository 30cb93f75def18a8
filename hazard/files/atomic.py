"""Output that is written whole or not at all, by one process at a time.

What is written grows in a draft, a folder ``.NAME.hazard-draft`` beside its place, which is moved
there when it is whole. The process that writes holds a lock on its draft, which the kernel takes
back when the process ends, however it ends: so a draft that nobody has locked was left by a process
that was killed, and is removed by the next one that writes there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hazard.errors import UsageError
from hazard.files.terminal import escaped

if TYPE_CHECKING:
    import xarray as xr

_DRAFT = ".hazard-draft"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNWRITABLE = (*_FULL, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
_LEAST_FREE = 64 * 1024  # bytes: less than the smallest folder that a command writes
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_PATIENCE = 10  # another process may look for a moment whether a draft is in use
_PAUSE = 0.02


@dataclass(frozen=True)
class _Claim:
    """The claim of a process on an output: its locked draft, and the folders created for it."""

    draft: Path
    descriptor: int
    created_folders: tuple[Path, ...]


_claims: dict[Path, _Claim] = {}


# --- claims -------------------------------------------------------------------------------------
def check_new(path: Path) -> None:
    """Raise unless a path is free and can be written; then keep other processes off it.

    The claim ends when the output is written, with :func:`release`, or with the process.

    Raises
    ------
    UsageError
        If there is something at ``path`` but an empty folder, if it cannot be made, if the disk is
        full, or if another process is about to write it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"output {str(path)!r} must not exist yet, or be an empty folder; choose another name."
        )
    existing_parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing_parent.is_dir() or not os.access(existing_parent, os.W_OK):
        raise UsageError(f"output {str(path)!r} must lie in a folder that can be written.")
    _claim(path)


@contextmanager
def claims() -> Iterator[None]:
    """A command: what it claimed and did not write is released when it ends."""
    try:
        yield
    finally:
        release()


def release() -> bool:
    """Remove every draft of this process, and every empty folder made for one.

    Returns
    -------
    bool
        Whether something was claimed that is not written.
    """
    claimed = list(_claims)
    for place in claimed:
        _give_up(place)
    return bool(claimed)


def _claim(path: Path) -> _Claim:
    """Lock of this process on an output, as it is or a new one."""
    place = path.absolute()
    if place in _claims:
        return _claims[place]
    draft = place.with_name(f".{place.name}{_DRAFT}")
    with _refused_if_unwritable(path), _step:
        created_folders = _create_folders(place.parent)
        try:
            _refuse_full(place, _LEAST_FREE)
            for stale in place.parent.glob(f".*{_DRAFT}"):
                _sweep(stale)
            descriptor = _locked_soon(draft)
        except OSError:
            _remove_empty(created_folders)
            raise
        if descriptor is not None:
            _claims[place] = _Claim(draft, descriptor, created_folders)
            return _claims[place]
    raise UsageError(
        f"output {str(path)!r} must be written by one command at a time; another one is at work on "
        "it. Wait for it, or choose another name."
    )


def _locked_soon(draft: Path) -> int | None:
    for _ in range(_PATIENCE):
        descriptor = _locked(draft)
        if descriptor is not None:
            return descriptor
        time.sleep(_PAUSE)
    return None


def _locked(draft: Path) -> int | None:
    """Descriptor of a draft, made where there is none, that this process alone has locked."""
    try:
        draft.mkdir(mode=0o700)
        is_new = True
    except FileExistsError:
        is_new = False
    try:
        descriptor = os.open(draft, _FOLDER)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_locked = _is_same_folder(draft, descriptor)
    except OSError as error:  # where a file system knows no locks, whoever made the folder has it
        is_locked = is_new and not isinstance(error, BlockingIOError)
    if is_locked:
        return descriptor
    os.close(descriptor)
    return None


def _sweep(draft: Path) -> None:
    """Remove a draft that no process has locked."""
    with suppress(OSError):
        descriptor = os.open(draft, _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_folder(draft, descriptor):
                shutil.rmtree(draft, ignore_errors=True)
        finally:
            os.close(descriptor)


def _is_same_folder(draft: Path, descriptor: int) -> bool:
    """Whether a descriptor is that of the folder which has this name now."""
    with suppress(FileNotFoundError):
        return os.path.samestat(draft.stat(), os.fstat(descriptor))
    return False


def _create_folders(folder: Path) -> tuple[Path, ...]:
    """The folders that had to be made for a folder to exist, the innermost first."""
    missing = [ancestor for ancestor in (folder, *folder.parents) if not ancestor.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(missing)


def _give_up(path: Path) -> None:
    """End a claim: its draft goes, and so do the folders that nothing came into."""
    with _step:
        claim = _claims.pop(path.absolute(), None)
        if claim is None:
            return
        if _is_same_folder(claim.draft, claim.descriptor):
            shutil.rmtree(claim.draft, ignore_errors=True)
        os.close(claim.descriptor)
        _remove_empty(claim.created_folders)


def _remove_empty(folders: Iterable[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


# --- steps that a signal must not fall into -----------------------------------------------------
class _Step:
    """A step from one state that can be cleaned up to the next."""

    def __init__(self) -> None:
        self._depth = 0
        self._waiting: Callable[[], object] | None = None

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth and self._waiting is not None:
            self._waiting()

    def after(self, action: Callable[[], object]) -> None:
        """Act at the end of the step that is being taken, or at once."""
        if self._depth:
            self._waiting = action
        else:
            action()


_step = _Step()


def between_steps(action: Callable[[], object]) -> None:
    """Act now, or as soon as every draft on disk is one that :func:`release` knows."""
    _step.after(action)


# --- writing ------------------------------------------------------------------------------------
@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Folder under a temporary name beside ``path``, which takes that name when all went well.

    Raises
    ------
    UsageError
        If ``path`` exists and is not an empty folder, cannot be written or only in part, or if
        another process writes it.
    """
    check_new(path)
    try:
        with _refused_if_unwritable(path):
            draft = _empty_draft(path)
            yield draft
            if path.exists():
                path.rmdir()
            draft.rename(path)
    finally:
        _give_up(path)


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name, readable by its owner only, and move it into place.

    Raises
    ------
    UsageError
        If it cannot be written or only in part, or if another process writes it.
    """
    _claim(path)
    try:
        with _refused_if_unwritable(path):
            draft = _empty_draft(path) / path.name
            write(draft)
            draft.chmod(0o600)
            draft.replace(path)
    finally:
        _give_up(path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whose size is known, after a look whether the disk has room for it."""
    _refuse_full(path, len(content))
    path.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write lines in which nothing moves a cursor or turns the order of what is read."""
    path.write_text(escaped(text) + "\n", encoding="utf-8")


def netcdf(tree: xr.DataTree | xr.Dataset) -> bytes:
    """Labelled arrays as the content of a netCDF file.

    HDF5 cannot be made to let go of a file that it could not write to its end; it takes the process
    down with it. So a file is finished before the disk is touched, which for a moment takes as much
    memory as the arrays.
    """
    with tree.to_netcdf(engine="h5netcdf") as view:
        return bytes(view)


def write_netcdf(tree: xr.DataTree | xr.Dataset, path: Path) -> None:
    """Write labelled arrays as netCDF, made in memory first."""
    write_bytes(path, netcdf(tree))


def _empty_draft(path: Path) -> Path:
    draft = _claims[path.absolute()].draft
    for leftover in draft.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return draft


def _refuse_full(path: Path, size: int) -> None:
    room = shutil.disk_usage(path.parent)
    if room.total and room.free < size:  # some file systems do not say how large they are
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@contextmanager
def _refused_if_unwritable(path: Path) -> Iterator[None]:
    """Where an output that cannot be written is refused in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        advice = "Free some space" if error.errno in _FULL else "Look after its folder"
        raise UsageError(
            f"output {str(path)!r} must be written whole; got: {os.strerror(error.errno)}. "
            f"{advice}, or choose another place; nothing of it was left."
        ) from None
