"""Calls in which one allocation fails, or all from one on; run by test_out_of_memory.py.

    LD_PRELOAD=failing_allocations.so PYTHONMALLOC=malloc python out_of_memory.py run '{...}'

prints what was found as JSON. Every call is made once undisturbed, and then with the k-th
allocation refused, for every k.
"""

import collections
import ctypes
import errno
import gc
import json
import os
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

import fastbp as fb
from fastbp import fitting, passes, threads
from fastbp._compiled import engine, orders, team, way

LIBRARY = ctypes.CDLL(None)
COUNTDOWN, FOREVER, LIVE, MADE, FAILED = (
    ctypes.c_long.in_dll(LIBRARY, f"fail_{name}")
    for name in ("countdown", "forever", "live", "made", "failed")
)
FOLDER = Path(tempfile.mkdtemp())
OLD, NEW, BEGUN, KEPT = (FOLDER / f"{name}.fastbp" for name in ("old", "new", "begun", "kept"))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.tanh(X[:, :2])
LABELS = RNG.integers(0, 2, 40)

# What Python and numpy say where they have lost a MemoryError on the way.
LOST = (
    (SystemError, "error return without exception set"),
    (SystemError, "NULL object passed to Py_BuildValue"),
    (SystemError, "returned NULL without setting an exception"),
    (SystemError, "bad argument to internal function"),
    (RuntimeError, "can't allocate"),
    (RuntimeError, "can't start new thread"),
    (TypeError, "not PosixPath"),
)


def network(seed=1):
    return fb.mlp([3, 5, 2], "tanh", "softmax", "cross_entropy", seed=seed)


class Scene:
    """A network and its optimizer, made anew for each call."""

    def __init__(self, steps=1):
        self.net, self.optimizer = network(), fb.Adam(0.01)
        for _ in range(steps):
            self.net.train_step(X[:4], LABELS[:4], self.optimizer)

    def state(self):
        """Return the parameters, and the optimizer's state as soon as there is one."""
        rule = self.optimizer
        state = rule.slots.tobytes() + rule.clock.tobytes() if rule.steps else b""
        return self.net.params.tobytes() + state


def fit(scene, more=(), **arguments):
    arguments = {"epochs": 2, "batch_size": 8, "progress": False, "threads": 1, **arguments}
    callbacks = [*arguments.pop("callbacks", ()), *more]
    return scene.net.fit(X, LABELS, scene.optimizer, callbacks=callbacks, **arguments).loss


def blocks():
    yield X[:12], LABELS[:12]
    yield X[12:], LABELS[12:]


def stream(scene, more=()):
    rule = scene.optimizer
    return scene.net.fit_stream(blocks, rule, 2, 8, callbacks=more, progress=False, threads=1).loss


def pass_once(scene, more=()):
    if more:
        return fit(scene, more, epochs=1)
    return scene.net.partial_fit(X, LABELS, scene.optimizer, 8, threads=1).loss


def with_logs(scene, more=()):
    logs = [fb.CSVLog(FOLDER / "run.csv"), fb.JSONLog(FOLDER / "run.jsonl", every_steps=2)]
    return fit(scene, more, callbacks=logs)


def gradient(scene):
    loss, grads = scene.net.gradient(X, LABELS)
    return [loss, *grads.flat.tolist(), *grads.inputs.ravel().tolist()]


# What may be asked of a network that leaves it as it is ...
CALLS = {
    "construct": lambda scene: network().params.tolist(),
    "predict": lambda scene: scene.net.predict(X, threads=1).tolist(),
    "predict, 2 threads": lambda scene: scene.net.predict(X, threads=2).tolist(),
    "evaluate": lambda scene: scene.net.evaluate(X, LABELS, threads=1),
    "evaluate, 2 threads": lambda scene: scene.net.evaluate(X, LABELS, threads=2),
    "gradient": gradient,
    "backward": lambda scene: scene.net.backward(X, Y).flat.tolist(),
    "save": lambda scene: scene.net.save(NEW),
    "load": lambda scene: fb.load(OLD).params.tolist(),
}
# ... and what moves it.
LEARNING = {
    "train_step": lambda scene, more=(): scene.net.train_step(X, LABELS, scene.optimizer),
    "fit": fit,
    "fit, 2 threads": lambda scene, more=(): fit(scene, more, threads=2),
    "fit with validation": lambda scene, more=(): fit(
        scene, more, validation=0.25, metrics="accuracy"
    ),
    "fit with a checkpoint": lambda scene, more=(): fit(
        scene, more, callbacks=[fb.Checkpoint(KEPT)]
    ),
    "fit with logs": with_logs,
    "resumed fit": lambda scene, more=(): fit(scene, more, epochs=3, resume=BEGUN),
    "fit_stream": stream,
    "partial_fit": pass_once,
}


