"""The oneDNN library inside the Paddle wheel, reached through ctypes.

Paddle ships oneDNN (``paddle/libs/libdnnl.so.3``) with its whole C interface
exported, but its eager mode never calls it. This module declares the few
functions used here, turns status codes into exceptions and keeps one CPU engine
and stream. Constants are those of the C interface of oneDNN 3.x.

Source: oneDNN 3 developer guide, https://uxlfoundation.github.io/oneDNN/.
"""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

MIN_VERSION, MAX_VERSION = (3, 2), (4, 0)

# data types
F32, BF16, S32, U8 = 3, 2, 4, 6
# format tag "any": the library chooses
TAG_ANY = 1
# propagation
FORWARD_TRAINING, FORWARD_INFERENCE, BACKWARD, BACKWARD_DATA = 64, 96, 128, 160
# algorithms
CONV_DIRECT, DECONV_DIRECT = 1, 10
RELU, RELU_BY_DST = 32, 256
POOL_MAX, POOL_AVERAGE_WITH_PADDING = 511, 767
RESAMPLE_LINEAR = 196593
BINARY_ADD, BINARY_MUL = 131056, 131057
# normalisation flags
GLOBAL_STATS, USE_SCALE, USE_SHIFT, FUSE_RELU = 1, 2, 4, 8
# arguments of an execution
SRC, SRC_1, DST, WEIGHTS, BIAS = 1, 2, 17, 33, 41
MEAN, VARIANCE, SCALE, SHIFT, WORKSPACE, SCRATCHPAD = 49, 50, 51, 52, 64, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 169, 255, 256
MULTIPLE_SRC, POST_OP_BASE = 1024, 32768
# queries on a primitive descriptor
QUERY_IMPL = 8
QUERY_SRC, QUERY_DIFF_SRC, QUERY_WEIGHTS, QUERY_DIFF_WEIGHTS, QUERY_DST, QUERY_DIFF_DST = range(129, 135)
QUERY_WORKSPACE, QUERY_SCRATCHPAD = 135, 136
# bits of dnnl_get_effective_cpu_isa
ISA_AVX2, ISA_AVX512_CORE, ISA_AVX512_BF16, ISA_AMX = 0x7, 0x27, 0xE7, 0xFEF

_STATUS = {
    1: "out of memory",
    2: "invalid arguments",
    3: "unimplemented",
    4: "no further implementation",
    5: "runtime error",
    6: "not required",
}

_CPU, _STREAM_DEFAULT, MAX_DIMS = 1, 1, 12

Handle = ctypes.c_void_p
Dims = ctypes.c_int64 * MAX_DIMS


class DnnlError(RuntimeError):
    """A oneDNN call failed."""


class Unimplemented(DnnlError):
    """oneDNN has no (fast) implementation of the operation asked for."""


class ExecArg(ctypes.Structure):
    """``dnnl_exec_arg_t``: which argument, and its memory."""

    _fields_ = [("arg", ctypes.c_int), ("memory", Handle)]


