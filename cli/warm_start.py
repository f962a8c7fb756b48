"""Bundles that a training starts from or learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.bundle import Bundle


def teacher_networks(references: Sequence[str]) -> dict[str, Any]:
    """Load the keras.Model of each bundle, by the bundle's id. Raises BundleError."""
    from model.keras_network import load_network

    return {bundle.id: load_network(bundle.folder) for bundle in map(_bundle, references)}


def warm_start(reference: str) -> tuple[str, Any, dict[str, Any]]:
    """A bundle's name, its keras.Model as it was trained, and how that came to be. Raises BundleError."""
    from model.keras_network import load_network, trained_in

    bundle = _bundle(reference)
    return bundle.name, trained_in(load_network(bundle.folder)), {"model": bundle.id, **bundle.training}


def _bundle(reference: str) -> Bundle:
    from model import bundle as library

    return library.read(library.find(reference))
