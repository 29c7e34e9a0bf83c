"""The page on a port: who may come in, and what leaves."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import ipaddress
import logging
import os
import secrets
import socket
from typing import Any

from ..errors import ConfigError, EnvironmentProblem
from .desk import Desk
from .texts import LANGUAGES, preferred
from .wording import MISSING, Wording

logger = logging.getLogger("paddleseg_lite")

# What a page of ours may load: only what comes from here. Gradio's own scripts and styles need the two "unsafe".
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server bound to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_auth(host: str, text: str | None) -> tuple[str, str] | None:
    """Name and password that visitors give; None where there are none.

    Args:
        host: what the server is bound to.
        text: ``NAME:PASSWORD``, ``none``, or None where nothing was said.

    Raises:
        ConfigError: others reach the host and nothing was said, or the text is neither.
    """
    if text == "none" or (text is None and is_local(host)):
        return None
    if text is None:
        raise ConfigError(
            f"--host {host} lets every computer that reaches this one use the studio: see its pictures and runs, start "
            "trainings. Say --auth NAME:PASSWORD (or PADDLESEG_LITE_STUDIO_AUTH), or --auth none if that is meant."
        )
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise ConfigError("--auth is NAME:PASSWORD, or none.")
    return name, password


class Gate:
    """ASGI middleware in front of everything: whom the server answers, how large a request may be, what pages may load.

    Args:
        app: what is behind it.
        auth: name and password (HTTP basic); None: nobody is asked.
        hosts: names a request may call this server by, so that no web page elsewhere reaches it under its own name;
            None: any.
        most: bytes of a request.
    """

    def __init__(self, app: Any, *, auth: tuple[str, str] | None, hosts: tuple[str, ...] | None, most: int) -> None:
        self.app, self.hosts, self.most = app, hosts, most
        self.expected = None if auth is None else ":".join(auth).encode("utf-8")

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self.refusal(scope)
        if refused is not None:
            await _answer(send, *refused)
            return

        async def closed(event: dict) -> None:
            if event["type"] == "http.response.start":
                event = {**event, "headers": [*event.get("headers", []), *HEADERS]}
            await send(event)

        await self.app(scope, receive, closed)

    def refusal(self, scope: dict) -> tuple[int, str, list] | None:
        """Status, text and headers for a request that is not let in."""
        headers = {k.lower(): v for k, v in scope.get("headers", [])}
        host = headers.get(b"host", b"").decode("latin-1")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self.hosts is not None and name not in self.hosts:
            return 403, "this studio answers to the name it was started with", []
        if self.expected is not None and not self._known(headers.get(b"authorization", b"")):
            return 401, "name and password, please", [(b"www-authenticate", b'Basic realm="studio", charset="UTF-8"')]
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most:
            return 413, "the request is too large", []
        for part in ("/file=http", "/proxy="):  # Gradio would fetch that from elsewhere
            if part in scope.get("path", "").lower():
                return 403, "the studio fetches nothing", []
        return None

    def _known(self, header: bytes) -> bool:
        kind, _, value = header.partition(b" ")
        try:
            given = base64.b64decode(value, validate=True) if kind.lower() == b"basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        return secrets.compare_digest(given, self.expected)


async def _answer(send: Any, status: int, text: str, headers: list) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), *headers, *HEADERS],
        }
    )
    await send({"type": "http.response.body", "body": text.encode()})


def prepare_gradio(desk: Desk) -> None:
    """What Gradio reads when it is imported: no reports of use, files in a folder of ours.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(desk.folder / "gradio")
    try:
        import gradio  # noqa: F401
    except ImportError as e:
        raise EnvironmentProblem(
            f"the studio needs Gradio, which is not here ({e}): pip install -r requirements-studio.txt (Python 3.10 or "
            "newer)."
        ) from e


def make_app(desk: Desk, *, host: str = "127.0.0.1", auth: tuple[str, str] | None = None) -> Any:
    """The web application: a page a language, and at ``/`` the way to the browser's."""
    prepare_gradio(desk)
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import RedirectResponse

    from . import page

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    async def to_language(request: Any) -> Any:
        return RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/")

    app.add_route("/", to_language)
    for language in LANGUAGES:
        blocks = page.build(desk, language).queue(default_concurrency_limit=8, max_size=200)
        blocks.state_session_capacity = 200
        for block in blocks.blocks.values():
            _fetch_nothing(block)
        gr.mount_gradio_app(
            app,
            blocks,
            path=f"/{language}",
            footer_links=[],
            run_history=False,
            max_file_size=int(desk.limits.megabytes * 1e6),
            ssr_mode=False,
            enable_monitoring=False,
            show_error=False,
            theme=page.theme(),
            css=page.CSS,
            i18n=gr.I18n(**MISSING),
        )
    app.add_middleware(Wording)
    hosts = LOCAL_NAMES if is_local(host) else None
    app.add_middleware(Gate, auth=auth, hosts=hosts, most=int(desk.limits.megabytes * 1e6) + 1_000_000)
    return app


def _fetch_nothing(block: Any) -> None:
    """A component that refuses addresses where a program names them as its file: Gradio would download them."""
    own = block.async_move_resource_to_block_cache

    async def local(path: Any) -> Any:
        if isinstance(path, str) and "://" in path:
            raise ValueError("the studio fetches nothing: upload the file")
        return await own(path)

    block.async_move_resource_to_block_cache = local


def serve(desk: Desk, *, host: str, port: int, auth: tuple[str, str] | None) -> None:
    """Serve until Ctrl-C or SIGTERM, which come back after the server has ended.

    Raises:
        EnvironmentProblem: the port is taken, or the host is none of this machine.
    """
    app = make_app(desk, host=host, auth=auth)
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # who follows the address below at once waits, and is not refused
        except OSError as e:
            hint = "Choose another --port." if e.errno == errno.EADDRINUSE else "Choose another --host or --port."
            raise EnvironmentProblem(f"cannot serve on {host}:{port}: {e.strerror or e}. {hint}") from e
        if not is_local(host):
            logger.warning("other computers reach this studio (%s): stop it when you need it no longer.", host)
        name = f"[{host}]" if ":" in host else host
        logger.info("studio: http://%s:%d/ (Ctrl-C ends it)", name, listener.getsockname()[1])
        config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=3)
        logging.getLogger("uvicorn.error").addFilter(_not_cut_off)
        uvicorn.Server(config).run(sockets=[listener])


def _not_cut_off(record: logging.LogRecord) -> bool:
    """Whether a line is about something else than the pages still open when the studio ends: cutting them is meant."""
    fault = record.exc_info[1] if record.exc_info else None
    return not (isinstance(fault, asyncio.CancelledError) or str(record.msg).startswith("Cancel %s running task"))
