"""Categories of Fashion-MNIST, in the order of the network's outputs, and when two names are the same."""

import unicodedata

_FASHION_MNIST = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
FASHION_MNIST = tuple(_FASHION_MNIST.split(", "))
"""Names and order of the labels 0–9 as published (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, table 2)."""


def plain(name: str) -> str:
    """Reduce a category's name to what counts when it is compared: letters and digits, in any case.

    Names of folders cannot hold every character ("/"), and people leave hyphens out. The marks that some scripts write
    their vowels with count, too.
    """
    composed = unicodedata.normalize("NFC", name.casefold())
    return "".join(sign for sign in composed if sign.isalnum() or unicodedata.category(sign).startswith("M"))
