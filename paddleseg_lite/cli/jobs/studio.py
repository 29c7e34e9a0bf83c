"""What ``tools/studio.py`` does: check what it is given, serve, tidy up."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from ...errors import ConfigError
from ...studio.desk import Desk
from ...studio.serving import parse_auth, serve
from ...studio.uploads import Limits


def run_studio(
    runs: Sequence[str], *, host: str, port: int, auth: str | None, megabytes: float, megapixels: float
) -> int:
    """Serve the studio until it is interrupted or, with SIGTERM, told to end: its training is stopped, its files go.

    Returns:
        The exit status: 130 when interrupted, else 0.

    Raises:
        UserError: flags that make no sense, Gradio missing, the port taken.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port is a number from 0 to 65535, got {port}.")
    if not megabytes > 0 or not megapixels > 0:
        raise ConfigError("--max_megabytes and --max_megapixels are numbers above 0.")
    visitors = parse_auth(host, auth)
    interrupted = []

    def interrupt(*_):
        interrupted.append(True)  # the event loop of the server may swallow what is raised
        raise KeyboardInterrupt

    # the server ends first, then sends the signal here
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    desk = Desk(runs, limits=Limits(megabytes, megapixels))
    try:
        serve(desk, host=host, port=port, auth=visitors)
    finally:
        desk.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 130 if interrupted else 0
