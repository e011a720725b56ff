"""Kill saves at random instants, or at every call; print what was found, as JSON.

    python killed_saves.py random FOLDER KILLS SEED
    python killed_saves.py calls FOLDER
    python killed_saves.py torch FOLDER KILLS SEED

A child, forked from a warm process, saves two models by turns to one file until it is killed. Each
save has a number. The file must be the save under way or the one before it, bit for bit, and the
next save must leave nothing beside it.
"""

import json
import mmap
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

TEXT = 48
AIMED_SECONDS = 6e-4
SLOW_SECONDS = 1e-4


class Board:
    """Memory that parent and child share: the number of a save and the last call of it."""

    def __init__(self):
        self.memory = mmap.mmap(-1, mmap.PAGESIZE)

    def number(self):
        return int.from_bytes(self.memory[:8], "little")

    def call(self):
        """Return the place of the last call within its save, and its name."""
        place, _, name = bytes(self.memory[8 : 8 + TEXT]).decode().strip().partition(" ")
        return int(place), name

    def set_number(self, number):
        self.memory[:8] = number.to_bytes(8, "little")

    def set_call(self, place, name):
        self.memory[8 : 8 + TEXT] = f"{place} {name}".encode().ljust(TEXT)


class Fastbp:
    """Numbered saves of two networks, a large one and a small one; the board shows their calls."""

    def __init__(self, path, board):
        from seam import Seam

        import fastbp as fb

        self.load, self.path, self.board = fb.load, path, board
        self.models = [fb.mlp([64, 300, 300, 4], seed=1), fb.mlp([3, 5, 2], seed=2)]
        self.calls = 0
        self.manner = self.aim = self.tell = None
        Seam(self.act).install()

    def act(self, name, do, arguments):
        place, self.calls = self.calls, self.calls + 1
        self.board.set_call(place, name)
        if self.aim is not None and place >= self.aim:
            if place == self.aim:
                os.write(self.tell, b".")
            # In slow motion, or the save is over before the kill comes.
            time.sleep(SLOW_SECONDS)
        struck = self.manner is not None and self.manner[0] == place
        if struck and self.manner[1] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if struck and self.manner[1] == "within" and name == "write new":
            descriptor, rest = arguments
            os.write(descriptor, rest[: len(rest) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        result = do()
        if self.manner is not None and name == "replace new":
            self.board.set_number(self.saving)
        if struck and self.manner[1] == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def save(self, number):
        self.calls, self.saving = 0, number
        model = self.models[number % 2]
        model.metadata = {"save": number}
        model.save(self.path)

    def read(self):
        """Return the number of the save in the file, or -1 if its bits are not that model's."""
        found = self.load(self.path)
        model = self.models[found.metadata["save"] % 2]
        same = found.params.tobytes() == model.params.tobytes() and found.sizes == model.sizes
        return found.metadata["save"] if same else -1


class Torch:
    """Numbered saves of two tensors of as many numbers, by torch."""

    calls = 0

    def __init__(self, path, board):
        import torch

        torch.set_num_threads(1)
        self.torch, self.path = torch, path
        self.models = [torch.rand(111_004), torch.rand(32)]

    def save(self, number):
        self.torch.save({"save": number, "params": self.models[number % 2]}, self.path)

    def read(self):
        found = self.torch.load(self.path, weights_only=True)
        same = self.torch.equal(found["params"], self.models[found["save"] % 2])
        return found["save"] if same else -1


def forked(work):
    """Do the work in a child; return its process number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def pair_seconds(saves):
    """Return how long a save of each model takes together."""
    taken = [[], []]
    for number in range(12):
        began = time.perf_counter()
        saves.save(number)
        taken[number % 2].append(time.perf_counter() - began)
    return sum(map(statistics.median, taken))


def look(saves, allowed, found):
    """Count what is wrong after a kill, and after the next save, whose number is returned."""
    folder, newest = saves.path.parent, max(allowed)
    try:
        number = saves.read()
    except FileNotFoundError:
        number = 0
    except Exception:
        found["unreadable"] += 1
        number = newest
    found["neither"] += number not in allowed
    found["left by the killed"] += len(os.listdir(folder)) > (number != 0)
    saves.save(newest + 1)
    found["stale"] += len(os.listdir(folder)) - 1
    found["neither"] += saves.read() != newest + 1
    return newest + 1


def random_kills(kind, path, kills, seed):
    """Kill at instants spread over the time of two saves, every other time close to a call."""
    rng, board = random.Random(seed), Board()
    found, where = Counter(), Counter()
    saves = kind(path, board)
    pair = pair_seconds(saves)
    last, calls = 11, saves.calls
    for turn in range(kills):
        # Most of the time goes into two calls; all the others are aimed at.
        aim = rng.randrange(calls) if calls and turn % 2 else None
        ready, tell = os.pipe()
        board.set_number(last + 1)

        def work(number=last + 1, aim=aim, tell=tell):
            saves.aim, saves.tell = aim, tell
            if aim is None:
                os.write(tell, b".")
            while True:
                board.set_number(number)
                saves.save(number)
                number += 1

        child = forked(work)
        os.close(tell)
        assert os.read(ready, 1), "the child ended by itself"
        time.sleep(rng.uniform(0, pair if aim is None else AIMED_SECONDS))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        if calls:
            where[board.call()[1]] += 1
        under_way = board.number()
        last = look(saves, {under_way - 1, under_way}, found)
    return {"kills": kills, **found, "where": where, "milliseconds": 500 * pair}


def kills_at_calls(path):
    """Kill before and after each call of a save, and within each write."""
    board, found, kills = Board(), Counter(), 0
    saves = Fastbp(path, board)
    last = 1
    saves.save(last)
    for replacing in (True, False):
        for manner in ("before", "after", "within"):
            place, ended = 0, False
            while not ended:
                if not replacing:
                    path.unlink()
                before = last if replacing else 0
                board.set_number(before)

                def work(number=last + 1, manner=(place, manner)):
                    saves.manner = manner
                    saves.save(number)

                _, status = os.waitpid(forked(work), 0)
                killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
                assert killed or status == 0, status
                kills += killed
                # Once it is renamed, the new file must be there; until then, the old one.
                last = look(saves, {board.number()}, found)
                place += 1
                ended = place > saves.calls + 2
    return {"kills": kills, **found}


def main(what, folder, kills="0", seed="0"):
    """Do what is asked for."""
    path = Path(folder, "model")
    if what == "calls":
        found = kills_at_calls(path)
    else:
        kind = {"random": Fastbp, "torch": Torch}[what]
        found = random_kills(kind, path, int(kills), int(seed))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
