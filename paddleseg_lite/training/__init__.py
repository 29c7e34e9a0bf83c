"""Training: the loop, what stands beside it, the guard of numbers, precision, several processes.

May import: inference, checkpoint, optim, visualize, models, losses, data and below.
Anything optional is a callback (``callbacks``), not a branch of the loop.
"""
