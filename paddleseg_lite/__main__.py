"""``python -m paddleseg_lite COMMAND ...``, the console program without its script."""

from .cli import program

program()
