"""All that is said of GPUs, tried in one command: ``docs/results/gpu_proof.md``.

    python benchmarks/gpu_proof.py                    # on a machine with a GPU
    python benchmarks/gpu_proof.py --device cpu       # the same code where there is none

1. device and versions;
2. every small recipe's network, forward and backward, on the device beside Paddle's own CPU kernels (fp32, TF32 off);
3. trainings in fp32, and in fp16 and bf16 at AMP levels O1 and O2;
4. data-parallel training in two processes beside one (on two GPUs with synchronised batch norm, on a CPU with gloo);
5. a training that is killed and goes on, beside one that is not;
6. training and prediction of the shelf: images/s and peak memory;
7. the tests marked ``gpu``.

One page comes out, whatever fails: a part that breaks is a line with its error.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # comparisons are in fp32; read when the libraries load

import numpy as np  # noqa: E402
import paddle  # noqa: E402

import paddleseg_lite  # noqa: E402
from benchmarks.results_page import publish  # noqa: E402
from paddleseg_lite.accel import accelerate  # noqa: E402
from paddleseg_lite.config import load_config  # noqa: E402
from paddleseg_lite.models import build_model  # noqa: E402
from paddleseg_lite.reports import markdown_table  # noqa: E402
from paddleseg_lite.reports.run import read_records  # noqa: E402
from paddleseg_lite.runtime import processor  # noqa: E402

CLASSES = 8
FORWARD = 1e-3  # of the largest logit
BACKWARD = (
    1e-3  # of the length of the whole gradient, or five times what noise of rounding's size on the picture does on
)
# the CPU alone: a ReLU or a maximum that turns over moves whole entries
NOISE = 3e-6  # of the picture's values
TINY = ["model.base_channels=4", "train_dataset.num_samples=16", "val_dataset.num_samples=4"]
TINY += ["train_dataset.size=[48,48]", "val_dataset.size=[48,48]", "lr_scheduler.warmup_iters=0", "freeze_bn=true"]


def shelf() -> dict[str, dict]:
    """``{recipe: model}`` of every small recipe."""
    found = sorted((ROOT / "configs").glob("*/[!_]*_scenes.yml"))
    return {p.stem.replace("_scenes", ""): dict(load_config(p).model) for p in found if p.parent.name != "quick_start"}


def facts(device: str) -> list[list[str]]:
    """What this is."""
    rows = [["device", device], ["processor", processor()], ["system", platform.platform()]]
    rows += [["Python", platform.python_version()], ["Paddle", paddle.__version__], ["NumPy", np.__version__]]
    if device.startswith("gpu"):
        own = paddle.device.cuda.get_device_properties(0)
        rows += [["GPU", f"{own.name}, {own.total_memory >> 20} MiB, compute {own.major}.{own.minor}"]]
        rows += [["GPUs", str(paddle.device.cuda.device_count())]]
        rows += [["CUDA", paddle.version.cuda()], ["cuDNN", paddle.version.cudnn()]]
    return rows


def pass_through(
    network, state: dict, device: str, x: np.ndarray, *, own: bool
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits and gradients of one step from given weights, with nothing random in it; ``own``: as this project trains."""
    paddle.set_device(device)
    model = build_model(network, num_classes=CLASSES)
    model.set_state_dict(state)
    model.train()
    for layer in model.sublayers():
        if isinstance(layer, (paddle.nn.Dropout, paddle.nn.Dropout2D)):
            layer.eval()
    if own:
        accelerate(model)
    outputs = model(paddle.to_tensor(x))
    maps = [value for value in outputs.values() if isinstance(value, paddle.Tensor)]
    weights = [np.random.default_rng(1).normal(size=value.shape).astype(np.float32) for value in maps]
    loss = sum((value * paddle.to_tensor(weight)).sum() for value, weight in zip(maps, weights))
    loss.backward()
    grads = {n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None}
    return outputs["out"].numpy(), grads


