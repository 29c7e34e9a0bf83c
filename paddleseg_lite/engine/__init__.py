"""Running networks: training, evaluation, prediction, checkpoints."""
