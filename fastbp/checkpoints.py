"""A fit in a file: all that the next step depends on, so that it goes on bit for bit.

Beside the network that is: the optimizer's settings and state, where in which epoch the fit is, the
generator's state when that epoch began (its order is drawn again from there), the sums of the
epoch's losses so far, what schedule and stop rules have counted, and the history.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp import checks, files
from fastbp._compiled import way
from fastbp.checks import Array, FileFormatError
from fastbp.header import MOST_TENSORS, SIDES, fields, items, mapping, name_text
from fastbp.history import History
from fastbp.optimizers.optimizer import Optimizer
from fastbp.schedules import Schedule
from fastbp.sides import NO_SIDES, Sides, sides_of
from fastbp.stopping import Watch

# Figures of an epoch that nobody has to ask for, beside the losses.
ALWAYS_RECORDED = ("learning_rate", "seconds", "rows_per_second")

# What the header says of a fit, see docs/format.md.
TRAINING = (
    *("key", "seed", "ground", "place", "generator", "schedule", "waited", "columns", "metrics"),
)
GENERATOR = ("bit_generator", "state", "has_uint32", "uinteger")
# Vectors of a checkpoint, and their lengths where they are fixed.
VECTORS = {"settings": None, "hyper": None, "clock": None, "sums": 2, "watch": 2}
# Steps are counted in doubles too.
MOST_STEPS = 2**53


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
    """A fit as a file keeps it; `seed` is the fit's, `key` that of its dropout."""

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
    history: Mapping[str, list[float]]
    metrics: Sequence[str]
    sides: Sides = NO_SIDES


def write(path: files.StrPath, contents: files.Contents, state: State) -> None:
    """Write a network and the state of its fit, all or nothing."""
    files.write(path, with_state(contents, state))


def with_state(contents: files.Contents, state: State) -> files.Contents:
    """Return what a file holds of a network and of its fit."""
    training = {
        "key": f"{state.key:016x}",
        "seed": f"{state.seed:032x}",
        "ground": state.ground._asdict(),
        "place": state.place._asdict(),
        "generator": generator_to_json(state.generator),
        "schedule": state.schedule,
        "waited": state.watch[2],
        "columns": list(state.history),
        "metrics": list(state.metrics),
    }
    arrays = {
        **{name: getattr(state, name) for name in ("settings", "hyper", "clock")},
        "sums": np.array(state.sums),
        "watch": np.array(state.watch[:2], np.float64),
        "slots": state.slots,
    }
    if state.best is not None:
        arrays["best"] = state.best
    for place, values in enumerate(state.history.values()):
        arrays[column_name(place)] = np.array(values, np.float64)
    return contents._replace(training=training, arrays=arrays)


def column_name(place: int) -> str:
    """Return the name of the array that a list of the history is kept in."""
    return f"history.{place}"


