"""At home in the ecosystem: configs, weights and data of PaddleSeg, torchvision, ``paddle.vision`` and others.

May import: config, data, models, weights and below.
A schema of others registers a translator in ``TRANSLATORS``; weights of others a converter in ``converters``;
annotations of others are a file in ``prepare``.
"""
