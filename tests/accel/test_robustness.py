"""Missing libraries, memory, threads and forks."""

import logging
import os
import subprocess
import sys
import threading

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.accel import conv, dnnl, loading, primitive

PROGRAM = """
import logging, sys
logging.basicConfig(format="%(message)s")
import paddle
from paddleseg_lite import accel
net = paddle.nn.Conv2D(3, 4, 3)
report = accel.enable(net, "auto")
net(paddle.ones([1, 3, 8, 8])).sum().backward()
print(report.mode, net.weight.grad is not None, accel.has_bf16())
"""


@pytest.mark.parametrize("library, reason", [("off", "switched off"), ("/nowhere/libdnnl.so", "/nowhere/libdnnl.so")])
def test_without_the_library_it_steps_aside_with_one_line(root, library, reason):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PADDLESEG_LITE_ONEDNN": library},
        check=True,
    )
    assert done.stdout.strip().endswith("off True False")
    lines = [line for line in done.stderr.splitlines() if "cpu_accel" in line]
    assert len(lines) == 1 and reason in lines[0] and "Paddle's own arithmetic" in lines[0]


@pytest.mark.parametrize(
    "break_it, reason",
    [
        (lambda patch: patch.setattr(dnnl, "MIN_VERSION", (3, 99)), "3.2 or later"),
        (lambda patch: patch.setattr(dnnl, "SRC", dnnl.WEIGHTS), "test convolution"),
        (lambda patch: patch.setitem(dnnl._PROTOTYPES, "no_such_function", ()), "no_such_function"),
        (lambda patch: patch.setattr(dnnl.platform, "system", lambda: "Darwin"), "Linux only"),
    ],
    ids=["old", "other constants", "symbol missing", "platform"],
)
def test_a_library_that_is_not_what_we_know_is_refused(monkeypatch, caplog, break_it, reason):
    with monkeypatch.context() as patch:  # what was found is looked for anew, and known again afterwards
        patch.setattr(loading, "_library", None)
        patch.setattr(loading, "_problem", None)
        break_it(patch)
        net = nn.Conv2D(3, 4, 3)
        with caplog.at_level(logging.WARNING, logger="paddleseg_lite"):
            report = accel.enable(net, "fp32")
    assert not report.active and reason in report.reason and len(caplog.records) == 1
    assert "forward" not in net.__dict__ and accel.available()[0]


def test_threads_do_not_share_a_call():
    """Four threads run the same convolution on different data."""
    w = paddle.randn([32, 16, 3, 3])
    inputs = [paddle.randn([1, 16, 20, 20]) for _ in range(4)]
    g = conv.convolution(inputs[0], w, stride=(1, 1), pads=(1,) * 4, dilation=(1, 1), groups=1)
    expected = [conv.convolve(x, w, None, g).numpy() for x in inputs]
    wrong = []

    def work(x, y):
        for _ in range(30):
            if not (conv.convolve(x, w, None, g).numpy() == y).all():
                wrong.append(1)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_forked_child_starts_clean_and_works(math):
    x, w = paddle.randn([1, 16, 12, 12]), paddle.randn([16, 16, 3, 3])
    g = conv.convolution(x, w, stride=(1, 1), pads=(1,) * 4, dilation=(1, 1), groups=1)
    expected = conv.convolve(x, w, None, g, math).numpy()
    assert primitive.size() > 0
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            empty = primitive.size() == 0
            same = (conv.convolve(x, w, None, g, math).numpy() == expected).all()
            os.write(writer, b"ok" if empty and same else b"wrong")
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    assert os.read(reader, 16) == b"ok" and os.waitpid(child, 0)[1] == 0
    os.close(reader)
    assert (conv.convolve(x, w, None, g, math).numpy() == expected).all()


class Images(paddle.io.Dataset):
    """Random images, made in workers."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return np.full([3, 16, 16], index, dtype="float32")


def test_loader_workers_beside_an_accelerated_model():
    net = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), nn.BatchNorm2D(8), nn.ReLU())
    accel.enable(net, "fp32")
    net(paddle.randn([2, 3, 16, 16]))  # the cache is warm when the workers fork
    seen = 0
    for _ in range(2):
        for x in paddle.io.DataLoader(Images(), batch_size=3, num_workers=2):
            net(x).sum().backward()
            seen += x.shape[0]
    accel.disable(net)
    assert seen == 24


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(primitive, "CACHE_SIZE", 20)
    primitive.clear()
    w = paddle.randn([4, 3, 3, 3])
    for side in range(8, 40):
        x = paddle.randn([1, 3, side, side])
        conv.convolve(x, w, None, conv.convolution(x, w, stride=(1, 1), pads=(0,) * 4, dilation=(1, 1), groups=1))
        assert primitive.size() <= 20
    primitive.clear()


def test_memory_is_flat_while_shapes_change():
    """A short form of benchmarks/accel_leak.py."""
    net = nn.Sequential(nn.Conv2D(3, 16, 3), nn.BatchNorm2D(16), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(16, 4, 3))
    accel.enable(net, "fp32")
    shapes = [(24 + 4 * i, 32 + 4 * i) for i in range(8)]

    def run(rounds):
        for index in range(rounds):
            h, w = shapes[index % len(shapes)]
            net(paddle.randn([1, 3, h, w])).sum().backward()
            net.clear_gradients()

    run(24)
    before = resident()
    run(80)
    accel.disable(net)
    assert resident() - before < 8 << 20


def resident() -> int:
    """Bytes of memory this process holds."""
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
