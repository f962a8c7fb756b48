"""What a bundle is measured on: labelled images, and images of which it should notice that it knows no such thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.dataset import Split
from model.data.labelled import UNKNOWN, Labelled, Rejected, by_reason
from model.evaluation import ood_images
from model.images.preprocessing import Preprocessing

Images = npt.NDArray[np.uint8]

SEED = 2018_10  # of the images that are made up; fixed, so that bundles are measured on the same ones
OTHERS_PHOTOGRAPHS = frozenset({"photographs", "hats"})
"""Sources of model.evaluation.ood_images that a report counts, but must not show: a report may be handed on."""


@dataclass(frozen=True, slots=True)
class OodSource:
    """Images uint8[N, H, W, C] of one kind that the bundle has no category for; `names` are their files, if any.

    `shown` says whether a report may hold some of them.
    """

    name: str
    images: Images
    names: tuple[str, ...] = ()
    shown: bool = True


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """N images uint8[N, H, W, C] with labels int64[N], each with a name: its index or its path.

    `rejected` are files that gave no image, by their paths in the folder; `left_out` says in sentences what was not
    measured. `shown` says whether a report may hold some of the labelled images.
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
        """How many files were rejected, by why."""
        return by_reason(self.rejected)


def of_test_set(split: Split, spec: Preprocessing, photographs: Path | None) -> EvaluationSet:
    """Fashion-MNIST's test images, beside every source of ood_images; `photographs` holds a sub-folder "hat"."""
    found = ood_images.sources(split, spec, SEED, photographs)
    return EvaluationSet(
        title="Fashion-MNIST, test images",
        images=split.images,
        labels=split.labels,
        names=tuple(map(str, range(len(split)))),
        ood_sources=tuple(
            OodSource(name, images, (), name not in OTHERS_PHOTOGRAPHS) for name, images in found.items()
        ),
        left_out=() if "hats" in found else ("Hats were not tried: no folder was named with --photographs.",),
    )


def of_photographs(
    split: Split,
    names: tuple[str, ...],
    spec: Preprocessing,
    title: str,
    ood_sources: Sequence[OodSource] = (),
    *,
    shown: bool = True,
) -> EvaluationSet:
    """Test photographs, beside what is drawn or ships with scikit-image, and `ood_sources` of categories left out."""
    found = ood_images.beside_photographs(spec, SEED)
    drawn = [OodSource(name, images, (), name not in OTHERS_PHOTOGRAPHS) for name, images in found.items()]
    told = () if ood_sources else ("No category was left out of training to see whether it is noticed (--leave-out).",)
    return EvaluationSet(
        title=f"{title}, test photographs",
        images=split.images,
        labels=split.labels,
        names=names,
        ood_sources=(*drawn, *ood_sources),
        left_out=told,
        shown=shown,
    )


def of_folder(found: Labelled, folder: Path) -> EvaluationSet:
    """A labelled folder; a sub-folder that is no category is a source of out-of-distribution images."""
    names = np.array([path.relative_to(folder).as_posix() for path in found.paths], object)
    known, folders = found.labels != UNKNOWN, np.array(found.folders, object)
    unknown = {name: (folders == name) & ~known for name in found.unknown_folders}
    return EvaluationSet(
        title=f"the folder {folder.resolve().name}",
        images=found.images[known],
        labels=found.labels[known],
        names=tuple(names[known]),
        ood_sources=tuple(OodSource(name, found.images[at], tuple(names[at])) for name, at in unknown.items()),
        rejected=tuple(replace(each, path=each.path.relative_to(folder)) for each in found.rejected),
    )
