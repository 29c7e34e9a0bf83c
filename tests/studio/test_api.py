"""The studio asked by programs: many at once, and such as want what is not theirs."""

import base64
import http.client
import importlib.util
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from served import studio

from paddleseg_lite.data import read_label, write_png
from paddleseg_lite.inference.predictor import load
from paddleseg_lite.studio.examples import example

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None,
    reason="gradio is not installed (pip install -r requirements-studio.txt)",
)

CLIENTS, CALLS = 4, 2  # benchmarks/studio_load.py does it with 20 clients and 200 calls


@pytest.fixture(scope="module")
def served(output):
    from paddleseg_lite.studio.desk import Desk
    from paddleseg_lite.studio.uploads import Limits

    desk = Desk([output], limits=Limits(megabytes=2, megapixels=1))
    with studio(desk) as address:
        yield address
    desk.close()


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    from gradio_client import Client

    return Client(f"{served}/en/", verbose=False, download_files=str(tmp_path_factory.mktemp("got")))


def picture(path, name="scene 1"):
    from gradio_client import handle_file

    write_png(path, example(name).image)
    return handle_file(str(path))


def test_clients_at_once_get_what_predict_gives(served, output, tmp_path):
    from gradio_client import Client

    loaded = load(output / "unet_a")
    expected = {n: loaded.predict(example(f"scene {n}").image).labels for n in (1, 2, 3)}

    def work(i):
        own = Client(
            f"{served}/en/", verbose=False, download_files=str(tmp_path / f"got{i}"), httpx_kwargs={"timeout": 120}
        )
        for call in range(CALLS):
            n = (i + call) % 3 + 1
            ids, facts = own.predict(
                picture(tmp_path / f"{i}.png", f"scene {n}"), "unet_a", "dygraph", "fp32", api_name="/predict"
            )
            assert facts["computed_by"] == "dygraph fp32"
            assert np.array_equal(read_label(ids), expected[n])
        return True

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(pool.map(work, range(CLIENTS)))


@pytest.mark.parametrize("name", ["../unet_a", "/etc", "unet_a/best_model"])
def test_a_path_is_no_network(client, tmp_path, name):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="the studio knows no run or deployment"):
        client.predict(picture(tmp_path / "x.png"), name, "dygraph", "fp32", api_name="/predict")


def test_uploads_beyond_the_limits_are_refused(served, client, tmp_path):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError
    from test_uploads import huge_png

    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    cases = [(tmp_path / "broken.png", "no picture, or a damaged one"), (huge_png(tmp_path / "huge.png"), "megapixels")]
    for path, said in cases:
        with pytest.raises(AppError, match=said):
            client.predict(handle_file(str(path)), "unet_a", "dygraph", "fp32", api_name="/predict")
    connection = http.client.HTTPConnection(served.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/en/gradio_api/upload")
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", "3500000")
    connection.endheaders()  # refused before a byte of it is read: a body on its way could meet a closed pipe
    assert connection.getresponse().status == 413
    connection.close()


def status(address, **headers):
    """Status and text of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
            return answer.status, answer.read().decode("utf-8", errors="replace")
    except urllib.error.HTTPError as e:
        return e.code, ""


def test_no_file_outside_is_served(served, output, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    link = output / "link.txt"
    link.symlink_to(secret)
    paths = [
        secret,
        link,
        "/etc/passwd",
        output / "unet_a" / "config.yml",
        "../../../etc/passwd",
        "..%2f..%2fetc/passwd",
    ]
    for path in paths:
        code, text = status(f"{served}/en/gradio_api/file={path}")
        assert code in (403, 404), path
        assert "root:" not in text
    link.unlink()


@pytest.mark.parametrize(
    "payload", ["/etc/passwd", "http://127.0.0.1:9/x.png", "https://example.org/x.png", "file:///etc/passwd"]
)
def test_a_program_cannot_name_a_file_it_has_not_sent(served, payload):
    """The raw API, past gradio_client: a path of this machine, or an address, in place of an upload."""
    body = {"data": [{"path": payload, "url": None, "meta": {"_type": "gradio.FileData"}}, "unet_a", "dygraph", "fp32"]}
    request = urllib.request.Request(
        f"{served}/en/gradio_api/call/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{served}/en/gradio_api/call/predict/{event}", timeout=60) as answer:
        told = answer.read().decode()
    assert "event: error" in told
    assert "ids.png" not in told


def test_names_of_other_servers_and_what_the_page_may_load(served):
    code, text = status(f"{served}/en/")
    assert code == 200
    assert "googleapis" not in text
    assert "cdnjs" not in text
    assert status(f"{served}/en/", Host="evil.example")[0] == 403
    with urllib.request.urlopen(f"{served}/en/", timeout=60) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    with urllib.request.urlopen(
        urllib.request.Request(served, headers={"Accept-Language": "zh-CN"}), timeout=60
    ) as answer:
        assert answer.url.endswith("/zh/")


def test_a_password_is_asked_for_everywhere(output):
    from paddleseg_lite.studio.desk import Desk

    desk = Desk([output])
    with studio(desk, host="0.0.0.0", auth=("ann", "secret")) as address:
        right = "Basic " + base64.b64encode(b"ann:secret").decode()
        for path in ("/", "/en/", "/zh/config", "/en/gradio_api/info"):
            assert status(address + path)[0] == 401
            assert status(address + path, Authorization=right)[0] == 200
    desk.close()
