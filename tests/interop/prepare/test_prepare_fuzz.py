"""A few of the cases that ``benchmarks/fuzz/annotations.py`` runs by the thousand."""

import warnings

import pytest
from fuzz_run import LIMIT, run_case
from mutated import KINDS


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=list(KINDS))
def test_mutated_files_are_read_right_or_refused(tmp_path, kind):
    warnings.simplefilter("ignore")  # of pycocotools
    outcomes, compared = set(), 0
    for number in range(kind, kind + 12 * len(KINDS), len(KINDS)):
        result = run_case(number, tmp_path / str(number))
        assert result.outcome != "failed" and result.seconds < LIMIT, f"case {number}: {result.message}"
        outcomes.add(result.outcome)
        compared += result.compared
    assert outcomes == {"read", "refused"} and compared  # neither is the answer to everything
