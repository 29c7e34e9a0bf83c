"""Child processes that do not outlive their parent."""

from __future__ import annotations

import os
import threading
import time

ORPHANED = 3  # exit status


def end_with(parent: int) -> None:
    """End this process within about a second of its parent's end, however that went.

    A killed parent can neither stop its children nor tell them: they would wait for it
    for ever, or write beside its successor.

    Args:
        parent: process id, as the parent itself knows it.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()
