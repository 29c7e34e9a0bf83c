"""Who may come in, and what the page says; nothing here needs Gradio."""

import asyncio
import string

import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studio.serving import Gate, is_local, parse_auth
from paddleseg_lite.studio.texts import LANGUAGES, TEXTS, Texts, preferred
from paddleseg_lite.studio.wording import CODES, Wording, script


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.4", False)],
)
def test_which_hosts_are_local(host, local):
    assert is_local(host) == local


def test_other_hosts_need_a_word_on_who_may_come():
    assert parse_auth("127.0.0.1", None) is None
    assert parse_auth("0.0.0.0", "none") is None
    assert parse_auth("0.0.0.0", "ann:a:b") == ("ann", "a:b")
    with pytest.raises(ConfigError, match=r"every computer that reaches this one.*--auth NAME:PASSWORD"):
        parse_auth("0.0.0.0", None)
    for text in ("ann", "ann:", ":b", ""):
        with pytest.raises(ConfigError, match="NAME:PASSWORD, or none"):
            parse_auth("127.0.0.1", text)


def refused(gate, path="/en/", **headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    answer = gate.refusal({"type": "http", "path": path, "headers": given})
    return answer and answer[0]


def test_the_gate_knows_names_sizes_and_addresses():
    gate = Gate(None, auth=None, hosts=("localhost", "127.0.0.1", "[::1]"), most=1000)
    assert refused(gate, host="127.0.0.1:7860") is None
    assert refused(gate, host="[::1]:7860") is None
    assert refused(gate, host="[::1]") is None
    assert refused(gate, host="evil.example:7860") == 403
    assert refused(gate) == 403
    assert refused(gate, host="localhost", content_length="1001") == 413
    assert refused(gate, host="localhost", content_length="many") == 413
    for path in ("/en/gradio_api/file=http://10.0.0.1/x", "/en/gradio_api/proxy=https://x.example/"):
        assert refused(gate, path, host="localhost") == 403


def test_the_gate_asks_for_name_and_password():
    import base64

    gate = Gate(None, auth=("änn", "p:w"), hosts=None, most=1000)
    right = "Basic " + base64.b64encode("änn:p:w".encode()).decode()
    assert refused(gate, authorization=right) is None
    for wrong in (
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"a:b").decode(),
        right.replace("Basic", "Bearer"),
    ):
        assert refused(gate, authorization=wrong) == 401


def test_both_languages_say_everything_with_the_same_fields():
    fields = lambda text: sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)  # noqa: E731
    for key, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES)
        assert all(text.strip() for text in texts), key
        assert len({tuple(fields(text)) for text in texts}) == 1, key
    with pytest.raises(ConfigError, match="does not speak 'fr'"):
        Texts("fr")


def answered(path):
    """Headers and body of a page in two pieces, as they come through the middleware."""
    seen, events = {}, []

    async def app(scope, receive, send):
        seen.update(scope)
        headers = [(b"content-type", b"text/html"), (b"Content-Length", b"26")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<html><head><sc", "more_body": True})
        await send({"type": "http.response.body", "body": b"ript></head"})

    async def send(event):
        events.append(event)

    asked = {"type": "http", "method": "GET", "path": path, "headers": [(b"accept-encoding", b"gzip"), (b"a", b"b")]}
    asyncio.run(Wording(app)(asked, None, send))
    return dict(events[0]["headers"]), b"".join(e["body"] for e in events[1:]), seen["headers"]


def test_gradios_words_are_asked_for_before_its_script():
    assert set(CODES) == set(LANGUAGES)
    headers, body, asked = answered("/zh/")
    assert body == b"<html><head>" + script("zh") + b"<script></head"
    assert headers == {b"content-type": b"text/html", b"content-length": str(len(body)).encode()}
    assert asked == [(b"a", b"b")]  # what comes is to be changed, and so must not be compressed
    assert "zh-CN" in script("zh").decode() and "移除图片" in script("zh").decode()
    headers, body, asked = answered("/zh/config")
    assert (body, headers[b"Content-Length"]) == (b"<html><head><script></head", b"26")
    assert (b"accept-encoding", b"gzip") in asked


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB", "en"),
        ("de,zh;q=0.2,en;q=0.5", "en"),
        ("", "en"),
        ("zh;q=x,en", "en"),
    ],
)
def test_the_browser_chooses_the_language(header, language):
    assert preferred(header) == language


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--host", "0.0.0.0"], "Say --auth NAME:PASSWORD"),
        (["--port", "70000"], "--port is a number from 0 to 65535"),
        (["--max_megapixels", "0"], "numbers above 0"),
        (["--auth", "x"], "--auth is NAME:PASSWORD, or none"),
    ],
)
def test_flags_that_make_no_sense_are_told(tool, flags, message):
    status, _, errors = tool("studio", *flags)
    assert status == 2
    assert message in errors
