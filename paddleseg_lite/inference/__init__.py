"""From a picture to class ids: whole, in windows, at several scales; the predictor and the evaluation.

May import: checkpoint, models, data, metrics, postprocess, accel and below.
A new way to cut or average is a file beside ``logits``; what computes is a backend.
"""
