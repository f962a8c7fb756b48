"""Evaluation sets: labelled images, and out-of-distribution images that a bundle should flag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.dataset import Split
from model.data.pixels import UNKNOWN, LabelledImages, Rejected, count_reasons
from model.evaluation import ood_images
from model.images.preprocessing import Preprocessing

Images = npt.NDArray[np.uint8]

SEED = 2018_10  # of the drawn images; fixed, so that all bundles are measured on the same ones
OTHERS_PHOTOGRAPHS = frozenset({"photographs", "hats"})
"""Sources of model.evaluation.ood_images that a report must not show, as it may be handed on."""


@dataclass(frozen=True, slots=True)
class OodSource:
    """Out-of-distribution images of one kind, uint8[N, H, W, C]; `names` are their files, if they have any.

    Unless `shown`, a report must not hold any of them.
    """

    name: str
    images: Images
    names: tuple[str, ...] = ()
    shown: bool = True


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """N images uint8[N, H, W, C] with labels int64[N] and a name each, their index or path.

    `rejected` are files that could not be decoded, with paths relative to the folder; `left_out` are sentences on what
    was not measured. Unless `shown`, a report must not hold any of the labelled images.
    """

    title: str
    images: Images
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    ood_sources: tuple[OodSource, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    left_out: tuple[str, ...] = ()
    shown: bool = True

    @property
    def reasons(self) -> Mapping[str, int]:
        """The number of rejected files by reason."""
        return count_reasons(self.rejected)


def of_fashion_mnist(test: Split, spec: Preprocessing, photographs: Path | None) -> EvaluationSet:
    """Return Fashion-MNIST's test images with all OOD sources; hats lie in sub-folders "hat" of `photographs`."""
    sources = _sources(ood_images.for_fashion_mnist(test, spec, SEED, photographs))
    hats = any(source.name == "hats" for source in sources)
    return EvaluationSet(
        title="Fashion-MNIST, test images",
        images=test.images,
        labels=test.labels,
        names=tuple(map(str, range(len(test)))),
        ood_sources=sources,
        left_out=() if hats else ("Hats were not tried: no folder was named with --photographs.",),
    )


def of_photographs(
    test: Split,
    names: tuple[str, ...],
    spec: Preprocessing,
    title: str,
    left_out: Sequence[OodSource] = (),
    *,
    shown: bool = True,
) -> EvaluationSet:
    """Return test photographs with the OOD sources that need no folder, and with categories `left_out` of training."""
    sentence = "No category was left out of training (--leave-out) to see whether its images are flagged."
    return EvaluationSet(
        title=f"{title}, test photographs",
        images=test.images,
        labels=test.labels,
        names=names,
        ood_sources=(*_sources(ood_images.for_photographs(spec, SEED)), *left_out),
        left_out=() if left_out else (sentence,),
        shown=shown,
    )


def of_folder(labelled: LabelledImages, folder: Path) -> EvaluationSet:
    """Return a labelled folder; a sub-folder that is not a category of the bundle becomes an OOD source."""
    names = np.array(labelled.names, object)
    known, folders = labelled.labels != UNKNOWN, np.array(labelled.folders, object)
    unknown = {name: (folders == name) & ~known for name in labelled.unknown_folders}
    return EvaluationSet(
        title=f"the folder {folder.resolve().name}",
        images=labelled.images[known],
        labels=labelled.labels[known],
        names=tuple(names[known]),
        ood_sources=tuple(
            OodSource(name, labelled.images[inside], tuple(names[inside])) for name, inside in unknown.items()
        ),
        rejected=labelled.rejected,
    )


def _sources(images: Mapping[str, Images]) -> tuple[OodSource, ...]:
    return tuple(OodSource(name, source, (), name not in OTHERS_PHOTOGRAPHS) for name, source in images.items())
