"""Saves that are killed: run as a script by test_storage.py; prints one JSON object.

A child is forked for every save and killed with SIGKILL, either by itself at a
named step or from outside at a random moment. After each, the folder must hold
the old checkpoint or the new one, whole.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddle
from paddle import nn

from paddleseg_lite.checkpoint import load_checkpoint, newest_good, recover, save_checkpoint


def one(model, value, folder, watch=None):
    model.weight.set_value(paddle.full(model.weight.shape, float(value)))
    save_checkpoint(
        folder,
        model=model,
        state={"value": value},
        ema=dict(model.state_dict()),
        optimizer=OPTIMIZER,
        config_text="a: 1\n",
        watch=watch,
    )


def check(folder, old, new):
    """The value found, after making sure that what is there is whole and no rubbish is left."""
    recover(folder.parent)
    assert not [p for p in folder.parent.iterdir() if p.name.startswith(".")], os.listdir(folder.parent)
    good, problems = newest_good(folder.parent)
    assert not problems, problems
    checkpoint = load_checkpoint(good)
    value = checkpoint.state["value"]
    assert value in (old, new) and (checkpoint.model_state["weight"] == value).all(), value
    return value


class KillAt:
    """Watch of a save that reports its step number ``index`` and kills the process there."""

    def __init__(self, index, pipe):
        self.left, self.pipe = index, pipe

    def __call__(self, step):
        if self.left == 0:
            os.write(self.pipe, step.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def in_child(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def at_every_step(model, root):
    """Kill at step 1, 2, ... until a save gets through; once in place of an older folder, once beside it."""
    outcome = {}
    for name, first in (("replace", "iter_1"), ("beside", "iter_2")):
        folder, log = root / name, []
        for index in range(1000):
            one(model, 0, folder / "iter_1")

            pipe = os.pipe()
            child = in_child(lambda f=folder / first, i=index, p=pipe: one(model, 1, f, KillAt(i, p[1])))
            _, status = os.waitpid(child, 0)
            os.close(pipe[1])
            step = os.read(pipe[0], 100).decode()
            os.close(pipe[0])
            value = check(folder / first, 0, 1)
            if not os.WIFSIGNALED(status):
                assert value == 1
                break
            log.append([step, value])
            for path in folder.iterdir():
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()
        outcome[name] = log
    return outcome


def at_random(model, root, count):
    """Kill from outside while a child saves again and again."""
    rng, killed, folder = random.Random(0), [0, 0], root / "random" / "iter_1"
    value = 1
    one(model, value, folder)
    started = time.perf_counter()
    one(model, value, folder)
    longest = 4 * (time.perf_counter() - started)
    for _ in range(count):
        pipe = os.pipe()

        def work(value=value, pipe=pipe):
            for n in range(value + 1, value + 1000):
                one(model, n, folder)
                os.write(pipe[1], b".")

        child = in_child(work)
        os.read(pipe[0], 1)  # the first save is done
        time.sleep(rng.uniform(0.001, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(pipe[0])
        os.close(pipe[1])
        left = [p.name for p in folder.parent.iterdir() if p.name.startswith(".")]
        recover(folder.parent)
        found = load_checkpoint(folder).state["value"]
        assert value < found < value + 1000, (value, found)
        assert (load_checkpoint(folder).model_state["weight"] == found).all()
        killed[bool(left)] += 1
        value = found
    return {"between saves": killed[0], "during a save": killed[1], "saves": value}


if __name__ == "__main__":
    model = nn.Linear(40, 40)
    OPTIMIZER = paddle.optimizer.Adam(parameters=model.parameters())
    model(paddle.ones([1, 40])).mean().backward()
    OPTIMIZER.step()
    root = Path(sys.argv[1])
    print(json.dumps({**at_every_step(model, root), "random": at_random(model, root, int(sys.argv[2]))}))