class _Version(ctypes.Structure):
    _fields_ = [("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int)]


_int, _uint, _float, _size, _out = ctypes.c_int, ctypes.c_uint, ctypes.c_float, ctypes.c_size_t, ctypes.POINTER(Handle)
_H, _dims, _handles = Handle, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(Handle)

# name (after "dnnl_") -> argument types; all of these return a status
_PROTOTYPES = {
    "engine_create": (_out, _int, _size),
    "stream_create": (_out, _H, _uint),
    "memory_desc_create_with_strides": (_out, _int, _dims, _int, _dims),
    "memory_desc_create_with_tag": (_out, _int, _dims, _int, _int),
    "memory_desc_destroy": (_H,),
    "memory_create": (_out, _H, _H, _H),
    "memory_destroy": (_H,),
    "primitive_attr_create": (_out,),
    "primitive_attr_destroy": (_H,),
    "primitive_attr_set_scratchpad_mode": (_H, _int),
    "primitive_attr_set_fpmath_mode": (_H, _int),
    "primitive_attr_set_post_ops": (_H, _H),
    "post_ops_create": (_out,),
    "post_ops_destroy": (_H,),
    "post_ops_append_eltwise": (_H, _int, _float, _float),
    "post_ops_append_binary": (_H, _int, _H),
    "post_ops_append_prelu": (_H, _int),
    "primitive_desc_query": (_H, _int, _int, _H),
    "primitive_desc_destroy": (_H,),
    "primitive_create": (_out, _H),
    "primitive_destroy": (_H,),
    "primitive_execute": (_H, _H, _int, ctypes.POINTER(ExecArg)),
    "reorder_primitive_desc_create": (_out, _H, _H, _H, _H, _H),
    "concat_primitive_desc_create": (_out, _H, _H, _int, _int, _handles, _H),
    "binary_primitive_desc_create": (_out, _H, _int, _H, _H, _H, _H),
    "matmul_primitive_desc_create": (_out, *[_H] * 6),
    "convolution_forward_primitive_desc_create": (_out, _H, _int, _int, *[_H] * 4, *[_dims] * 4, _H),
    "convolution_backward_data_primitive_desc_create": (_out, _H, _int, *[_H] * 3, *[_dims] * 4, _H, _H),
    "convolution_backward_weights_primitive_desc_create": (_out, _H, _int, *[_H] * 4, *[_dims] * 4, _H, _H),
    "deconvolution_forward_primitive_desc_create": (_out, _H, _int, _int, *[_H] * 4, *[_dims] * 4, _H),
    "deconvolution_backward_data_primitive_desc_create": (_out, _H, _int, *[_H] * 3, *[_dims] * 4, _H, _H),
    "deconvolution_backward_weights_primitive_desc_create": (_out, _H, _int, *[_H] * 4, *[_dims] * 4, _H, _H),
    "batch_normalization_forward_primitive_desc_create": (_out, _H, _int, _H, _H, _float, _uint, _H),
    "batch_normalization_backward_primitive_desc_create": (_out, _H, _int, _H, _H, _H, _float, _uint, _H, _H),
    "pooling_forward_primitive_desc_create": (_out, _H, _int, _int, _H, _H, *[_dims] * 5, _H),
    "pooling_backward_primitive_desc_create": (_out, _H, _int, _H, _H, *[_dims] * 5, _H, _H),
    "resampling_forward_primitive_desc_create": (_out, _H, _int, _int, ctypes.POINTER(_float), _H, _H, _H),
    "resampling_backward_primitive_desc_create": (_out, _H, _int, ctypes.POINTER(_float), _H, _H, _H, _H),
    "prelu_forward_primitive_desc_create": (_out, _H, _int, _H, _H, _H, _H),
    "prelu_backward_primitive_desc_create": (_out, _H, *[_H] * 7),
    "eltwise_forward_primitive_desc_create": (_out, _H, _int, _int, _H, _H, _float, _float, _H),
    "eltwise_backward_primitive_desc_create": (_out, _H, _int, _H, _H, _H, _float, _float, _H, _H),
}


class Library:
    """The loaded library: ``lib.name(...)`` calls ``dnnl_name`` and raises on a bad status."""

    def __init__(self, path: Path):
        if platform.system() != "Linux":
            raise DnnlError(f"oneDNN is used on Linux only, not on {platform.system()}")
        cdll = ctypes.CDLL(str(path))
        self.path = path
        cdll.dnnl_version.restype = ctypes.POINTER(_Version)
        found = cdll.dnnl_version().contents
        self.version = (found.major, found.minor, found.patch)
        if not MIN_VERSION <= self.version < MAX_VERSION:
            raise DnnlError(f"{path.name} is oneDNN {'.'.join(map(str, self.version))}; 3.2 or later 3.x is needed")
        for name, arguments in _PROTOTYPES.items():
            function = getattr(cdll, f"dnnl_{name}")
            function.argtypes, function.restype = arguments, self._check
            setattr(self, name, function)
        self.memory_desc_equal = cdll.dnnl_memory_desc_equal
        self.memory_desc_equal.argtypes, self.memory_desc_equal.restype = (_H, _H), _int
        self.memory_desc_get_size = cdll.dnnl_memory_desc_get_size
        self.memory_desc_get_size.argtypes, self.memory_desc_get_size.restype = (_H,), _size
        self.primitive_desc_query_md = cdll.dnnl_primitive_desc_query_md
        self.primitive_desc_query_md.argtypes, self.primitive_desc_query_md.restype = (_H, _int, _int), _H
        # Does nothing but store a pointer, so it is not worth releasing the interpreter lock for.
        self.set_pointer = ctypes.PyDLL(str(path)).dnnl_memory_set_data_handle
        self.set_pointer.argtypes, self.set_pointer.restype = (_H, _H), _int
        self.isa = int(cdll.dnnl_get_effective_cpu_isa())
        self.engine, self.stream = Handle(), Handle()
        self.engine_create(ctypes.byref(self.engine), _CPU, 0)
        self.stream_create(ctypes.byref(self.stream), self.engine, _STREAM_DEFAULT)

    @staticmethod
    def _check(status: int) -> int:
        if status == 0:
            return 0
        kind = Unimplemented if status in (3, 4) else DnnlError
        raise kind(f"oneDNN: {_STATUS.get(status, f'status {status}')}")

    def has(self, isa: int) -> bool:
        """Whether the processor (as the library sees it) has all of these instruction sets."""
        return self.isa & isa == isa
