"""Videos: every frame segmented, written as a video with the classes laid over it and the legend beside it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ...errors import DataError, EnvironmentProblem
from ...inference.loaded import Loaded
from ...progress import Progress
from ...visualize.overlays import beside

logger = logging.getLogger("paddleseg_lite")

USUAL_RATE = 25.0  # frames/s, where the file does not tell
LARGEST_LEGEND = 0.6  # of the frame's width; a larger one stays in legend.png


def predict_video(loaded: Loaded, path: Path, target: Path, painter) -> int:
    """Segment a video frame by frame.

    Args:
        loaded: the network.
        path: of the video.
        target: ``.mp4`` to write, as large as the frames (and a legend to their right); complete or not there.
        painter: :class:`~paddleseg_lite.cli.jobs.infer.Painter`, lays the classes over a frame.

    Returns:
        Number of frames.

    Raises:
        DataError: it cannot be opened or holds no frame; or it ends early, and what was there is written.
        EnvironmentProblem: this OpenCV cannot write MPEG-4, or the folder cannot be written.
    """
    if loaded.model.in_channels != 3:
        raise DataError(f"video {path}: frames have 3 channels, the network takes {loaded.model.in_channels}.")
    count, busy = 0, 0.0
    with opened(path) as reader:
        rate, expected = reader.get(cv2.CAP_PROP_FPS), reader.get(cv2.CAP_PROP_FRAME_COUNT)
        rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else USUAL_RATE
        expected = int(expected) if math.isfinite(expected) and 0 < expected < 1e9 else None
        writer = FrameWriter(target, rate)
        with writer, Progress(expected, "frames") as progress:
            key = None
            for frame in frames(reader):
                started = time.perf_counter()
                picture = painter.added(loaded.predict(frame))
                if count == 0:
                    key = painter.legend(height=frame.shape[0])
                    if key.shape[1] > LARGEST_LEGEND * frame.shape[1]:
                        logger.info("the legend is too large for the video; it is in legend.png")
                        key = None
                writer.add(picture if key is None else beside(picture, key))
                busy += time.perf_counter() - started
                count += 1
                progress.step()
            if count == 0:
                raise DataError(f"video {path} holds no frame that can be decoded: it is damaged, or of another codec.")
    logger.info(
        "%d frames in %.1f s (%.1f frames/s, the video plays %.4g) with %s -> %s",
        count,
        busy,
        count / busy,
        rate,
        loaded.backend.name,
        target,
    )
    if expected is not None and count < 0.9 * expected:  # containers only estimate their length
        raise DataError(
            f"video {path} ends after {count} of {expected} frames: it is truncated or damaged. "
            f"What could be read is in {target}."
        )
    return count


@contextlib.contextmanager
def opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """An open video, closed afterwards."""
    if not path.is_file():
        raise DataError(f"video {path} does not exist.")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its complaints name no file; ours does
    with _quiet():
        reader = cv2.VideoCapture(str(path.resolve()))
        try:
            if not reader.isOpened():
                raise DataError(f"video {path} cannot be opened: it is empty, damaged, or no video file.")
            yield reader
        finally:
            reader.release()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without OpenCV's own lines, where it can be told so."""
    log = getattr(cv2.utils, "logging", None)  # not in OpenCV 4
    if log is None:
        yield
        return
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def frames(reader: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """RGB frames, upright."""
    while True:
        good, frame = reader.read()
        if not good or frame is None:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


class FrameWriter:
    """An MPEG-4 video that takes its size from the first frame; written beside the target, read back, then renamed.

    Args:
        target: the file.
        rate: frames per second.
    """

    def __init__(self, target: Path, rate: float):
        self.target, self.rate, self.writer, self.count = target, rate, None, 0
        self.temporary = target.parent / f".writing-{uuid.uuid4().hex}.mp4"

    def __enter__(self) -> FrameWriter:
        return self

    def add(self, picture: np.ndarray) -> None:
        """Append an RGB picture; odd sides are cut by one pixel, which the codec asks for."""
        height, width = (max(2, side - side % 2) for side in picture.shape[:2])
        if self.writer is None:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter_fourcc(*"mp4v")
            self.writer = cv2.VideoWriter(str(self.temporary), code, self.rate, (width, height))
            self.size = (height, width)
            if not self.writer.isOpened():
                raise EnvironmentProblem(
                    f"cannot write the video {self.target}: the folder is not writable, or this OpenCV has no MPEG-4 "
                    "encoder (pip's opencv-python has one)."
                )
        canvas = np.zeros((*self.size, 3), dtype=np.uint8)
        part = picture[: self.size[0], : self.size[1]]
        canvas[: part.shape[0], : part.shape[1]] = part
        self.writer.write(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        self.count += 1

    def __exit__(self, kind, *exc) -> None:
        try:
            if self.writer is not None:
                self.writer.release()
                if kind is None:
                    self._check()
                    os.replace(self.temporary, self.target)
        finally:
            with contextlib.suppress(OSError):
                self.temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        """Read the video back: OpenCV tells of no error while it writes.

        Raises:
            EnvironmentProblem: frames are missing.
        """
        readable = 0
        with contextlib.suppress(DataError), opened(self.temporary) as reader:
            while reader.grab():
                readable += 1
        if readable < self.count:
            raise EnvironmentProblem(
                f"the video {self.target} could not be written: {readable} of {self.count} frames can be read back. "
                "Most likely the disk is full: free some space, or choose another --save_dir."
            )
