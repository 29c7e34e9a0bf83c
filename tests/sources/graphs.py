"""Graph convolution, GCU, GloRe, GINet and the dense CRF, each step against sums written out."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import paddle

from paddleseg_lite.graph import GCU, GCNLayer, GINet, GloRe
from paddleseg_lite.graph.base import pixels
from paddleseg_lite.graph.gcn import normalize_adjacency
from paddleseg_lite.postprocess import DenseCRF
from tests.golden.formula import formula_state, uniform
from tests.sources.items import item

C, H, W, V, D, K = 6, 4, 5, 3, 4, 5
X = np.abs(uniform("features", [2, C, H, W])).astype(np.float32)
FLAT = X.reshape(2, C, H * W).astype(np.float64)


def filled(unit):
    state = {name: value.shape for name, value in unit.state_dict().items()}
    state = {name: value.astype(np.float64) for name, value in formula_state(state).items()}
    unit.set_state_dict({name: value.astype(np.float32) for name, value in state.items()})
    unit.eval()
    return unit, state


def tensor(x):
    return paddle.to_tensor(np.asarray(x, dtype=np.float32))


def numpy(x):
    return x.detach().numpy()


def one_by_one(x, state, name):
    """A 1x1 convolution of pixels ``[N, C, L]``."""
    w = state[f"{name}.weight"][:, :, 0, 0]
    y = np.stack([sum(w[:, c, None] * x[n, c] for c in range(x.shape[1])) for n in range(len(x))])
    bias = state.get(f"{name}.bias")
    return y if bias is None else y + bias[:, None]


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def norm(x, state, name, epsilon=1e-5):
    """Eval-mode BN of ``[N, C, ...]``."""
    shape = [1, -1] + [1] * (x.ndim - 2)
    mean, var, scale, shift = (state[f"{name}.{p}"].reshape(shape) for p in ("_mean", "_variance", "weight", "bias"))
    return (x - mean) / np.sqrt(var + epsilon) * scale + shift


# -- day 5: graph convolution ------------------------------------------------------------------

EDGES = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]], dtype=np.float64)
NODES = uniform("nodes", [4, 3])


def message_matrix():
    a = EDGES + np.eye(4)
    degree = [sum(row) for row in a]
    return np.array([[a[i][j] / math.sqrt(degree[i] * degree[j]) for j in range(4)] for i in range(4)])


@item("day 5", "message passing matrix: D~^-1/2 (A + I) D~^-1/2")
def adjacency():
    return numpy(normalize_adjacency(tensor(EDGES))), message_matrix()


@item("day 5", "mean of the neighbours: D~^-1 (A + I)")
def random_walk():
    a = EDGES + np.eye(4)
    return numpy(normalize_adjacency(tensor(EDGES), "rw")), [[v / sum(row) for v in row] for row in a]


def propagate(h, w):
    m = message_matrix()
    return np.array(
        [
            [sum(m[i, j] * h[j, c] * w[c, o] for j in range(4) for c in range(h.shape[1])) for o in range(w.shape[1])]
            for i in range(4)
        ]
    )


@item("day 5", "graph convolution: L H W, state by state")
def graph_convolution():
    layer, state = filled(GCNLayer(3, 2))
    return numpy(layer(tensor(NODES), tensor(EDGES))), propagate(NODES, state["linear.weight"])


@item("day 5", "two layers with ReLU between: how far a message gets")
def two_layers():
    first, a = filled(GCNLayer(3, 5, act=paddle.nn.functional.relu))
    second, b = filled(GCNLayer(5, 2))
    ours = second(first(tensor(NODES), tensor(EDGES)), tensor(EDGES))
    return numpy(ours), propagate(np.maximum(propagate(NODES, a["linear.weight"]), 0), b["linear.weight"])


# -- day 6: GCU --------------------------------------------------------------------------------


def gcu(adj_norm="none"):
    unit, state = filled(GCU(in_channels=C, num_nodes=V, adj_norm=adj_norm))
    w, raw = state["graphs.0.anchors"], state["graphs.0.raw_sigma"]
    sigma = 1 / (1 + np.exp(-raw))
    q, z = np.zeros((2, V, H * W)), np.zeros((2, V, C))
    for n, i in product(range(2), range(H * W)):
        distance = [-0.5 * sum(((FLAT[n, c, i] - w[k, c]) / sigma[k, c]) ** 2 for c in range(C)) for k in range(V)]
        powers = [math.exp(d - max(distance)) for d in distance]
        q[n, :, i] = np.array(powers) / sum(powers)
    for n, k in product(range(2), range(V)):
        total = sum(q[n, k, i] * (FLAT[n, :, i] - w[k]) / sigma[k] for i in range(H * W)) / q[n, k].sum()
        z[n, k] = total / math.sqrt(sum(total**2))
    return unit, state, q, z


@item("day 6", "GCU: projection q_ik = softmax_k(-1/2 |(x_i - w_k) / sigma_k|^2)")
def gcu_projection():
    unit, _, q, _ = gcu()
    return numpy(pixels(unit.assign(tensor(X)))), q


@item("day 6", "GCU: node features, weighted residuals of unit length")
def gcu_nodes():
    unit, _, q, z = gcu()
    return numpy(unit.graphs[0].gather(tensor(FLAT), tensor(q))), z


@item("day 6", "GCU: adjacency Z Z^T, the cosines of the nodes")
def gcu_adjacency():
    unit, _, _, z = gcu()
    theirs = np.array([[[sum(a * b) for b in nodes] for a in nodes] for nodes in z])
    return numpy(unit.explain(tensor(X)).adjacency), theirs


def gcu_reasoned(state, z, adj_norm):
    theirs = []
    for nodes in z:
        a = nodes @ nodes.T
        a = softmax(a, 1) if adj_norm == "softmax" else a
        theirs.append(np.array([sum(a[i, j] * nodes[j] for j in range(V)) for i in range(V)]))
    y = np.stack(theirs) @ state["graphs.0.gcn.linear.weight"]
    return np.maximum(norm(y.transpose(0, 2, 1), state, "graphs.0.norm").transpose(0, 2, 1), 0)


@item("day 6", "GCU: graph convolution ReLU(BN(A Z W))")
def gcu_reasoning():
    unit, state, _, z = gcu()
    return numpy(unit.graphs[0].reason(tensor(z))), gcu_reasoned(state, z, "none")


@item("day 6", "GCU: re-projection x~_i = sum_k q_ik z~_k, fused with the map by 1x1, BN, ReLU")
def gcu_unit():
    unit, state, q, z = gcu("softmax")
    nodes = gcu_reasoned(state, z, "softmax")
    back = np.stack([sum(q[n, k][None] * nodes[n, k][:, None] for k in range(V)) for n in range(2)])
    y = one_by_one(np.concatenate([FLAT, back], 1), state, "fuse.conv")
    return numpy(pixels(unit(tensor(X))[0])), np.maximum(norm(y, state, "fuse.bn"), 0)


# -- day 6: GloRe ------------------------------------------------------------------------------


def glore():
    unit, state = filled(GloRe(in_channels=C, num_state=D, num_nodes=V))
    projection = one_by_one(FLAT, state, "conv_proj")
    states = one_by_one(FLAT, state, "conv_state")
    v = np.stack([[[sum(s * b) / (H * W) for b in projection[n]] for s in states[n]] for n in range(2)])
    return unit, state, projection, v


@item("day 6", "GloRe: from pixels to nodes, (theta X)(phi X)^T / L")
def glore_nodes():
    unit, _, projection, v = glore()
    return numpy(unit.gather(tensor(X), tensor(projection.reshape(2, V, H, W)))), v


def glore_reasoned(v, state, name="gcn"):
    w, bias = state[f"{name}.conv1.weight"][:, :, 0], state[f"{name}.conv1.bias"]
    nodes = v.shape[2]
    h = np.stack([v[..., i] + bias[i] + sum(w[i, j] * v[..., j] for j in range(nodes)) for i in range(nodes)], -1)
    update = state[f"{name}.conv2.weight"][:, :, 0]
    return np.einsum("os,nsv->nov", update, np.maximum(h, 0))


@item("day 6", "GloRe: reasoning W_s ReLU(V (I - A)), the adjacency learned")
def glore_reasoning():
    unit, state, _, v = glore()
    return numpy(unit.gcn(tensor(v))), glore_reasoned(v, state)


@item("day 6", "GloRe: back to the pixels by the same map, X + BN(extend(Y B))")
def glore_unit():
    unit, state, projection, v = glore()
    y = glore_reasoned(v, state)
    back = np.stack([sum(y[n, :, k, None] * projection[n, k] for k in range(V)) for n in range(2)])
    theirs = FLAT + norm(one_by_one(back, state, "conv_extend"), state, "blocker", 1e-4)
    return numpy(pixels(unit(tensor(X))[0])), theirs


# -- day 7: GINet ------------------------------------------------------------------------------


def ginet():
    unit, state = filled(GINet(in_channels=C, num_classes=K, num_state=D, num_nodes=V))
    z, phi = one_by_one(FLAT, state, "conv_theta"), one_by_one(FLAT, state, "conv_phi")
    p = np.stack([[[sum(row * f) / (H * W) for f in phi[n]] for row in z[n]] for n in range(2)])  # Z X W / L
    return unit, state, z, p


def states(p, state, name):
    return glore_reasoned(p.transpose(0, 2, 1), state, name).transpose(0, 2, 1)


def semantic(state):
    s = state["class_embeddings"]
    for i in range(2):
        s = s @ state[f"word_fc.{i}.weight"] + state[f"word_fc.{i}.bias"]
        s = np.maximum(norm(s, state, f"word_norm.{i}"), 0)
    return states(s[None], state, "semantic_gcn")[0]


def linear(x, state, name):
    return x @ state[f"{name}.weight"] + state[f"{name}.bias"]


def interaction(p, s, state):
    """``P_o, S_o, G_s2v, G_v2s`` of one image's nodes."""
    energy = np.array([[sum(a * b) for b in linear(p, state, "key")] for a in linear(s, state, "query")])
    to_visual, to_semantic = softmax(energy, 0), softmax(energy, 1)
    words, looks = linear(s, state, "s2v"), linear(p, state, "v2s")
    p_out = [p[v] + state["beta_s2v"][0, v] * sum(to_visual[k, v] * words[k] for k in range(K)) for v in range(V)]
    s_out = [state["beta_v2s"][0, k] * s[k] + sum(to_semantic[k, v] * looks[v] for v in range(V)) for k in range(K)]
    return np.array(p_out), np.array(s_out), to_visual, to_semantic


