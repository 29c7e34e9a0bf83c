"""A studio on a free port, in a thread of this process; and a browser, where there is one."""

import contextlib
import shutil
import threading
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def studio(desk, **kwargs):
    """``with studio(desk) as address``."""
    import uvicorn

    from paddleseg_lite.studio.serving import make_app

    server = uvicorn.Server(uvicorn.Config(make_app(desk, **kwargs), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the studio did not start"
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(30)


def why_no_browser():
    """Why there is none; empty where there is one."""
    import importlib.util

    for package in ("gradio", "playwright"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed (pip install -r requirements-studio.txt playwright)"
    return "" if CHROMIUM else "there is no chromium on this machine"
