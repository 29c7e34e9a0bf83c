"""What the studio knows, and that it knows nothing else."""

import json
import shutil

import pytest

from paddleseg_lite.errors import DataError
from paddleseg_lite.studio.library import NETWORK, RECORD, REPORT, STUDY, Library


def test_runs_are_found_by_name_the_newest_first(output):
    library = Library([output])
    assert sorted(library.names(NETWORK)) == ["unet_a", "unet_b"]
    assert sorted(library.names(RECORD)) == ["unet_a", "unet_b"]
    assert library.path(NETWORK, "unet_a") == output / "unet_a"
    assert library.names(STUDY) == []


def test_studies_and_reports_are_found(tmp_path):
    for name, files in (("study", ("report.json", "report.md")), ("run/report", ("scores.json", "per_image.csv"))):
        (tmp_path / name).mkdir(parents=True)
        for file in files:
            (tmp_path / name / file).write_text("x")
    library = Library([tmp_path])
    assert library.names(STUDY) == ["study"]
    assert library.names(REPORT) == ["run/report"]


def test_several_folders_are_told_apart(output, tmp_path):
    other = tmp_path / "more"
    shutil.copytree(output / "unet_a", other / "unet_a")
    names = Library([output, other, tmp_path / "absent"]).names(NETWORK)
    assert sorted(names) == ["more/unet_a", "output/unet_a", "output/unet_b"]


@pytest.mark.parametrize(
    "name", ["../unet_a", "/etc", "unet_a/../unet_a", "", "unet_a/best_model", "\x00", "x" * 10000]
)
def test_a_path_is_no_name(output, name):
    with pytest.raises(DataError, match="the studio knows no run or deployment"):
        Library([output]).path(NETWORK, name)


def test_the_nearest_name_is_told(output):
    with pytest.raises(DataError, match="Did you mean 'unet_a'"):
        Library([output]).path(NETWORK, "unet_aa")


def test_links_do_not_lead_out(output, tmp_path):
    """A linked folder is not followed; a run with one file that is a link to elsewhere is not listed."""
    root = tmp_path / "runs"
    root.mkdir()
    (root / "linked").symlink_to(output / "unet_a")
    shutil.copytree(output / "unet_a", root / "half")
    weights = root / "half" / "best_model" / "model.pdparams"
    weights.unlink()
    weights.symlink_to(output / "unet_a" / "best_model" / "model.pdparams")
    library = Library([root])
    assert library.names(NETWORK) == []
    records = root / "half" / "metrics.jsonl"
    assert library.names(RECORD) == ["half"]
    records.unlink()
    records.symlink_to(output / "unet_a" / "metrics.jsonl")
    assert library.names(RECORD) == []
    assert library.file(root / "half", "metrics.jsonl") is None
    assert library.file(root / "half", "..", "..", "x") is None


def test_a_link_within_the_folders_is_fine(output, tmp_path):
    root = tmp_path / "runs"
    shutil.copytree(output / "unet_a", root / "a")
    manifest = root / "a" / "best_model" / "manifest.json"
    kept = json.loads(manifest.read_text())
    manifest.rename(root / "kept.json")
    manifest.symlink_to(root / "kept.json")
    assert Library([root]).names(NETWORK) == ["a"]
    assert kept
