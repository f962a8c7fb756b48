"""The categories a bundle can give, in the order of the network's outputs."""

FASHION_MNIST: tuple[str, ...] = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Names and order of the labels 0–9 as published (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, table 2)."""
