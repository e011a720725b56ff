"""A fit in a file: all that the next step depends on, so that it goes on bit for bit.

Beside the network that is: the optimizer's settings and state, where in which epoch the fit is, the
generator's state when that epoch began (its order is drawn again from there), the sums of the
epoch's losses so far, what schedule and stop rules have counted, and the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastbp import files
from fastbp._compiled import engine
from fastbp.checks import Array, FileFormatError
from fastbp.history import History
from fastbp.optimizers.optimizer import Optimizer
from fastbp.schedules import Schedule
from fastbp.stopping import Watch

# Figures of an epoch that nobody has to ask for, beside the losses.
ALWAYS_RECORDED = ("learning_rate", "seconds", "rows_per_second")


class Place(NamedTuple):
    """How far a fit is: whole epochs, steps since then, steps in all, and its seconds."""

    epoch: int
    step: int
    total_steps: int
    seconds: float


class Ground(NamedTuple):
    """What must be the same for a fit to go on: the rows and how they are taken."""

    rows: int
    validation_rows: int
    batch_size: int
    shuffle: str
    schedule: str
    optimizer: str


class State(NamedTuple):
    """A fit that has been read from a file; `seed` is the fit's, `key` that of its dropout."""

    network: dict[str, Any]
    params: Array
    key: int
    seed: int
    ground: Ground
    place: Place
    sums: tuple[float, float]
    generator: dict[str, Any]
    settings: Array
    hyper: Array
    clock: Array
    slots: Array
    schedule: dict[str, Any]
    watch: tuple[float, float, int]
    best: Array | None
    history: dict[str, Any]