def network_rows(device: str) -> list[list[str]]:
    """Differences of every network, relative to the largest value."""
    rows = []
    x = np.random.default_rng(0).normal(size=(2, 3, 96, 96)).astype(np.float32)
    for name, network in shelf().items():
        try:
            paddle.set_device("cpu")
            paddle.seed(0)
            state = {k: v.numpy() for k, v in build_model(network, num_classes=CLASSES).state_dict().items()}
            logits, grads = pass_through(network, state, "cpu", x, own=False)
            own_logits, own_grads = pass_through(network, state, device, x, own=True)
            forward = relative(own_logits, logits)
            backward = distance(own_grads, grads)
            noisy = x * (1 + NOISE * np.random.default_rng(2).normal(size=x.shape)).astype(np.float32)
            unsure = distance(pass_through(network, state, "cpu", noisy, own=False)[1], grads)
            good = forward < FORWARD and backward < max(BACKWARD, 5 * unsure) and set(own_grads) == set(grads)
            rows.append(
                [name, f"{forward:.1e}", f"{backward:.1e}", f"{unsure:.1e}", "equal" if good else "**differs**"]
            )
        except Exception as e:
            rows.append([name, "-", "-", "-", failed(e)])
    return rows


def distance(own: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Of two gradients, in units of the length of the second."""
    apart = sum(float(np.square(own[name] - value).sum()) for name, value in other.items())
    return (apart / sum(float(np.square(value).sum()) for value in other.values())) ** 0.5


def relative(own: np.ndarray, other: np.ndarray) -> float:
    """Largest difference in units of the largest value."""
    return float(np.abs(own - other).max() / max(np.abs(other).max(), 1e-12))


def failed(e: Exception) -> str:
    """A failure on one line of a table."""
    return f"**{type(e).__name__}**: {str(e).strip().splitlines()[0][:120] if str(e).strip() else ''}".replace("|", "/")


def command(device: str, folder: Path, *more: str, opts: tuple[str, ...] = ()) -> list[str]:
    """A short training."""
    call = [str(ROOT / "tools" / "train.py"), "--device", device, "--iters", "8", "--batch_size", "4"]
    call += ["--save_interval", "4", "--log_iters", "1", "--no_vdl", "--no_doctor", "--save_dir", str(folder)]
    return [*call, *more, "--opts", *TINY, *opts]


def run(call: list[str], launcher: tuple[str, ...] = ()) -> str:
    """Nothing, or the last line of what a failing command said."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0,1")}
    done = subprocess.run(
        [sys.executable, *launcher, *call], capture_output=True, text=True, timeout=900, env=environment, check=False
    )
    said = [*(done.stdout + done.stderr).strip().splitlines(), f"status {done.returncode}"]
    return "" if done.returncode == 0 else next((t for t in reversed(said[:-1]) if "rror" in t), said[-2])[:200]


def losses(folder: Path) -> list[float]:
    """The losses of a run by iteration."""
    return [record["loss"] for record in read_records(folder / "metrics.jsonl") if record["kind"] == "train"]


def training_rows(device: str, work: Path) -> list[list[str]]:
    """Precisions, two processes, kill and resume."""
    rows = []

    def add(title: str, folder: Path, problem: str, base: list[float] | None = None) -> None:
        if problem:
            rows.append([title, "-", "-", f"**failed**: {problem}".replace("|", "/")])
            return
        own = losses(folder)
        gap = "-" if base is None else f"{max(abs(a - b) for a, b in zip(own, base)):.1e}"
        rows.append([title, f"{own[0]:.4f} to {own[-1]:.4f}", gap, "works"])

    plain = work / "fp32"
    add("fp32", plain, run(command(device, plain)))
    base = losses(plain) if (plain / "metrics.jsonl").exists() else None
    levels = ("O1", "O2") if device.startswith("gpu") else ("O1",)  # a CPU has no levels: oneDNN's kernels
    for precision in ("fp16", "bf16"):
        for level in levels:
            folder = work / f"{precision}_{level}"
            more = ("--precision", precision, "--amp_level", level)
            add(f"{precision}, {level}", folder, run(command(device, folder, *more)), base)
    two, one = work / "two", work / "one"
    alone = run(command(device, one, "--batch_size", "8"))
    gpus = paddle.device.cuda.device_count() if device.startswith("gpu") else 0
    if device == "cpu" or gpus > 1:
        ranks = ("--nproc_per_node", "2", "--backend", "gloo") if device == "cpu" else ("--gpus", "0,1")
        launcher = ("-m", "paddle.distributed.launch", *ranks, "--log_dir", str(work / "log"))
        problem = alone or run(command("auto" if gpus else "cpu", two), launcher)
        add("two processes beside one of twice the batch", two, problem, losses(one) if not alone else None)
    else:
        rows.append(["two processes", "-", "-", "not tried: one GPU"])
    resumed = work / "resumed"
    problem = run(command(device, resumed, "--iters", "8", opts=("save_interval=4",)))
    if not problem:  # back to the state at iteration 4: what a kill after that save leaves
        shutil.rmtree(resumed / "iter_8")
        problem = run(command(device, resumed, "--resume_model"))
    add("resumed from iteration 4, beside undisturbed", resumed, problem, base)
    return rows


