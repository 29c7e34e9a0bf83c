"""The studio as a process: told to end, it does so at once, with pages open and a training under way."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None,
    reason="gradio is not installed (pip install -r requirements-studio.txt)",
)

# the studio's own command, with a training already started; that training is a small program that waits to be told
PROGRAM = """
import sys
from paddleseg_lite.cli.jobs import studio
from paddleseg_lite.config.recipes import QUICK_START

TRAINING = '''
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
signal.signal(signal.SIGTERM, lambda *_: ((folder / "saved").touch(), sys.exit(0)))
(folder / "ready").touch()
time.sleep(60)
'''

class Desk(studio.Desk):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.trainings.command = lambda recipe, minutes, folder: [sys.executable, "-c", TRAINING, str(folder)]
        self.trainings.start(QUICK_START, 0, "under_way")

studio.Desk = Desk
from paddleseg_lite.cli import run_command
run_command("studio", ["--runs", sys.argv[1], "--port", "0"])
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_the_training_and_leaves_no_files(root, tmp_path, number, status):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "output")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=root,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        address = next(m[0] for line in process.stdout if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
        assert list(temporary.iterdir())
        with urllib.request.urlopen(f"{address}/en/gradio_api/heartbeat/visitor", timeout=60) as open_page:
            open_page.readline()  # a page holds this for as long as it is open
            process.send_signal(number)
            output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status, output
    assert "Traceback" not in output
    assert (tmp_path / "output" / "under_way" / "saved").exists()  # asked, not killed
    assert [path.name for path in temporary.iterdir() if path.name.startswith("paddleseg-lite-studio")] == []
