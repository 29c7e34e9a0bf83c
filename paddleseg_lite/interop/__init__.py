"""At home in the ecosystem: PaddleSeg's configs and weights, torchvision's and ``paddle.vision``'s weights."""