def interactions(index):
    unit, state, _, p = ginet()
    p, s = states(p, state, "visual_gcn"), semantic(state)
    ours = unit.interact(tensor(p), tensor(s[None]))[index]
    return numpy(ours), np.stack([interaction(nodes, s, state)[index] for nodes in p])


@item("day 7", "GINet: visual graph P = Z X W / L")
def visual_graph():
    unit, _, z, p = ginet()
    return numpy(unit.gather(tensor(X), tensor(z.reshape(2, V, H, W)))), p


@item("day 7", "GINet: semantic graph, word vectors through two layers, then reasoned")
def semantic_graph():
    unit, state, _, _ = ginet()
    return numpy(unit.class_nodes())[0], semantic(state)


@item("day 7", "GINet: G_s2v, which classes a visual node hears (softmax over classes)")
def s2v_weights():
    return interactions(2)


@item("day 7", "GINet: G_v2s, which visual nodes a class hears (softmax over nodes)")
def v2s_weights():
    return interactions(3)


@item("day 7", "GINet: S2V, P_o = P~ + beta G_s2v^T S~ W")
def s2v():
    return interactions(0)


@item("day 7", "GINet: V2S, S_o = beta S~ + G_v2s P~ W'")
def v2s():
    return interactions(1)


@item("day 7", "GINet: back to the pixels, X + BN(extend(Z^T P_o)), and the presence of each class")
def ginet_unit():
    unit, state, z, p = ginet()
    p, s = states(p, state, "visual_gcn"), semantic(state)
    found = [interaction(nodes, s, state) for nodes in p]
    back = np.stack([sum(found[n][0][v][:, None] * z[n, v] for v in range(V)) for n in range(2)])
    theirs = FLAT + norm(one_by_one(back, state, "conv_extend"), state, "norm")
    presence = np.stack([linear(f[1], state, "presence")[:, 0] for f in found])
    ours, extras = unit(tensor(X))
    return np.concatenate([numpy(ours).ravel(), numpy(extras["presence"]).ravel()]), np.concatenate(
        [theirs.ravel(), presence.ravel()]
    )


