"""The lines that a training says as it goes, in the language in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..inference.evaluation import Evaluation
from ..language import translate as _


def train_line(info: Mapping[str, Any], total_iters: int) -> str:
    """``[TRAIN] epoch 1, iter 10/500, loss 1.2345, ...``.

    Args:
        info: as callbacks get it in ``on_log``; the parts of the loss follow where there are several.
    """
    line = _(
        "[TRAIN] epoch {epoch}, iter {iter}/{total}, loss {loss:.4f}, lr {lr:.6f}, {speed:.1f} images/s, "
        "data wait {wait:.0f} %, ETA {eta}"
    ).format(
        epoch=info["epoch"],
        iter=info["iter"],
        total=total_iters,
        loss=info["loss"],
        lr=info["lr"],
        speed=info["images_per_s"],
        wait=100 * info["data_share"],
        eta=clock(info["eta_s"]),
    )
    parts = info["loss_parts"]
    return line + (" (" + ", ".join(f"{k} {v:.4f}" for k, v in parts.items()) + ")" if len(parts) > 1 else "")


def eval_line(iteration: int, evaluation: Evaluation) -> str:
    """``[EVAL] iter 100: mIoU 0.1234, ...``; the loss where validation has computed one."""
    s = evaluation.scores
    loss = "" if evaluation.loss is None else _("loss {:.4f}, ").format(evaluation.loss)
    return _(
        "[EVAL] iter {iter}: {loss}mIoU {mIoU:.4f}, aAcc {aAcc:.4f}, mAcc {mAcc:.4f}, kappa {kappa:.4f} "
        "over {images} images ({speed:.1f} images/s)"
    ).format(
        iter=iteration,
        loss=loss,
        mIoU=s.mIoU,
        aAcc=s.aAcc,
        mAcc=s.mAcc,
        kappa=s.kappa,
        images=evaluation.images,
        speed=evaluation.images_per_second,
    )


def best_line(miou: float, iteration: int, *, new: bool) -> str:
    """``[EVAL] best mIoU 0.1234 at iter 100 (new)``."""
    line = _("[EVAL] best mIoU {:.4f} at iter {}").format(miou, iteration)
    return line + (_(" (new)") if new else "")


def note(info: Mapping[str, Any]) -> str:
    """What stands behind a progress bar."""
    return _("loss {loss:.4f}, lr {lr:.2e}, {speed:.1f} img/s").format(
        loss=info["loss"], lr=info["lr"], speed=info["images_per_s"]
    )


def clock(seconds: float) -> str:
    """``hh:mm:ss``; whole days are hours."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
