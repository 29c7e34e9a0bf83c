"""Which samples make up iteration i: a pure function of i.

There is no sampler state to save: a run resumes by asking for the batch of the
iteration where it stopped. Epochs are permutations drawn from (seed, epoch).
"""

from __future__ import annotations

import numpy as np

from ..errors import ConfigError, DataError


class BatchSampler:
    """The samples of every iteration, for one of ``world_size`` processes.

    With R processes of batch size B, an iteration takes R x B samples in the
    order of the epoch, and process r gets the r-th B of them: two processes see
    what one would with twice the batch.

    A set smaller than R x B is repeated: batches then run on across the ends of
    epochs, so that each occurrence has an epoch, and random numbers, of its own.

    Args:
        num_samples: in the dataset.
        batch_size: per process.
        seed: of the order.
        shuffle: False takes samples in order.
        drop_last: leave out the samples of an epoch that do not fill a batch; else
            the last batch is smaller (with several processes: filled up from the
            epoch's beginning, to the same number for each).
        rank, world_size: this process among all.

    Attributes:
        batches_per_epoch: iterations in an epoch.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        drop_last: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if num_samples < 1:
            raise DataError("the training set is empty: there are no samples to draw batches from.")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size is a positive integer, but got {batch_size!r}.")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size}.")
        self.num_samples, self.batch_size, self.seed = num_samples, batch_size, int(seed)
        self.shuffle, self.drop_last, self.rank, self.world_size = shuffle, drop_last, rank, world_size
        self._whole = batch_size * world_size
        full, rest = divmod(num_samples, self._whole)
        self.repeats = full == 0
        self.batches_per_epoch = max(1, full if drop_last or not rest else full + 1)
        self._orders: dict[int, np.ndarray] = {}

    def batch(self, iteration: int) -> list[tuple[int, int]]:
        """``(epoch, index)`` of each sample of this process in an iteration (from 0)."""
        if iteration < 0:
            raise ValueError(f"iteration {iteration} is negative.")
        first = self.rank * self.batch_size
        if self.repeats:
            at = iteration * self._whole + first
            return [self._at(*divmod(at + i, self.num_samples)) for i in range(self.batch_size)]
        epoch, step = divmod(iteration, self.batches_per_epoch)
        start = step * self._whole
        count = min(self._whole, self.num_samples - start)
        share = -(-count // self.world_size)  # a last, smaller batch is shared out evenly
        places = [(start + self.rank * share + i) % self.num_samples for i in range(share)]
        return [self._at(epoch, place) for place in places]

    def epoch(self, iteration: int) -> float:
        """Epochs done before ``iteration``, as a fraction."""
        return iteration * self._whole / self.num_samples if self.repeats else iteration / self.batches_per_epoch

    def _at(self, epoch: int, place: int) -> tuple[int, int]:
        if not self.shuffle:
            return epoch, place
        if epoch not in self._orders:
            if len(self._orders) > 3:
                self._orders.clear()
            sequence = np.random.SeedSequence(self.seed, spawn_key=(0, epoch))
            self._orders[epoch] = np.random.Generator(np.random.PCG64(sequence)).permutation(self.num_samples)
        return epoch, int(self._orders[epoch][place])


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one sample in one epoch, the same in whatever process it is made."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1, epoch, index))))
