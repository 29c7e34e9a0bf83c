"""Examination of the machine: threads, shared memory, disk."""

from __future__ import annotations

import shutil

from ..config import Config
from ..data.workers import why_no_workers
from ..runtime import available_cores, cores_busy_elsewhere, threads_in_force, threads_left_unused
from .findings import Diagnosis

PREFETCH = 2
_BUSY = 0.6  # of a core: more than a moment's work of something small


def examine_machine(diagnosis: Diagnosis, config: Config) -> None:
    """What this machine offers to the recipe."""
    cores, threads = available_cores(), threads_in_force()
    diagnosis.facts.update(cores=cores, threads=threads)
    if threads_left_unused():
        diagnosis.add(
            "warning",
            "machine",
            f"OMP_NUM_THREADS={threads} uses {threads} of {cores} cores",
            f"unset it, or export OMP_NUM_THREADS={cores}",
        )
    elif threads > 1:
        busy = cores_busy_elsewhere()
        left = max(1, cores - round(busy))
        if busy >= _BUSY and threads > left:
            diagnosis.add(
                "info",
                "machine",
                f"{busy:.1f} of {cores} cores are busy with other work: threads that wait for each other lose much",
                f"stop that, or take --threads {left}",
            )
    _shared_memory(diagnosis, config)
    free = shutil.disk_usage(".").free
    diagnosis.facts["disk_free_mb"] = free >> 20
    if free < 1 << 30:
        diagnosis.add(
            "warning",
            "machine",
            f"only {free >> 20} MiB of disk are free here",
            "free some space: checkpoints that do not fit are not saved",
        )


def _shared_memory(diagnosis: Diagnosis, config: Config) -> None:
    """Loader workers hand batches over through /dev/shm; a small one (containers: 64 MiB) kills them."""
    crop = diagnosis.facts.get("crop")
    if config.num_workers == 0 or crop is None or why_no_workers() is not None:
        return
    batch = config.batch_size * crop[0] * crop[1] * (3 * 4 + 8)
    need = batch * PREFETCH * config.num_workers
    free = shutil.disk_usage("/dev/shm").free
    diagnosis.facts["shm_free_mb"] = free >> 20
    if free < need:
        diagnosis.add(
            "error",
            "loader",
            f"/dev/shm has {free >> 20} MiB free, the workers need about {need >> 20} MiB",
            "run the container with --shm-size=2g (or --ipc=host), or lower --num_workers",
        )