def generator_to_json(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a PCG64 generator, its 128-bit numbers in hexadecimal digits."""
    inner = {name: f"{number:032x}" for name, number in state["state"].items()}
    return {**state, "state": inner}


def read(path: files.StrPath) -> State:
    """Return the state of a fit from a checkpoint.

    Raises
    ------
    FileFormatError
        The file is damaged, or holds a network and no fit.
    OSError
        The file cannot be read.
    """
    return state_of(files.read(path), os.path.basename(os.fsdecode(path)))


def state_of(contents: files.Contents, name: str) -> State:
    """Return the state of a fit from what a file of this name holds."""
    if contents.training is None:
        raise FileFormatError(
            f"resume must be a checkpoint (fb.Checkpoint writes them), got {name}, a saved network"
        )
    try:
        return _state(contents, contents.training)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{name} is not a fastbp checkpoint: {error}") from None


def _state(contents: files.Contents, training: dict[str, Any]) -> State:
    """Return the parsed state, or raise TypeError or ValueError where it cannot be one."""
    fields("training", training, TRAINING)
    columns, metrics = (
        [name_text(part, item) for item in items(part, training[part], MOST_TENSORS)]
        for part in ("columns", "metrics")
    )
    arrays = checked_arrays(contents, len(columns))
    key, seed = hexadecimal("key", training["key"], 16), hexadecimal("seed", training["seed"], 32)
    of_network = contents.network["seed"]
    if of_network is not None:
        checks.integer("seed", of_network, 0)
        if (seed, key) != (of_network, of_network % 2**64):
            raise ValueError(f"seed and key must be those of the network's seed {of_network}")
    ground = Ground(**fields("ground", training["ground"], Ground._fields))
    place = Place(**fields("place", training["place"], Place._fields))
    check_place(ground, place, float(arrays["sums"][1]))
    lowest, reference = arrays["watch"].tolist()
    weighted, weight = arrays["sums"].tolist()
    return State(
        network=contents.network,
        params=contents.params,
        key=key,
        seed=seed,
        ground=ground,
        place=place,
        sums=(weighted, weight),
        generator=generator_from_json(training["generator"]),
        **{name: arrays[name] for name in ("settings", "hyper", "clock", "slots")},
        schedule=mapping("schedule", training["schedule"]),
        watch=(lowest, reference, checks.integer("waited", training["waited"], 0)),
        best=arrays.get("best"),
        history=history_of(columns, metrics, arrays),
        metrics=metrics,
        sides=sides_of(contents.preprocessing),
    )


def checked_arrays(contents: files.Contents, n_columns: int) -> dict[str, Array]:
    """Return the arrays of a checkpoint if they are those that it must have, and of their shapes.

    How long settings, clock and state vectors are is the optimizer's to say.
    """
    arrays, params = dict(contents.arrays), contents.params
    columns = [column_name(place) for place in range(n_columns)]
    wanted = {*VECTORS, "slots", *columns}
    if arrays.keys() - {"best"} != wanted:
        found = checks.shortened(", ".join(sorted((arrays.keys() - {"best"}) ^ wanted)))
        raise ValueError(f"its arrays must be those of a checkpoint, but for {found}")
    for name in (*VECTORS, *columns):
        length = VECTORS.get(name)
        if arrays[name].dtype != np.float64 or arrays[name].ndim != 1:
            raise ValueError(f"{name} must be of one dimension and float64")
        if length is not None and len(arrays[name]) != length:
            raise ValueError(f"{name} must hold {length} numbers, got {len(arrays[name])}")
    settings, hyper = arrays["settings"], arrays["hyper"]
    if settings.shape != hyper.shape:
        raise ValueError(f"settings of shape {settings.shape} and hyper of shape {hyper.shape}")
    slots, best = arrays["slots"], arrays.get("best")
    if slots.ndim != 2 or slots.shape[1] != len(params) or slots.dtype != params.dtype:
        raise ValueError(f"slots of shape {slots.shape} and dtype {slots.dtype}")
    if best is not None and (best.shape != params.shape or best.dtype != params.dtype):
        raise ValueError(f"best of shape {best.shape} and dtype {best.dtype}")
    return arrays


def check_place(ground: Ground, place: Place, weight: float) -> None:
    """Refuse a place that no fit over so many rows comes to; `weight` is that of the rows so far.

    Raises
    ------
    TypeError, ValueError
        A part is no integer, no number or no text, or out of range.
    """
    for name in ("rows", "batch_size"):
        checks.integer(name, getattr(ground, name), 1)
    checks.integer("validation_rows", ground.validation_rows, 0)
    for name in ("shuffle", "schedule", "optimizer"):
        if not isinstance(getattr(ground, name), str):
            raise ValueError(f"{name} must be a string")
    for name in ("epoch", "step", "total_steps"):
        checks.integer(name, getattr(place, name), 0)
    checks.number("seconds", place.seconds, 0)
    n_steps = -(-ground.rows // ground.batch_size)
    # A fit that diverges in looking at an epoch ends before the epoch is counted.
    if place.step > n_steps or (place.step == n_steps and not weight > 0):
        raise ValueError(f"step must lie within the {n_steps} of an epoch, got {place.step}")
    total = place.epoch * n_steps + place.step
    if place.total_steps != total or total >= MOST_STEPS:
        raise ValueError(f"total_steps must be {total} and below 2**53, got {place.total_steps}")


def hexadecimal(name: str, value: object, digits: int) -> int:
    """Return the number of so many hexadecimal digits."""
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", value, re.ASCII):
        raise ValueError(
            f"{name} must be {digits} hexadecimal digits, got {checks.described(value)}"
        )
    return int(value, 16)


def generator_from_json(values: object) -> dict[str, Any]:
    """Return the state that `generator_to_json` was given."""
    found = fields("generator", values, GENERATOR)
    inner = fields("state of the generator", found["state"], ("state", "inc"))
    numbers = {name: hexadecimal(name, digits, 32) for name, digits in inner.items()}
    for name, least in (("has_uint32", 2), ("uinteger", 2**32)):
        if checks.integer(name, found[name], 0) >= least:
            raise ValueError(f"{name} must be below {least}, got {found[name]}")
    if found["bit_generator"] != "PCG64" or numbers["inc"] % 2 == 0:
        raise ValueError("generator must be a PCG64 with an odd inc")
    return {**found, "state": numbers}


def history_of(
    columns: list[str], metrics: list[str], arrays: Mapping[str, Array]
) -> dict[str, list[float]]:
    """Return the lists of a history by their names."""
    known = [name for name, value in vars(History()).items() if isinstance(value, list)]
    found = {}
    for place, name in enumerate(columns):
        if name not in (*known, *metrics) or name in found:
            raise ValueError(f"history must have {name!r} once, as a figure or a metric")
        found[name] = arrays[column_name(place)].tolist()
    return found


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


def check_sides(state: State, inputs: object, targets: object) -> None:
    """Refuse to go on with other preprocessing than the checkpoint's fit had."""
    for side, was, now in zip(SIDES, state.sides, (inputs, targets), strict=True):
        if was != now:
            raise ValueError(
                f"{side} must be those of the checkpoint that is resumed, {was}, got {now}"
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
        The state is none of this optimizer or schedule; the optimizer is as it was then.
    """
    try:
        optimizer.check_state(state.hyper, state.clock, state.slots)
        if schedule is not None:
            schedule.restore(state.schedule)
    except (LookupError, TypeError, ValueError) as error:
        raise FileFormatError(f"the checkpoint that is resumed is damaged: {error}") from None
    own = [optimizer.hyper, optimizer.clock, optimizer.slots, params]
    way.Way(own, [state.hyper, state.clock, state.slots, state.params]).go()
    watch.lowest, watch.reference, watch.waited = state.watch


def restore_history(state: State, history: History) -> None:
    """Fill a new history with the lists of the checkpoint's."""
    for name, values in state.history.items():
        own = getattr(history, name, None)
        if isinstance(own, list):
            own.extend(values)
        else:
            history.metrics[name] = values
