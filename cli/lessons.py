"""What a training starts from and learns from: bundles of earlier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.bundle import Bundle
    from model.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Lessons:
    """The networks that a training starts from and learns from: each keras.Model by its bundle's name, or, of
    those learned from, by its id.

    `started_from` tells how the first came to be. With `restart` it is trained on by the whole recipe (a warm restart:
    Loshchilov and Hutter 2016, arXiv:1608.03983), else gently.
    """

    start: Mapping[str, Any]
    teachers: Mapping[str, Any]
    started_from: Mapping[str, Any] | None
    restart: bool = False

    @classmethod
    def of(cls, start: str | None, teachers: Sequence[str], *, restart: bool = False) -> Lessons:
        from model.keras_network import load_network

        taught = {each.id: load_network(each.folder) for each in map(_bundle, teachers)}
        if start is None:
            return cls({}, taught, None, restart)
        name, network, told = begun_at(start)
        return cls({name: network}, taught, told, restart)

    def recipe(self, network: str | None, changes: Mapping[str, Any]) -> Recipe:
        from model.training.networks import DEFAULT
        from model.training.recipe import recipe_of, refining

        whole = recipe_of(network or DEFAULT, teachers=tuple(self.teachers))
        begun = {"start": next(iter(self.start), ""), **changes}
        return refining(whole, **begun) if self.start and not self.restart else replace(whole, **begun)

    def as_arguments(self) -> dict[str, Any]:
        """For `model.training.loop.train`."""
        return {"start": next(iter(self.start.values()), None), "teachers": [*self.teachers.values()]}


def begun_at(reference: str) -> tuple[str, Any, dict[str, Any]]:
    """A bundle's name, its keras.Model as it was trained, and how that came to be. Raises BundleError."""
    return begun_with(_bundle(reference))


def begun_with(begun: Bundle) -> tuple[str, Any, dict[str, Any]]:
    """The same of a bundle that was read."""
    from model.keras_network import load_network, trained_in

    return begun.name, trained_in(load_network(begun.folder)), {"model": begun.id, **begun.training}


def _bundle(reference: str) -> Bundle:
    from model import bundle as library

    return library.read(library.find(reference))
