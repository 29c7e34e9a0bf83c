"""Graph-reasoning units, the comparisons and the controls, all with one interface.

May import: layers, registry, errors; it knows nothing of models.
A new unit is a file with a ``@CONTEXTS.register`` class, and its import line here.
"""

from .attention import ANN, DNL, OCR, CCNet, DANet, EMANet, GCNet, ISANet
from .base import ContextUnit, Explanation, NodeUnit, count_parameters
from .controls import GlobalPool, IdentityGraph, MatchedConv, ShuffledAssignment
from .dgcnet import DGCNet
from .embeddings import gaussian_embeddings, read_glove
from .gcn import GCNLayer, LearnedGCN, normalize_adjacency
from .gcu import GCU
from .ginet import GINet
from .glore import GloRe
from .initialise import initialise_contexts
from .nonlocal_block import NonLocal
from .pyramid_units import ASPPUnit, PPMUnit
from .spygr import SpyGR
from .stack import Stack

__all__ = [
    "ANN",
    "DNL",
    "GCU",
    "OCR",
    "ASPPUnit",
    "CCNet",
    "ContextUnit",
    "DANet",
    "DGCNet",
    "EMANet",
    "Explanation",
    "GCNLayer",
    "GCNet",
    "GINet",
    "GloRe",
    "GlobalPool",
    "ISANet",
    "IdentityGraph",
    "LearnedGCN",
    "MatchedConv",
    "NodeUnit",
    "NonLocal",
    "PPMUnit",
    "ShuffledAssignment",
    "SpyGR",
    "Stack",
    "count_parameters",
    "gaussian_embeddings",
    "initialise_contexts",
    "normalize_adjacency",
    "read_glove",
]
