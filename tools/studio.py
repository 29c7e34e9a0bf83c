"""See, compare and question networks in a browser: ``python tools/studio.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout works from any folder, uninstalled

from paddleseg_lite.cli import run_command

if __name__ == "__main__":
    run_command("studio")
