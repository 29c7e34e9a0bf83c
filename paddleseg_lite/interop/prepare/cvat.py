"""An export of CVAT, whichever of its two formats for segmentation it is: a file, a folder or a zip archive."""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError
from .archives import unpacked
from .cvat_images import cvat_images_job
from .cvat_masks import cvat_masks_job
from .documents import Reader
from .job import Job
from .pictures import is_file, walk


def cvat_job(
    path: Path, images: Path | None = None, *, class_names: list[str] | None = None, reader: Reader | None = None
) -> Job:
    """Labels of an export: by ``labelmap.txt`` where there is one, else by the XML files.

    Args:
        path: ``annotations.xml``, or the folder or zip archive of an export.
        images: folder of the pictures, where the export is without them.
        class_names: labels to keep, in the order of their ids; all by default.
        reader: of the files; by default one that recognises their encoding.
    """
    root, keep = unpacked(path)
    if is_file(root):
        job = cvat_images_job([root], images or root.parent, class_names=class_names, reader=reader)
    elif root.is_dir():
        labelmaps = [p for p in walk(root, (".txt",)) if p.name == "labelmap.txt"]
        files = walk(root, (".xml",))
        if labelmaps:
            job = cvat_masks_job(labelmaps[0], images, class_names=class_names, reader=reader)
        elif files:
            beside = root / "images" if (root / "images").is_dir() else root
            job = cvat_images_job(files, images or beside, class_names=class_names, reader=reader)
        else:
            raise DataError(
                f"{path} holds neither an XML file nor a labelmap.txt: export 'CVAT for images 1.1' or 'Segmentation "
                "mask 1.1'. (For CVAT's COCO and YOLO exports there are 'prepare coco' and 'prepare yolo'.)"
            )
    else:
        raise DataError(f"{path} does not exist.")
    job.keep = keep
    return job