def speed_rows(device: str, turns: int) -> list[list[str]]:
    """Images per second and peak memory, batch 4 of 256x256."""
    rows, paddle_cuda = [], paddle.device.cuda
    paddle.set_device(device)
    x = paddle.randn([4, 3, 256, 256])
    y = paddle.randint(0, CLASSES, [4, 256, 256])
    for name, network in shelf().items():
        try:
            model = build_model(network, num_classes=CLASSES)
            accelerate(model)
            optimizer = paddle.optimizer.Momentum(1e-4, parameters=model.parameters())
            if device.startswith("gpu"):
                paddle_cuda.reset_max_memory_allocated()

            def step(model=model, optimizer=optimizer):
                model.train()
                paddle.nn.functional.cross_entropy(model(x)["out"], y, axis=1).backward()
                optimizer.step()
                optimizer.clear_grad()

            def predict(model=model):
                model.eval()
                with paddle.no_grad():
                    model(x)["out"].mean().item()

            trained, predicted = rate(step, turns, device), rate(predict, turns, device)
            peak = f"{paddle_cuda.max_memory_allocated() >> 20}" if device.startswith("gpu") else "-"
            rows.append([name, f"{trained:.1f}", f"{predicted:.1f}", peak])
        except Exception as e:
            rows.append([name, failed(e), "-", "-"])
    return rows


def rate(work, turns: int, device: str) -> float:
    """Images per second, median of some turns after two."""
    times = []
    for _ in range(turns + 2):
        start = time.perf_counter()
        work()
        if device.startswith("gpu"):
            paddle.device.synchronize()
        times.append(time.perf_counter() - start)
    return 4 / statistics.median(times[2:])


def marked_tests() -> str:
    """The summary of the tests that want a GPU."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout.strip().splitlines() or [f"status {done.returncode}"])[-1]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="gpu", help="gpu, gpu:N or cpu")
    p.add_argument("--turns", type=int, default=5, help="timed, of each")
    p.add_argument("--out", help="Markdown file")
    args = p.parse_args()
    if args.device.startswith("gpu") and not paddle.device.is_compiled_with_cuda():
        raise SystemExit(
            "this Paddle is built for CPUs: install paddlepaddle-gpu, or try the script with --device cpu."
        )
    paddleseg_lite.setup(args.device, seed=0)
    text = ["# GPU proof", f"`python benchmarks/gpu_proof.py --device {args.device}`"]
    if args.device == "cpu":
        text.append("**No GPU**: this page shows only that the script itself works, on the oneDNN kernels of a CPU.")
    text += ["## Machine", markdown_table(["", ""], facts(args.device))]
    text += [
        "## Networks beside the CPU",
        "Two pictures of 96x96, the same weights; differences relative to the largest logit and to the length of the gradient, the "
        f"latter beside what noise of {NOISE} on the picture does to the CPU's own.",
        markdown_table(["network", "forward", "backward", "CPU with noise", ""], network_rows(args.device)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        rows = training_rows(args.device, Path(folder))
    text += ["## Trainings", markdown_table(["training", "loss", "largest difference of loss", ""], rows)]
    header = ["network", "training, images/s", "prediction, images/s", "peak MiB"]
    text += ["## Speed", "Batch 4 of 256x256, fp32.", markdown_table(header, speed_rows(args.device, args.turns))]
    text += ["## Tests", f"`pytest -m gpu`: {marked_tests()}"]
    publish("\n\n".join(text), args.out)


if __name__ == "__main__":
    main()