def steps_at_begin(name):
    """Return the steps that the optimizer has taken before the call."""
    return 0 if name == "resumed fit" else 1


def trail_of(name):
    """Return the state after each number of steps of a call that nothing disturbs."""
    call, scene = LEARNING[name], Scene(steps_at_begin(name))
    trail = {scene.optimizer.steps: scene.state()}

    def note(training):
        trail[training.optimizer.steps] = scene.state()

    call(scene, [fb.EverySteps(1, note)])
    trail[scene.optimizer.steps] = scene.state()
    return trail


def chain(error):
    """Return an error and all that led to it."""
    seen = [error]
    while (before := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(before)
    return seen


def kind(error):
    """Return what an error tells of: memory; what others made of it; or what is wrong."""
    if error is None:
        return "done"
    if isinstance(error, MemoryError):
        return "MemoryError"
    if isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return "OSError"
    for one in chain(error):
        lost = any(isinstance(one, kind) and words in str(one) for kind, words in LOST)
        if lost or isinstance(one, MemoryError):
            return f"{type(error).__name__} of Python or numpy"
    return "wrong: " + "".join(traceback.format_exception(error))[-1500:]


def trial(call, scene, k, forever):
    """Make the call with its k-th allocation refused; return (error or None, result)."""
    error = result = None
    FOREVER.value = forever
    COUNTDOWN.value = k
    try:
        result = call(scene)
    except BaseException as caught:
        COUNTDOWN.value = 0
        error = caught
    COUNTDOWN.value = 0
    return error, result


def files():
    return {path.name for path in FOLDER.iterdir()}


def faults(name, scene, error, found, wanted, trail):
    """Yield what is not as it should be after a trial."""
    if error is None and found != wanted:
        yield "another result"
    if scene.state() != trail.get(scene.optimizer.steps):
        yield f"no state of a whole step: {scene.optimizer.steps} steps"
    if name == "save" and error is not None and NEW.read_bytes() != OLD.read_bytes():
        yield "the old file has changed"
    if name == "save" and error is None and fb.load(NEW).params.tobytes() != network_bytes(scene):
        yield "the file is another network"
    if KEPT.exists() and not np.isfinite(fb.load(KEPT).params).all():
        yield "the checkpoint is damaged"
    for path in (NEW, KEPT):
        # What cannot be removed without memory is by the next save.
        if any(left.startswith(f".{path.name}.") for left in files()):
            scene.net.save(path)
    if extra := files() - {
        "old.fastbp",
        "new.fastbp",
        "begun.fastbp",
        "kept.fastbp",
        "run.csv",
        "run.jsonl",
    }:
        yield f"left behind: {extra}"
    if not np.isfinite(scene.net.predict(X)).all():
        yield "the network does not predict any more"


def network_bytes(scene):
    return scene.net.params.tobytes()


def pass_over(name, ks, forever, wanted, trail):
    """Return how the trials ended, by kind."""
    ends = collections.Counter()
    call = CALLS.get(name) or LEARNING[name]
    for k in ks:
        NEW.write_bytes(OLD.read_bytes())
        KEPT.unlink(missing_ok=True)
        scene = Scene(steps_at_begin(name))
        error, found = trial(call, scene, k, forever)
        ends[kind(error)] += 1
        for fault in faults(name, scene, error, found, wanted, trail):
            ends[f"wrong: {fault} at allocation {k} ({error!r})"] += 1
        for path in files() - {"old.fastbp", "new.fastbp", "begun.fastbp"}:
            (FOLDER / path).unlink()
    return ends


def held():
    """Return how many blocks are held once all is let go that can be."""
    gc.collect()
    return LIVE.value


def run(name, stride, forever):
    """Refuse every stride-th allocation of a call, over and over; return what came of it.

    A block that is held because something else grew at that moment is not held again: of two
    passes the one counts that leaves fewer.
    """
    for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
        setattr(threads, cost, 1e-9)
    for module in (threads, fitting, passes):
        module.usable_cores = lambda: 2
    network(2).save(OLD)
    fit(Scene(0), epochs=1, callbacks=[fb.Checkpoint(BEGUN)])
    call = CALLS.get(name) or LEARNING[name]
    scene = Scene()
    trail = trail_of(name) if name in LEARNING else {1: scene.state()}
    for _ in range(3):
        wanted = call(Scene(steps_at_begin(name)))
    scene, made = Scene(steps_at_begin(name)), MADE.value
    call(scene)
    made = MADE.value - made
    # The first allocations of a call are others', of the loop around it; a few more may come.
    ks = range(1, made + 10, stride)
    pass_over(name, ks, forever, wanted, trail)
    threads_before, grown = len(os.listdir("/proc/self/task")), []
    for _ in range(2 if forever else 1):
        before = held()
        ends = pass_over(name, ks, forever, wanted, trail)
        grown.append(held() - before)
    return {
        "made": made,
        "trials": len(ks),
        "ends": ends,
        "held": min(grown),
        "threads": len(os.listdir("/proc/self/task")) - threads_before,
    }


def compiled_calls():
    """Return calls of the compiled modules alone, without a frame of Python's in between.

    Python 3.11 itself leaves blocks behind where it fails to make the cells of a frame.
    """
    net, optimizer, generator = network(), fb.Adam(), np.random.default_rng(0)
    net.train_step(X, LABELS, optimizer)
    plan, bound = net._take_engine(len(X), trains=True)
    bound.set_data(X, None, LABELS)
    bound.set_rule(optimizer, None)
    # Their workspace has a place for dL/dx.
    passing = net._take_gradient_engine(len(X))[2]
    passing.set_data(X, None, LABELS)
    predicting = net._take_engine(len(X))[1]
    flat, inputs = plan.vector(), np.empty_like(X)
    out, order = np.empty((len(X), 2), np.float32), np.empty(40, np.int64)

    def end_team(_):
        team.Team(2, 2).end()

    return {
        "first_nonfinite_row": lambda _: engine.first_nonfinite_row(X),
        "shuffle": lambda _: orders.shuffle(order, generator.bit_generator),
        "Way": lambda _: way.Way([flat], [flat]).go(),
        "Team": end_team,
        "set_data": lambda _: bound.set_data(X, None, LABELS),
        "set_rule": lambda _: bound.set_rule(optimizer, None),
        "run": lambda _: bound.run(None, 8, 0, 2),
        "predict": lambda _: predicting.predict(X, out),
        "evaluate": lambda _: bound.evaluate(),
        "gradient": lambda _: passing.gradient(inputs),
        "backward": lambda _: passing.backward(X, out, inputs),
        "gradient_norm": lambda _: bound.gradient_norm(),
    }


def leaks(repeats):
    """Return by how many blocks a failing call grows the process, by call and allocation.

    The least of some rounds, as what others keep for later fills up first.
    """
    found = {}
    for name, call in compiled_calls().items():
        for _ in range(repeats):
            call(None)
        made = MADE.value
        call(None)
        made = MADE.value - made
        for k in range(1, made + 1):
            grown = []
            while not grown or (min(grown) > 0.1 and len(grown) < 8):
                before = held()
                for _ in range(repeats):
                    trial(call, None, k, 0)
                grown.append((held() - before) / repeats)
            found[f"{name}, allocation {k} of {made}"] = min(grown)
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    sys.unraisablehook = lambda _: None
    try:
        wanted, arguments = sys.argv[1], json.loads(sys.argv[2])
        print(json.dumps({"run": run, "leaks": leaks}[wanted](**arguments)))
    finally:
        shutil.rmtree(FOLDER)
