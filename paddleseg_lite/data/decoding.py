"""From the bytes of a file to the samples of an image, as they are stored.

TIFF goes by its header (:mod:`tiff`), GIF to Pillow, everything else to OpenCV.
Which samples make up ``channels`` is decided here: alpha is dropped, grey is
repeated to three, a palette gives its colours, and any other number of bands
than was asked for is an error that says how many there are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import GifImagePlugin

from ..errors import DataError
from . import exif, png, pnm, tiff, tiff_segments
from .reading import need_memory
from .sizes import header_size

GIF = (b"GIF87a", b"GIF89a")
_DECODING = 8  # bytes a pixel: three samples, and coefficients of a progressive JPEG
_OPENCV_UNPACKS = (1, *tiff.FAX, 5, *tiff.JPEG, 8, 32773, 32946)  # the compressions that its libtiff has


@dataclass(frozen=True)
class Samples:
    """What a file holds, upright.

    Attributes:
        values: [H, W, C] as stored, RGB order.
        top: the largest value the format allows; None where the type alone says it.
    """

    values: np.ndarray
    top: int | None = None


def decode_samples(data: bytes, name: str, channels: int) -> Samples:
    """Decode an encoded image.

    Raises:
        DataError: damaged, of another type, too large, or of other channels.
    """
    refuse_others(data, "image", name)
    try:
        if tiff.is_tiff(data):
            return _decode_tiff(data, name, channels)
        if data[:6] in GIF:
            samples = Samples(choose_channels(_gif_colours(data, name), channels, name))
        else:
            data = pnm.as_binary(data)
            samples = Samples(_by_opencv(data, name, channels), pnm.max_value(data))
    except MemoryError as e:
        raise DataError(f"image {name} does not fit into memory: cut it into smaller pictures.") from e
    if samples.values.shape[2] != channels:
        raise wrong_channels(name, samples.values.shape[2], channels)
    return samples


def refuse_others(data: bytes, kind: str, name: str) -> None:
    """Raise DataError for a web page that stands in the place of a picture, and for an animated WebP."""
    if data[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise DataError(f"{kind} {name} is a web page, so its download went wrong: download the {kind} itself.")
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) > 20 and data[20] & 2:
        raise DataError(f"{kind} {name} is an animation: write the frame that is meant as PNG.")


def wrong_channels(name: str, found: int, channels: int) -> DataError:
    """The error for a picture of ``found`` bands where ``channels`` are asked for."""
    return DataError(
        f"image {name} has {found} channels, but {channels} are asked for: set img_channels to {found} (and "
        "in_channels of the model), or convert the image."
    )


def choose_channels(image: np.ndarray, channels: int, name: str, *, alpha: bool = True) -> np.ndarray:
    """``channels`` of grey [H, W, 1], grey and alpha, RGB or RGBA; ``alpha``: whether the last of 2 or 4 is one."""
    found = image.shape[2]
    if found == channels:
        return image
    if found in (2, 4) and alpha:
        image = image[..., : found - 1]
    if image.shape[2] == 1 and channels == 3:
        return np.repeat(image, 3, axis=2)
    if image.shape[2] == 3 and channels == 1 and image.dtype in (np.uint8, np.uint16, np.float32):
        return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None]
    if image.shape[2] == channels:
        return image
    raise wrong_channels(name, found, channels)


def opencv(data: bytes, kind: str, name: str, flag: int) -> np.ndarray:
    """Decode with OpenCV: [H, W] or [H, W, C] in BGR order, as it lies in the file.

    Raises:
        DataError: it is damaged, no image, or too large.
    """
    if data[:2] == b"\xff\xd8":
        check_jpeg(data, kind, name)
    if (size := header_size(data)) is not None:
        need_memory(_DECODING * size[0] * size[1], f"{kind} {name}", f"{size[1]} x {size[0]} pixels")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as e:
        text = str(e).strip()
        if e.code == cv2.Error.StsNoMem or "CV_IO_MAX_IMAGE" in text:
            raise DataError(
                f"{kind} {name} is too large to be read: cut it into smaller pictures ({text[-90:]})."
            ) from e
        raise DataError(f"{kind} {name} cannot be decoded ({text[-120:]}).") from e
    if image is None:
        raise DataError(
            f"{kind} {name} cannot be decoded: it is damaged, or no image file "
            f"(its first bytes are {data[:8].hex(' ')})."
        )
    return image


def check_png(data: bytes, kind: str, name: str, *, whole: bool = True) -> png.Header:
    """The header of a PNG that is complete, undamaged and not too large for this machine."""
    try:
        header = png.check(data) if whole else png.read_header(data)
    except png.TooLarge as e:
        raise DataError(f"{kind} {name} is too large to be read: {e}. Cut it into smaller pictures.") from e
    except png.PngError as e:
        raise DataError(f"{kind} {name} is a damaged PNG: {e}. Copy or make it again.") from e
    return header


def check_jpeg(data: bytes, kind: str, name: str) -> None:
    """Raise DataError for a JPEG without an end: some OpenCV fill the rest with grey, silently."""
    if exif.jpeg_is_cut(data):
        raise DataError(f"{kind} {name} is a truncated JPEG (no end marker): copy or download it again.")


def tiff_header(data: bytes, kind: str, name: str) -> tiff.Header:
    """The header of a TIFF; what is wrong with it as one of our errors."""
    try:
        return tiff.read_header(data)
    except tiff.TiffError as e:
        raise tiff.as_data_error(e, kind, name) from e


def tiff_samples(data: bytes, header: tiff.Header, kind: str, name: str) -> np.ndarray:
    """Samples of a TIFF as stored, [H, W, C], upright."""
    need_memory(3 * tiff_segments.decoded_bytes(header), f"{kind} {name}", f"{header.width} x {header.height} pixels")
    try:
        stored = tiff_segments.read_samples(data, header)
    except tiff.TiffError as e:
        raise tiff.as_data_error(e, kind, name) from e
    return exif.upright(stored, header.orientation)


def _decode_tiff(data: bytes, name: str, channels: int) -> Samples:
    header = tiff_header(data, "image", name)
    if header.photometric in tiff.CONVERTED and (header.samples != channels or header.photometric != tiff.SEPARATED):
        return Samples(_tiff_by_opencv(data, header, name, channels))
    if header.lossy or header.compression in tiff.FAX:
        return Samples(_tiff_by_opencv(data, header, name, channels))
    if header.photometric == tiff.WHITE_IS_ZERO and (header.bits > 8 or header.kind != "u"):
        raise DataError(
            f"image {name} is a TIFF that is not read: its {header.bits}-bit samples are stored white-is-zero, which "
            "some programs turn over and some do not. Write it black-is-zero."
        )
    stored = tiff_samples(data, header, "image", name)
    if header.photometric == tiff.PALETTE:
        return Samples(choose_channels(_coloured(stored, header, name), channels, name))
    if header.photometric == tiff.WHITE_IS_ZERO:
        stored[..., 0] = header.top - stored[..., 0]
    beside = len(header.extra) == 1 and (header.alpha or header.photometric == tiff.RGB)  # may be left out
    if header.samples != channels and header.samples - beside not in (1, 3):
        raise wrong_channels(name, header.samples, channels)
    if header.samples - beside == 3 and header.photometric != tiff.RGB and channels == 1:
        raise wrong_channels(name, header.samples, channels)  # three bands that are no colours have no grey
    return Samples(choose_channels(stored, channels, name, alpha=beside), header.top)


def _coloured(stored: np.ndarray, header: tiff.Header, name: str) -> np.ndarray:
    """The colours of palette indices [H, W, 1]."""
    if header.samples != 1 or header.kind != "u":
        raise DataError(f"image {name} is a TIFF that is not read: a palette with {header.samples} samples a pixel.")
    if header.colours is None or stored.max(initial=0) >= len(header.colours):
        raise DataError(f"image {name} is a damaged TIFF: it holds indices beyond its palette. Make it again.")
    return header.colours[stored[..., 0]]


def _tiff_by_opencv(data: bytes, header: tiff.Header, name: str, channels: int) -> np.ndarray:
    """A TIFF whose colours need a conversion, or a fax: what libtiff makes of it for the eye; upright already."""
    alone = header.samples == {tiff.SEPARATED: 4, tiff.WHITE_IS_ZERO: 1, tiff.BLACK_IS_ZERO: 1}.get(
        header.photometric, 3
    )
    known = header.compression in _OPENCV_UNPACKS and header.bits in (1, 8) and header.kind == "u"
    if not alone or not known or channels not in (1, 3):
        what = [tiff.NAMES.get(header.photometric, "plain bands"), f"compression {header.compression}"]
        raise DataError(
            f"image {name} is a TIFF that is not read: {header.samples} bands of {header.bits} bits as "
            f"{' with '.join(what)}, where {channels} channels are asked for. Write plain bands with Deflate or LZW "
            "(gdal_translate -co COMPRESS=DEFLATE, tiffcp -c zip)."
        )
    need_memory(4 * header.height * header.width * 4, f"image {name}", f"{header.width} x {header.height} pixels")
    return _rgb(opencv(data, "image", name, cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE))


def _by_opencv(data: bytes, name: str, channels: int) -> np.ndarray:
    """What OpenCV reads as ``channels``, RGB order, upright."""
    depth = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    flag = {3: cv2.IMREAD_COLOR | depth, 1: cv2.IMREAD_GRAYSCALE | depth}.get(channels, cv2.IMREAD_UNCHANGED)
    repeat = False
    grey_alpha = False
    if png.is_png(data):
        header = check_png(data, "image", name)
        repeat = channels == 3 and header.colour == png.GREY and header.depth == 16
        grey_alpha = channels == 2 and header.colour == png.GREY_ALPHA
        flag = cv2.IMREAD_GRAYSCALE | depth if repeat else flag
        samples = header.width * header.height * (1 if repeat else max(channels, 3))
        need_memory(samples * (header.depth // 8 + 2), f"image {name}", f"{header.width} x {header.height} pixels")
    image = exif.upright(_rgb(opencv(data, "image", name, flag)), exif.orientation(data))
    if grey_alpha:
        return np.ascontiguousarray(image[..., [0, -1]])
    return np.repeat(image, 3, axis=2) if repeat else image


def _rgb(image: np.ndarray) -> np.ndarray:
    """OpenCV's [H, W] or BGR as [H, W, C] in RGB order, in its own memory."""
    if image.ndim == 2:
        return image[..., None]
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return cv2.cvtColor(image, codes[image.shape[2]], dst=image) if image.shape[2] in codes else image


def open_gif(data: bytes, kind: str, name: str) -> GifImagePlugin.GifImageFile:
    """A GIF of one picture.

    Raises:
        DataError: it is damaged, or animated.
    """
    try:
        picture = GifImagePlugin.GifImageFile(io.BytesIO(data))
        need_memory(6 * picture.width * picture.height, f"{kind} {name}", f"{picture.width} x {picture.height} pixels")
        frames = picture.n_frames
        picture.seek(0)
        picture.load()
    except MemoryError:
        raise
    except DataError:
        raise
    except Exception as e:  # Pillow raises OSError, SyntaxError, struct.error, EOFError, ...
        raise DataError(f"{kind} {name} is a damaged GIF ({e}). Copy or make it again.") from e
    if frames > 1:
        raise DataError(f"{kind} {name} is an animation of {frames} frames: write the one that is meant as PNG.")
    return picture


def _gif_colours(data: bytes, name: str) -> np.ndarray:
    return np.asarray(open_gif(data, "image", name).convert("RGB"))