def generator_to_json(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a PCG64 generator, its 128-bit numbers in hexadecimal digits."""
    inner = {name: f"{number:032x}" for name, number in state["state"].items()}
    return {**state, "state": inner}


def generator_from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that `generator_to_json` was given."""
    state: Any = {
        "bit_generator": str(values["bit_generator"]),
        "state": {name: int(values["state"][name], 16) for name in ("state", "inc")},
        "has_uint32": int(values["has_uint32"]),
        "uinteger": int(values["uinteger"]),
    }
    np.random.PCG64().state = state
    return dict(state)


def number_or_none(value: float) -> float | None:
    """Return a number as JSON has it: infinity is None."""
    return value if math.isfinite(value) else None


def number_or_infinity(value: Any) -> float:
    """Return the number that `number_or_none` was given."""
    return math.inf if value is None else float(value)


def history_to_json(history: History) -> dict[str, Any]:
    """Return every list of a history; what is not finite is None."""
    columns = {
        name: [number_or_none(value) for value in values]
        for name, values in history.columns().items()
    }
    return {"columns": columns, "metrics": list(history.metrics)}


def history_from_json(values: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the lists of a history by their names."""
    known = [name for name, value in vars(History()).items() if isinstance(value, list)]
    found = {}
    for name, column in values["columns"].items():
        if name not in (*known, *values["metrics"]):
            raise ValueError(f"no history has {name}")
        found[name] = [math.nan if value is None else float(value) for value in column]
    return found


def write(
    path: files.StrPath,
    contents: files.Contents,
    state: State,
) -> None:
    """Write a network and the state of its fit, all or nothing."""
    training = {
        "key": f"{state.key:016x}",
        "seed": f"{state.seed:x}",
        "ground": state.ground._asdict(),
        "place": state.place._asdict(),
        "sums": list(state.sums),
        "generator": generator_to_json(state.generator),
        "schedule": state.schedule,
        "watch": [*map(number_or_none, state.watch[:2]), state.watch[2]],
        "history": state.history,
    }
    arrays = {name: getattr(state, name) for name in ("settings", "hyper", "clock", "slots")}
    if state.best is not None:
        arrays["best"] = state.best
    files.write(path, contents._replace(training=training, arrays=arrays))


def read(path: files.StrPath) -> State:
    """Return the state of a fit from a checkpoint.

    Raises
    ------
    FileFormatError
        The file is damaged, or holds a network and no fit.
    OSError
        The file cannot be read.
    """
    contents = files.read(path)
    name = files.as_path(path).name
    if contents.training is None:
        raise FileFormatError(
            f"resume must be a checkpoint (fb.Checkpoint writes them), got {name}, a saved network"
        )
    try:
        return _state(contents, contents.training)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"{name} is not a fastbp checkpoint: {error}") from None


def _state(contents: files.Contents, training: dict[str, Any]) -> State:
    """Return the parsed state; raise errors of many kinds where it is damaged."""
    arrays, params = contents.arrays, contents.params
    place, ground = training["place"], training["ground"]
    watch = training["watch"]
    hyper, clock, settings = (
        np.asarray(arrays[name], np.float64).reshape(-1) for name in ("hyper", "clock", "settings")
    )
    if settings.shape != hyper.shape:
        raise ValueError(f"settings of shape {settings.shape} and hyper of shape {hyper.shape}")
    slots, best = arrays["slots"], arrays.get("best")
    if slots.ndim != 2 or slots.shape[1] != params.size or slots.dtype != params.dtype:
        raise ValueError(f"slots of shape {slots.shape} and dtype {slots.dtype}")
    if best is not None and (best.shape != params.shape or best.dtype != params.dtype):
        raise ValueError(f"best of shape {best.shape} and dtype {best.dtype}")
    return State(
        network=contents.network,
        params=params,
        key=int(training["key"], 16),
        seed=int(training["seed"], 16),
        ground=Ground(
            rows=int(ground["rows"]),
            validation_rows=int(ground["validation_rows"]),
            batch_size=int(ground["batch_size"]),
            shuffle=str(ground["shuffle"]),
            schedule=str(ground["schedule"]),
            optimizer=str(ground["optimizer"]),
        ),
        place=Place(
            epoch=int(place["epoch"]),
            step=int(place["step"]),
            total_steps=int(place["total_steps"]),
            seconds=float(place["seconds"]),
        ),
        sums=(float(training["sums"][0]), float(training["sums"][1])),
        generator=generator_from_json(training["generator"]),
        settings=settings,
        hyper=hyper,
        clock=clock,
        slots=slots,
        schedule=dict(training["schedule"]),
        watch=(number_or_infinity(watch[0]), number_or_infinity(watch[1]), int(watch[2])),
        best=best,
        history=history_from_json(training["history"]),
    )


def check_ground(state: State, ground: Ground) -> None:
    """Refuse to go on on other rows, or with another batch size, order, schedule or optimizer."""
    for name, was, now in zip(Ground._fields, state.ground, ground, strict=True):
        if was != now:
            raise ValueError(
                f"{name.replace('_', ' ')} must be {was!r} as in the checkpoint that is resumed, "
                f"got {now!r}"
            )


def check_figures(state: State, recorded: Iterable[str]) -> None:
    """Refuse to go on with other metrics: every list of a history has an item an epoch."""
    now = {*recorded, *ALWAYS_RECORDED}
    if state.history and set(state.history) != now:
        was, now_listed = (", ".join(sorted(names)) for names in (state.history, now))
        raise ValueError(
            "metrics must be those of the checkpoint that is resumed, whose history has "
            f"{was}, got {now_listed}"
        )


def check_network(state: State, network: dict[str, Any]) -> None:
    """Refuse to go on with a network of another description."""
    if state.network != network:
        name = next(key for key in network if state.network.get(key) != network[key])
        raise ValueError(
            f"resume must be a checkpoint of this network, got one with other {name}: "
            f"{state.network.get(name)!r}, here {network[name]!r}"
        )


def check_settings(state: State, optimizer: Optimizer) -> None:
    """Refuse settings other than those that the checkpoint's fit began with."""
    if state.settings.shape != optimizer.hyper.shape or (state.settings != optimizer.hyper).any():
        raise ValueError(
            "optimizer must have the settings of the checkpoint that is resumed, "
            f"{described_settings(optimizer, state.settings)}, got {optimizer!r}; change them in a "
            "callback"
        )


def described_settings(optimizer: Optimizer, settings: Array) -> str:
    """Return an optimizer of the same kind with other settings as text."""
    other = type(optimizer)()  # type: ignore[call-arg]
    if settings.shape == other.hyper.shape:
        other.hyper[:] = settings
    return repr(other)


def restore(
    state: State, params: Array, optimizer: Optimizer, schedule: Schedule | None, watch: Watch
) -> None:
    """Put parameters, optimizer (bound to its network already), schedule and stop rules back.

    Raises
    ------
    FileFormatError
        A part of the checkpoint has another shape; nothing is changed then.
    """
    parts = {"hyper": optimizer.hyper, "clock": optimizer.clock, "slots": optimizer.slots}
    for name, own in parts.items():
        shape = getattr(state, name).shape
        if shape != own.shape:
            raise FileFormatError(
                f"{name} of a checkpoint of {type(optimizer).__name__} must have shape "
                f"{own.shape}, got {shape}"
            )
    parts["params"] = params
    if schedule is not None:
        try:
            schedule.restore(state.schedule)
        except (LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"schedule of the checkpoint is damaged: {error!r}") from None
    engine.Way(list(parts.values()), [getattr(state, name) for name in parts]).go()
    watch.lowest, watch.reference, watch.waited = state.watch


def restore_history(state: State, history: History) -> None:
    """Fill a new history with the lists of the checkpoint's."""
    for name, values in state.history.items():
        own = getattr(history, name, None)
        if isinstance(own, list):
            own.extend(values)
        else:
            history.metrics[name] = values
