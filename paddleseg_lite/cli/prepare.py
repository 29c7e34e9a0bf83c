"""Own data to PNG files of class ids and lists: ``python tools/prepare.py labelme --input DIR --output DIR``."""

from __future__ import annotations

from . import common as cli


def build_parser():
    p = cli.parser(__doc__)
    commands = p.add_subparsers(dest="command", required=True)

    def add(name, text):
        c = commands.add_parser(name, help=text, description=text)
        c.add_argument("--dry_run", action="store_true", help="check everything and write no data")
        c.add_argument("--preview", metavar="PNG", help="sheet of images and labels; default: OUTPUT/preview.png")
        c.add_argument("--no_preview", action="store_true", help="no preview sheet")
        c.add_argument("--samples", type=int, default=6, help="pictures on the preview")
        c.add_argument("--skip_bad", action="store_true", help="leave out files that cannot be used")
        c.add_argument("--overwrite", action="store_true", help="replace what is there")
        c.add_argument("--encoding", help="of JSON, XML and text files; default: UTF-8, UTF-16 or GB18030, what fits")
        return c

    c = add("labelme", "JSON files of labelme: images, annotations and labels.txt")
    c.add_argument("--input", required=True, help="folder of JSON files and images")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="class names after the background: a file, or a,b,c; default: all found")
    c.add_argument("--line_width", type=int, default=5, help="of lines and points, pixels")
    c = add("coco", "COCO instances or panoptic JSON: images, annotations and labels.txt")
    c.add_argument("--json", required=True, help="annotation file")
    c.add_argument("--images", required=True, help="folder of images")
    c.add_argument("--panoptic_dir", help="folder of panoptic PNGs, with a panoptic JSON")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="categories to keep, in order: a file, or a,b,c")
    c.add_argument("--crowd", choices=["keep", "ignore"], default="keep", help="regions of many objects")
    c = add("yolo", "YOLO segmentation text files (and data.yaml): images, annotations and labels.txt")
    c.add_argument("--input", required=True, help="folder or zip of pictures and text files")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="classes to keep, in order: a file, or a,b,c")
    c = add("labelstudio", "Label Studio's JSON: polygons, brush masks, rectangles, ellipses")
    c.add_argument("--json", required=True, help="the export, JSON or JSON-MIN")
    c.add_argument("--images", required=True, help="folder of images")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="classes to keep, in order: a file, or a,b,c")
    c = add("cvat", "CVAT's exports 'CVAT for images' and 'Segmentation mask'")
    c.add_argument("--input", required=True, help="annotations.xml, or the folder or zip of the export")
    c.add_argument("--images", help="folder of images, where the export is without them")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="labels to keep, in order: a file, or a,b,c")
    c = add("roboflow", "Roboflow's exports 'COCO Segmentation' and 'Semantic Segmentation Masks'")
    c.add_argument("--input", required=True, help="folder or zip of the export")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--classes", help="classes to keep, in order (COCO): a file, or a,b,c")
    c.add_argument("--crowd", choices=["keep", "ignore"], default="keep", help="regions of many objects")
    c = add("scenes", "procedural street scenes: pictures to try a network or the way of own data with")
    c.add_argument("--output", required=True, help="dataset folder to make")
    c.add_argument("--count", type=int, default=12, help="how many")
    c.add_argument("--size", type=int, default=128, help="height and width, at least 32 pixels; recipes train on 96")
    c.add_argument("--seed", type=int, default=1, help="of the set; 0 is the one that recipes train on")
    c = add("rgb2id", "colour pictures to class ids")
    c.add_argument("--input", required=True, help="folder of colour labels")
    c.add_argument("--output", required=True, help="folder for the id labels")
    c.add_argument("--colors", required=True, help="text file: name R G B, one class a line; 'ignore' is ignored")
    c.add_argument("--images", help="folder of images of the same names, for the preview")
    c.add_argument("--unknown", choices=["error", "ignore"], default="error", help="colours not in the table")
    c = add("split", "train.txt, val.txt, test.txt from folders of images and labels")
    c.add_argument("--root", required=True, help="dataset folder")
    c.add_argument("--images", default="images", help="folder of images in it")
    c.add_argument("--labels", default="annotations", help="folder of labels in it")
    c.add_argument("--ratio", nargs="+", type=float, default=[0.8, 0.2], help="shares of train, val (, test)")
    c.add_argument("--seed", type=int, default=0, help="of the shuffling")
    c.add_argument("--image_suffix", default="", help="end of image names that labels lack")
    c.add_argument("--label_suffix", default="", help="end of label names that images lack")
    c.add_argument("--classes", help="class names to check ids against: a file, or a,b,c; default: labels.txt")
    c = add("voc_aug", "SBD labels into VOC2012: SegmentationClassAug, trainaug.txt, aug.txt")
    c.add_argument("--root", required=True, help="VOCdevkit or VOC2012")
    c.add_argument("--sbd", required=True, help="SBD's dataset folder, with cls/*.mat")
    c = add("cityscapes", "check Cityscapes; --train_ids writes labelTrainIds")
    c.add_argument("--root", required=True, help="folder with leftImg8bit and gtFine")
    c.add_argument("--train_ids", action="store_true", help="write *_gtFine_labelTrainIds.png")
    c = add("ade20k", "check ADE20K")
    c.add_argument("--root", required=True, help="ADEChallengeData2016")
    return p


def main(argv=None):
    args = build_parser().parse_args(argv)
    settled = cli.start(args)

    from .jobs.prepare import prepare

    return prepare(args, gpu=settled.device.startswith("gpu"))
