"""Labelled photographs, described for comparison."""

from model.data.photographs import Photograph


def described(photographs: list[Photograph]) -> list[tuple[str, ...]]:
    return [
        (photograph.name, photograph.category, *filter(None, (photograph.split, photograph.product)))
        for photograph in photographs
    ]
