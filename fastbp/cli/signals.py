"""How the command ends by a signal: Ctrl-C, or SIGTERM, which raises as Ctrl-C does."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

import fastbp as fb
from fastbp.checks import Array

# What a shell shows of a process that a signal ended: 128 and the signal's number.
CTRL_C, TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM has come."""


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, unless somebody else has taken it over."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def reason(error: BaseException) -> tuple[str, int]:
    """Return what ended the command, in words, and its exit code."""
    if isinstance(error, Terminated):
        return "stopped by SIGTERM", TERMINATED
    return "stopped by Ctrl-C", CTRL_C


class Best(fb.Callback):
    """Holds the parameters of the best epoch, for a fit that does not come to its end."""

    def __init__(self) -> None:
        self.params: Array | None = None
        self.epoch: int | None = None

    def after_epoch(self, training: fb.Training) -> None:
        """Copy the parameters of an epoch that is the best so far."""
        if training.best:
            self.params = training.network.params.copy()
            self.epoch = training.epoch
