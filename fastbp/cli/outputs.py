"""Files that a training writes: checked before it, so that no time is spent for nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import fastbp as fb
from fastbp.cli.errors import UsageError

LOGS = {".csv": fb.CSVLog, ".jsonl": fb.JSONLog}
PICTURES = (".png", ".svg", ".pdf")


def check_outputs(files: Mapping[str, str | None], data: str) -> None:
    """Refuse paths that cannot be written, or that are one another or the data.

    Parameters
    ----------
    files : dict from str to str or None
        What each file is called in messages (an option or ``--save``), and its path.
    data : str
        The data's path.

    Raises
    ------
    UsageError
        Naming the option.
    """
    taken = {"the data": data}
    names = {"--save": "the model", "--log": "the log", "--plot": "the picture"}
    for flag, path in files.items():
        if path is None:
            continue
        if not Path(path).parent.is_dir():
            raise UsageError(f"{flag} must be in a folder that exists, got {path}")
        others = [Path(other).resolve() for other in taken.values()]
        if Path(path).is_dir() or Path(path).resolve() in others:
            raise UsageError(f"{flag} must be a file other than {' and '.join(taken)}, got {path}")
        taken[names.get(flag, flag)] = path


def make_log(path: str | None) -> list[fb.Callback]:
    """Return what writes the log that is wanted."""
    if path is None:
        return []
    kind = LOGS.get(Path(path).suffix.lower())
    if kind is None:
        raise UsageError(f"--log must end with {' or '.join(LOGS)}, got {path}")
    return [kind(path)]


def check_picture(path: str | None) -> None:
    """Refuse a picture that cannot be drawn."""
    if path is None:
        return
    if Path(path).suffix.lower() not in PICTURES:
        raise UsageError(f"--plot must end with {', '.join(PICTURES)}, got {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            '--plot needs matplotlib, which is not installed: pip install "fastbp[plot]"'
        )
