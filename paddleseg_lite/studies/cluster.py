"""The launcher for many machines: each run is a task of a Ray cluster.

Ray finds the place (processors, shares of a GPU), starts a task again when its machine dies, and ships this package
and the ``--import`` files (``runtime_env``). The task starts the same worker process as the local pool
(:mod:`.cluster_task`); a run goes on from its last checkpoint wherever it lands.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import EnvironmentProblem
from ..files import write_text
from ..runtime import available_cores
from .carrying import Keeper, Storage
from .cluster_task import TOKEN, Job, run_task
from .launcher import Ended
from .layout import drop_weights
from .provenance import commit
from .worker import INTERRUPTED

PATIENCE = 1.0  # seconds that ended() waits for a run to end
RETRIES = 20  # machines that may die under one run
NAMESPACE = "paddleseg_lite"


def import_ray():
    """Ray, quiet, and without its usage reports unless the user has asked for them.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise EnvironmentProblem(
            "--cluster needs Ray, which is not installed here: pip install -r requirements-cluster.txt "
            '(or "paddleseg_lite[cluster]"), on every machine of the cluster. Without --cluster the runs are '
            "processes of this machine."
        ) from None
    return ray


class RayLauncher:
    """Places runs on a Ray cluster.

    Args:
        address: ``local`` starts one on this machine, ``auto`` joins the one that runs here, else HOST:PORT.
        folder: of the study.
        cpus, gpus: of each run; gpus may be a share of one.
        device: of each run: cpu or gpu.
        imports: Python files each run executes first.
        keep_weights: keep checkpoints of finished runs.
        jobs: runs at a time at most; None: as many as have room.
        storage: ``fsspec`` URL that carries checkpoints where machines do not share ``folder``;
            None: they come through the object store to this machine.

    Raises:
        EnvironmentProblem: no Ray, no cluster at the address, or a run that has room on no machine of it.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        *,
        cpus: int = 1,
        gpus: float = 0.0,
        device: str = "cpu",
        imports: Sequence[str] = (),
        keep_weights: bool = False,
        jobs: int | None = None,
        storage: str | None = None,
    ):
        if address.startswith("ray://"):
            raise EnvironmentProblem(
                f"--cluster {address}: start the study on a machine of the cluster (--cluster auto there); a Ray "
                "client outside it has no place for checkpoints."
            )
        self.ray, self.folder, self.jobs = import_ray(), folder.resolve(), jobs
        self.cpus, self.gpus = cpus, gpus
        self._stage = Path(tempfile.mkdtemp(prefix="paddleseg_lite-study-"))
        self._shipped = _stage_imports(self._stage, imports)
        self._token = self.folder / f"{TOKEN}{uuid.uuid4().hex}"
        self._own = not self.ray.is_initialized()
        self._active: dict[str, Any] = {}  # key -> reference to the task's outcome
        try:
            self._connect(address)
            self._check_room()
            write_text(self._token, self._token.name)
            self._carrier = self._make_carrier(storage)
        except BaseException:
            self.close()
            raise
        self.job = Job(
            threads=cpus,
            device=device,
            imports=tuple(self._shipped),
            keep_weights=keep_weights,
            cwd=os.getcwd(),
            token=str(self._token),
            commit=commit(),
        )

    def _connect(self, address: str) -> None:
        if address not in ("local", "auto"):
            _knock(address)
        package = Path(__file__).resolve().parents[1]
        environment = {"working_dir": str(self._stage), "py_modules": [str(package)], "excludes": ["**/__pycache__/**"]}
        where: dict[str, Any] = {"address": address}
        if address == "local":
            where.update(num_cpus=available_cores(), include_dashboard=False)
        try:
            if self._own:
                self.ray.init(
                    **where,
                    runtime_env=environment,
                    namespace=NAMESPACE,
                    log_to_driver=False,
                    logging_level="error",
                    configure_logging=False,
                )
        except (ConnectionError, ValueError, RuntimeError) as e:
            raise EnvironmentProblem(_nobody(address, e)) from None

    def _check_room(self) -> None:
        nodes = [n["Resources"] for n in self.ray.nodes() if n["Alive"]]
        if not any(n.get("CPU", 0) >= self.cpus and n.get("GPU", 0) >= self.gpus for n in nodes):
            have = "; ".join(f"{n.get('CPU', 0):.0f} CPUs, {n.get('GPU', 0):.0f} GPUs" for n in nodes)
            raise EnvironmentProblem(
                f"a run of {self.cpus} CPUs and {self.gpus:g} GPUs has room on no machine of the cluster ({have}): "
                "lower --cpus_per_run or --gpus_per_run."
            )

    def _make_carrier(self, storage: str | None) -> Any:
        if storage is not None:
            return Storage(storage)
        here = self.ray.get_runtime_context().get_node_id()
        strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        keeper = self.ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=strategy, max_concurrency=4)
        return keeper.remote(str(self.folder / "runs"))

    @property
    def width(self) -> int:
        total = self.ray.cluster_resources()
        fitting = int(total.get("CPU", 0) // self.cpus)
        if self.gpus:
            fitting = min(fitting, int(total.get("GPU", 0) / self.gpus + 1e-9))
        return max(1, min(fitting, self.jobs or fitting))

    def room(self) -> int:
        """Half as many again as have room now wait in Ray's queue, so that no machine waits for this process."""
        width = self.width
        return (self.jobs or width + max(1, width // 2)) - len(self._active)

    def start(self, key: str, target: Path) -> None:
        task = self.ray.remote(run_task).options(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            max_retries=RETRIES,
            retry_exceptions=[InterruptedError],
            name=f"run {key}",
        )
        config = (target / "config.yml").read_text(encoding="utf-8")
        self._active[key] = task.remote(self.job, str(self.folder), key, config, self._carrier)

    def ended(self) -> list[Ended]:
        references = {reference: key for key, reference in self._active.items()}
        if not references:
            time.sleep(PATIENCE / 5)
            return []
        first, _ = self.ray.wait(list(references), num_returns=1, timeout=PATIENCE)
        over, _ = self.ray.wait(list(references), num_returns=len(references), timeout=0) if first else ([], [])
        return [self._outcome(references[reference], reference) for reference in over]

    def _outcome(self, key: str, reference: Any) -> Ended:
        del self._active[key]
        errors = self.ray.exceptions
        try:
            code = self.ray.get(reference)
        except errors.TaskCancelledError:
            return Ended(key, INTERRUPTED)
        except errors.RayError as e:
            first = (str(e).strip().splitlines() or [type(e).__name__])[-1]
            return Ended(key, 1, f"the cluster gave the run up ({type(e).__name__}: {first[:300]})", lost=True)
        target = self.folder / "runs" / key
        if isinstance(self._carrier, Storage):
            self._carrier.fetch(key, target)
        if code == 0 and not self.job.keep_weights:
            drop_weights(target)  # what came here with earlier checkpoints
        return Ended(key, code)

    def stop(self, key: str) -> None:
        if key in self._active:
            self.ray.cancel(self._active[key], force=False)

    def close(self) -> None:
        for reference in self._active.values():
            with contextlib.suppress(Exception):  # the cluster may be gone
                self.ray.cancel(reference, force=False)
        if self._active and self.ray.is_initialized():
            with contextlib.suppress(Exception):
                self.ray.wait(list(self._active.values()), num_returns=len(self._active), timeout=30)
        self._active.clear()
        self._token.unlink(missing_ok=True)
        shutil.rmtree(self._stage, ignore_errors=True)
        if self._own and self.ray.is_initialized():
            self.ray.shutdown()


def _knock(address: str) -> None:
    """Whether anybody listens at HOST:PORT; Ray itself would try for ten minutes.

    Raises:
        EnvironmentProblem: nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as e:
        raise EnvironmentProblem(_nobody(address, e)) from None


def _nobody(address: str, error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"--cluster {address}: no cluster answers there ({first}). Start one (ray start --head, and on the others ray "
        "start --address HOST:PORT), or use --cluster local."
    )


def _stage_imports(stage: Path, imports: Sequence[str]) -> list[str]:
    """Copies of the ``--import`` files in a folder that Ray ships; their paths within it."""
    shipped = []
    for number, file in enumerate(imports):
        place = stage / f"import_{number}" / Path(file).name  # a stem names the module, so it stays
        place.parent.mkdir()
        shutil.copyfile(file, place)
        shipped.append(place.relative_to(stage).as_posix())
    write_text(stage / "README", "The --import files of a study, for the machines of a Ray cluster.\n")
    return shipped
