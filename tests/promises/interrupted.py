"""Fits that are interrupted again and again, in a process of their own; run by test_interrupts.py.

    python interrupted.py fits '{"sizes": [2, 8, 1], ...}'

prints what was found as JSON. Each call is ended by a signal at a random instant. How long it took
from there is the time that passed, or the processor time that the process was given where that is
less: what other processes took from it is not the call's.
"""

import json
import os
import signal
import sys
import threading
import time

import numpy as np

import fastbp as fb
from fastbp import orders


class Stopped(Exception):
    """Raised by the handler of a user."""


ARMED = []


def on_ctrl_c(number, frame):
    """Do what Python does, while a call is under way."""
    if ARMED:
        raise KeyboardInterrupt


def on_sigterm(number, frame):
    if ARMED:
        raise Stopped


def interrupt(call, seconds, number):
    """Return the seconds that a call takes to raise after a signal; None where it ended before.

    The signal comes when the process has worked for so long, which others cannot make less.
    """
    sent, ended = [], None

    def send():
        end = time.process_time() + seconds
        while time.process_time() < end:
            time.sleep(0.0005)
        sent.append((time.perf_counter(), time.process_time()))
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    try:
        ARMED.append(True)
        sender.start()
        call()
        ARMED.clear()
    except (KeyboardInterrupt, Stopped):
        ARMED.clear()
        ended = time.perf_counter(), time.process_time()
    while sender.is_alive():
        sum(range(10_000))
    sender.join()
    return None if ended is None else min(b - a for a, b in zip(sent[0], ended, strict=True))


def rows_of(sizes, n_rows):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n_rows, sizes[0]), np.float32)
    return x, rng.standard_normal((n_rows, sizes[-1]), np.float32)


def state_of(net, optimizer):
    """Return all that the next step depends on, as bytes."""
    parts = (net.params, optimizer.slots, optimizer.clock, optimizer.hyper)
    return [part.tobytes() for part in parts]


class Pair:
    """A network whose fits are interrupted, and one that takes the same steps undisturbed."""

    def __init__(self, sizes, optimizer, x, y):
        self.nets = [fb.mlp(sizes, "tanh", dtype="float32", seed=3) for _ in range(2)]
        self.optimizers = [getattr(fb, optimizer)(1e-4) for _ in range(2)]
        for net, rule in zip(self.nets, self.optimizers, strict=True):
            net.train_step(x[:3], y[:3], rule)

    def follow(self, fit, steps):
        """Let the second network take so many steps; return whether both are the same then."""
        if steps:
            end = fb.EverySteps(steps, lambda training: True)
            fit(self.nets[1], self.optimizers[1], callbacks=[end])
        first, second = map(state_of, self.nets, self.optimizers)
        return first == second


def fits(sizes, n_rows, batch_size, threads, instants, within, number, optimizer):
    """Interrupt fits, each of which goes on where the one before has left off."""
    x, y = rows_of(sizes, n_rows)
    pair = Pair(sizes, optimizer, x, y)

    def fit(net, rule, callbacks=()):
        net.fit(x, y, rule, 10**9, batch_size, threads=threads, progress=False, callbacks=callbacks)

    seconds, steps, alike = [], [], True
    for delay in np.random.default_rng(1).uniform(0, within, instants):
        before = pair.optimizers[0].steps
        seconds.append(interrupt(lambda: fit(pair.nets[0], pair.optimizers[0]), delay, number))
        steps.append(pair.optimizers[0].steps - before)
        alike = alike and pair.follow(fit, steps[-1])
    return {"seconds": seconds, "steps": steps, "alike": alike}


def long_call(sizes, n_rows, call, threads):
    """Interrupt one call that takes long; return the seconds, and whether nothing has changed."""
    net = fb.mlp(sizes, "tanh", seed=3)
    x, y = rows_of(sizes, n_rows)
    optimizer, double, columns = fb.Adam(), x.astype(np.float64), np.asfortranarray(x)
    net.train_step(x[:3], y[:3], optimizer)
    calls = {
        "predict": lambda: net.predict(x, threads=threads),
        "evaluate": lambda: net.evaluate(x, y, threads=threads),
        "gradient": lambda: net.gradient(x, y),
        "backward": lambda: net.backward(x, y),
        "train_step": lambda: net.train_step(x, y, optimizer),
        "conversion": lambda: net.evaluate(double, y),
        "columns": lambda: net.evaluate(columns, y),
        "metrics": lambda: net.fit(x, y, optimizer, 1, metrics="r2", validation=(x, y)),
        "hold out": lambda: net.fit(x, y, optimizer, 1, validation=0.5),
    }
    before = state_of(net, optimizer)
    began = time.process_time()
    calls[call]()
    whole = time.process_time() - began
    for part, own in zip(before, (net.params, optimizer.slots, optimizer.clock), strict=False):
        own.reshape(-1).view("uint8")[:] = np.frombuffer(part, "uint8")
    seconds = [
        interrupt(calls[call], delay, signal.SIGINT)
        for delay in np.random.default_rng(1).uniform(0, 0.5 * whole, 10)
    ]
    return {"seconds": seconds, "whole": whole, "alike": state_of(net, optimizer) == before}


def order(n_rows):
    """Interrupt the drawing of an order."""
    drawing = np.random.default_rng(0)
    began = time.process_time()
    orders.shuffled(n_rows, drawing)
    whole = time.process_time() - began
    delays = np.random.default_rng(1).uniform(0, 0.5 * whole, 10)
    found = [
        interrupt(lambda: orders.shuffled(n_rows, drawing), delay, signal.SIGINT)
        for delay in delays
    ]
    return {"seconds": found, "whole": whole, "alike": True}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, on_ctrl_c)
    signal.signal(signal.SIGTERM, on_sigterm)
    name, arguments = sys.argv[1:]
    before = len(os.listdir("/proc/self/task"))
    found = {"fits": fits, "long_call": long_call, "order": order}[name](**json.loads(arguments))
    found["threads"] = len(os.listdir("/proc/self/task")) - before
    print(json.dumps(found))
