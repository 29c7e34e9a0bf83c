"""Which oneDNN library is used, if any: found, checked and loaded once.

:func:`load` checks the version and then computes a small convolution, so a
library whose constants differ from ours is refused rather than trusted.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from .dnnl import ISA_AMX, ISA_AVX2, ISA_AVX512_BF16, ISA_AVX512_CORE, DnnlError, Library
from .selfcheck import check_convolution

_lock = threading.Lock()
_library: Library | None = None
_problem: str | None = None


def load() -> Library:
    """Return the library, loading and checking it on the first call.

    Raises:
        DnnlError: it is missing, too old, incomplete or wrong; the text says which.
    """
    global _library, _problem
    if _library is None and _problem is None:
        with _lock:
            if _library is None and _problem is None:
                try:
                    _library = _load()
                except (OSError, AttributeError, DnnlError) as e:
                    _problem = str(e)
    if _library is None:
        raise DnnlError(_problem)
    return _library


def _load() -> Library:
    library = Library(find())
    check_convolution(library)
    return library


def find() -> Path:
    """Path of the library: ``PADDLESEG_LITE_ONEDNN`` if set (``off`` for none), else the copy in the Paddle wheel."""
    asked = os.environ.get("PADDLESEG_LITE_ONEDNN")
    if asked == "off":
        raise DnnlError("switched off by PADDLESEG_LITE_ONEDNN=off")
    if asked:
        return Path(asked)
    import paddle

    folder = Path(paddle.__file__).parent / "libs"
    for path in sorted(folder.glob("libdnnl.so.3*")):
        return path
    raise DnnlError(f"no libdnnl.so.3 in {folder}")


def available() -> tuple[bool, str]:
    """Whether oneDNN can be used, and a sentence saying what was found or what is missing."""
    try:
        library = load()
    except DnnlError as e:
        return False, str(e)
    return True, f"oneDNN {'.'.join(map(str, library.version))}, {processor(library)}"


def processor(library: Library) -> str:
    """The widest instruction set that matters here."""
    for isa, name in (
        (ISA_AMX, "AMX"),
        (ISA_AVX512_BF16, "AVX-512 BF16"),
        (ISA_AVX512_CORE, "AVX-512"),
        (ISA_AVX2, "AVX2"),
    ):
        if library.has(isa):
            return name
    return "SSE"


def has_bf16() -> bool:
    """Whether bf16 arithmetic is done by the processor (AVX512-BF16 or AMX)."""
    return available()[0] and load().has(ISA_AVX512_BF16)
