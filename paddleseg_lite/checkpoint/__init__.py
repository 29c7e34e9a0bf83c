"""Checkpoints: folders that are whole or absent, which of them stay, the state of an optimizer by name.

May import: weights, files, errors.
A new file of a checkpoint is written and read in ``folder``.
"""
