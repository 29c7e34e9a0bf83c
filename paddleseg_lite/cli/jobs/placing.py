"""Where the runs of a study go: what the flags of placing ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ConfigError
from ...studies.launcher import Launcher


@dataclass(frozen=True)
class Placing:
    """The flags, as they were given.

    Attributes:
        jobs: runs at a time; None: 1 on this machine, on a cluster as many as have room.
        cluster: None: processes of this machine; else see :class:`~paddleseg_lite.studies.cluster.RayLauncher`.
        cpus_per_run, gpus_per_run, storage: of a cluster.
        shard: what was there before; refused.
    """

    jobs: int | None = None
    cluster: str | None = None
    cpus_per_run: int | None = None
    gpus_per_run: float | None = None
    storage: str | None = None
    shard: str | None = None

    def check(self) -> None:
        """Raise where a flag cannot be meant so.

        Raises:
            ConfigError: it names the flag.
        """
        if self.shard is not None:
            raise ConfigError(
                "--shard is gone: start the same command on every machine with a common --save_dir, and they share "
                "the runs among themselves; or hand the machines to --cluster."
            )
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError(f"--jobs must be at least 1, got {self.jobs}.")
        only = {"--cpus_per_run": self.cpus_per_run, "--gpus_per_run": self.gpus_per_run, "--storage": self.storage}
        given = [flag for flag, value in only.items() if value is not None]
        if given and self.cluster is None:
            raise ConfigError(f"{given[0]} is for runs on a cluster: add --cluster auto, local or HOST:PORT.")
        if self.cpus_per_run is not None and self.cpus_per_run < 1:
            raise ConfigError(f"--cpus_per_run must be at least 1, got {self.cpus_per_run}.")
        gpus = self.gpus_per_run
        if gpus is not None and not (0 < gpus < 1 or gpus in range(1, 1025)):
            raise ConfigError(f"--gpus_per_run is a share of one GPU (0.5) or a whole number of them, got {gpus}.")

    @contextlib.contextmanager
    def launcher(
        self, folder: Path, *, imports: Sequence[str], keep_weights: bool, device: str
    ) -> Iterator[Launcher | None]:
        """The launcher asked for, closed at the end; None for the embedded one."""
        if self.cluster is None:
            yield None
            return
        from ...studies.cluster import RayLauncher

        launcher = RayLauncher(
            self.cluster,
            folder,
            cpus=self.cpus_per_run or 1,
            gpus=self.gpus_per_run or 0.0,
            device="gpu" if self.gpus_per_run else "cpu",
            imports=imports,
            keep_weights=keep_weights,
            jobs=self.jobs,
            storage=self.storage,
        )
        try:
            yield launcher
        finally:
            launcher.close()
