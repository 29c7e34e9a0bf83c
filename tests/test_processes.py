"""Children that do not outlive a killed parent."""

import os
import platform
import subprocess
import sys
import time

import pytest

PARENT = """
import os, sys
sys.path.insert(0, {root!r})
from paddleseg_lite.processes import end_with
parent = os.getpid()
read, write = os.pipe()
child = os.fork()
if child == 0:
    if {watched}:
        end_with(parent)
    os.read(read, 1)  # the writing end is open here too: this would wait for ever
print(child, flush=True)
os.read(read, 1)
"""


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(platform.system() != "Linux", reason="looks into /proc")
@pytest.mark.parametrize("watched", [True, False])
def test_a_child_ends_with_its_killed_parent(root, watched):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(root=str(root), watched=watched)], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    assert running(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + (120 if watched else 3)
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(child) is not watched  # without the watch it stays: what this is for
    if not watched:
        os.kill(child, 9)
