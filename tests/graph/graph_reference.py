"""The equations of the units, written out in float64 NumPy without any of the package's shortcuts.

Parameters come as a dict by the unit's own names. Pixels are the rows of a
matrix (L x C) here, as in the papers, where the units keep them as columns.
"""

from __future__ import annotations

import numpy as np


def parameters(layer) -> dict[str, np.ndarray]:
    return {name: np.asarray(value.numpy(), dtype="float64") for name, value in layer.state_dict().items()}


def as_rows(x) -> np.ndarray:
    """``[C, H, W] -> [L, C]``."""
    return np.asarray(x, dtype="float64").reshape(x.shape[0], -1).T


def conv1x1(rows, weight, bias=None):
    out = rows @ weight.reshape(weight.shape[0], -1).T
    return out if bias is None else out + bias


def batch_norm(rows, p, prefix, eps=1e-5):
    """Eval mode."""
    scale = p.get(f"{prefix}.weight", 1.0) / np.sqrt(p[f"{prefix}._variance"] + eps)
    return (rows - p[f"{prefix}._mean"]) * scale + p.get(f"{prefix}.bias", 0.0)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def relu(x):
    return np.maximum(x, 0.0)


def learned_gcn(nodes, p, prefix):
    """Nodes as rows (V x S): messages between rows, then ReLU, then a state update."""
    mix = p[f"{prefix}.conv1.weight"][:, :, 0]
    h = nodes + mix @ nodes + p[f"{prefix}.conv1.bias"][:, None]
    return relu(h) @ p[f"{prefix}.conv2.weight"][:, :, 0].T


def glore(x, p):
    rows = as_rows(x)
    state = conv1x1(rows, p["conv_state.weight"], p["conv_state.bias"])
    projection = conv1x1(rows, p["conv_proj.weight"], p["conv_proj.bias"])
    nodes = np.zeros([projection.shape[1], state.shape[1]])
    for i in range(len(rows)):
        nodes += np.outer(projection[i], state[i]) / len(rows)
    spread = projection @ learned_gcn(nodes, p, "gcn")
    return rows + batch_norm(conv1x1(spread, p["conv_extend.weight"]), p, "blocker", eps=1e-4)


def gcu(x, p, graphs):
    rows = as_rows(x)
    maps = [rows]
    for g in range(graphs):
        anchors, sigma = p[f"graphs.{g}.anchors"], 1 / (1 + np.exp(-p[f"graphs.{g}.raw_sigma"]))
        whitened = (rows[:, None, :] - anchors) / sigma  # L x V x C, in full
        q = softmax(-0.5 * (whitened**2).sum(-1), axis=1)
        z = np.einsum("ik,ikc->kc", q, whitened) / q.sum(0)[:, None]
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        a = softmax(z @ z.T, axis=1)
        updated = relu(batch_norm(a @ z @ p[f"graphs.{g}.gcn.linear.weight"], p, f"graphs.{g}.norm"))
        maps.append(q @ updated)
    fused = conv1x1(np.concatenate(maps, axis=1), p["fuse.conv.weight"])
    return relu(batch_norm(fused, p, "fuse.bn"))


def linear(rows, p, prefix):
    return rows @ p[f"{prefix}.weight"] + p[f"{prefix}.bias"]


def ginet(x, p):
    """Output rows, presence logits, and the two softmaxes of the energy."""
    rows = as_rows(x)
    z = conv1x1(rows, p["conv_theta.weight"], p["conv_theta.bias"])
    visual = z.T @ conv1x1(rows, p["conv_phi.weight"], p["conv_phi.bias"]) / len(rows)
    words = p["class_embeddings"]
    for i in range(2):
        words = relu(batch_norm(linear(words, p, f"word_fc.{i}"), p, f"word_norm.{i}"))
    visual, words = learned_gcn(visual, p, "visual_gcn"), learned_gcn(words, p, "semantic_gcn")
    energy = linear(words, p, "query") @ linear(visual, p, "key").T  # K x V
    to_visual, to_semantic = softmax(energy, 0), softmax(energy, 1)
    visual_out = visual + p["beta_s2v"][0] * (to_visual.T @ linear(words, p, "s2v"))
    words_out = p["beta_v2s"][0] * words + to_semantic @ linear(visual, p, "v2s")
    out = rows + batch_norm(conv1x1(z @ visual_out, p["conv_extend.weight"]), p, "norm")
    return out, linear(words_out, p, "presence")[:, 0], to_visual, to_semantic


def nonlocal_block(x, p):
    rows = as_rows(x)
    theta, phi, g = (conv1x1(rows, p[f"{n}.weight"], p[f"{n}.bias"]) for n in ("theta", "phi", "g"))
    y = np.zeros_like(g)
    for i in range(len(rows)):
        energies = np.array([theta[i] @ phi[j] for j in range(len(rows))])
        weights = softmax(energies, 0)
        for j in range(len(rows)):
            y[i] += weights[j] * g[j]
    return rows + batch_norm(conv1x1(y, p["extend.weight"]), p, "norm")