# -- day 4: dense CRF --------------------------------------------------------------------------

IMAGE = (127 * (1 + uniform("picture", [5, 6, 3]))).astype(np.uint8)
P = np.exp(uniform("belief", [3, 5, 6])) / np.exp(uniform("belief", [3, 5, 6])).sum(0)


def mean_field(steps, normalize):
    places = list(product(range(5), range(6)))
    colours = IMAGE.astype(np.float64)

    def kernels(i, j):
        near = sum((a - b) ** 2 for a, b in zip(places[i], places[j]))
        alike = sum((colours[places[i]] - colours[places[j]]) ** 2)
        return math.exp(-near / (2 * 5**2) - alike / (2 * 20**2)), math.exp(-near / (2 * 2**2))

    table = np.array([[kernels(i, j) for j in range(30)] for i in range(30)])
    q = P.reshape(3, 30).T.copy()
    for _ in range(steps):
        energy = np.log(P.reshape(3, 30).T)
        for i in range(30):
            for k, weight in enumerate((4.0, 3.0)):
                for j in range(30):
                    degree = math.sqrt(table[i, :, k].sum() * table[j, :, k].sum()) if normalize else 1.0
                    energy[i] += (i != j) * weight * table[i, j, k] / degree * q[j]
        q = softmax(energy, 1)
    return q.T.reshape(3, 5, 6)


def crf(steps, normalize):
    refine = DenseCRF(
        bi_w=4, bi_xy_std=5, bi_rgb_std=20, pos_w=3, pos_xy_std=2, iterations=steps, normalize=normalize, exact=True
    )
    return refine(P, IMAGE), mean_field(steps, normalize)


@item("day 4", "dense CRF: one mean-field step, both kernels, pair by pair")
def crf_step():
    return crf(1, False)


@item("day 4", "dense CRF: five steps with symmetric normalisation")
def crf_steps():
    return crf(5, True)
