"""The argument and options of `tagger model train`, each declared once, with its help."""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from cli.options import DATA, IMAGES

FASHION_MNIST = "fashion-mnist"
FOR_PHOTOGRAPHS = "For photographs of your own"
FOR_FASHION_MNIST = "For Fashion-MNIST"


_photographs = partial(typer.Option, rich_help_panel=FOR_PHOTOGRAPHS)
_fashion_mnist = partial(typer.Option, rich_help_panel=FOR_FASHION_MNIST)


@dataclass(frozen=True)
class TrainRequest:
    """What `tagger model train` is asked for; its fields are the command's parameters."""

    data_set: Annotated[str, typer.Argument(metavar="DATA", help=f"fashion-mnist, or your own photographs: {DATA}")]
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every image is shown.")] = None
    rate: Annotated[float | None, typer.Option(min=0, help="The highest learning rate.")] = None
    balance: Annotated[
        float | None, typer.Option(min=0, max=1, help="1: all categories weigh the same, 0: all images.")
    ] = None
    mixup: Annotated[float | None, typer.Option(min=0, help="Mix images by a beta distribution of this.")] = None
    smoothing: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of each label that goes to all categories alike.")
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same network.")] = 0
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint beside --out.")] = False
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate on this many folds; no bundle is made.")] = 0
    seeds: Annotated[int, typer.Option(min=0, help="Train from this many seeds; no bundle is made.")] = 0
    name: Annotated[
        str | None, typer.Option(help="Of the data in the report, and of the bundle without --out. Default: as DATA.")
    ] = None
    out: Annotated[Path | None, typer.Option(help="Folder of the new bundle. Default: bundles/NAME.")] = None
    mirror: Annotated[
        bool, typer.Option(help="Tag by the mean over an image and its mirror image, at twice the work.")
    ] = False

    backbone: Annotated[str | None, _photographs(help="efficientnet-lite0 (default), -lite1 or -lite2.")] = None
    size: Annotated[
        int | None, _photographs(min=64, max=512, help="Pixels of the network's input in training. Default: 160.")
    ] = None
    served_size: Annotated[
        int | None, _photographs(min=64, max=512, help="… and when tagging. Default: a seventh more than in training.")
    ] = None
    fit: Annotated[
        str | None, _photographs(help="How a photograph becomes a square: squash (default), crop or letterbox.")
    ] = None
    images: Annotated[str | None, _photographs(metavar="FOLDER_OR_S3", help=IMAGES)] = None
    leave_out: Annotated[
        list[str] | None,
        _photographs(metavar="CATEGORY", help="Not to train on, but to recognize as unknown; may be given again."),
    ] = None
    per_category: Annotated[
        int | None, _photographs(min=5, help="Train on at most this many photographs of each category.")
    ] = None
    crop: Annotated[
        float | None, _photographs(min=0.05, max=1, help="The least share of a photograph's area in a training crop.")
    ] = None
    distort: Annotated[
        int | None, _photographs(min=0, max=4, help="Number of RandAugment's operations on each photograph.")
    ] = None
    start: Annotated[str | None, _photographs(help="A bundle of the same network, to be trained further.")] = None
    pictures: Annotated[
        bool | None, _photographs(help="May the report, which goes where the bundle goes, show test photographs?")
    ] = None

    network: Annotated[str | None, _fashion_mnist(help="baseline, strided, fullres, slim or wideresnet.")] = None
    teacher: Annotated[
        list[str] | None, _fashion_mnist(help="A bundle to learn from besides the labels; may be given again.")
    ] = None
    data: Annotated[Path | None, _fashion_mnist(help="Folder of the four *-ubyte.gz files of Fashion-MNIST.")] = None
    photographs: Annotated[
        Path | None, _fashion_mnist(help='A folder with a sub-folder "hat", of images to recognize as unknown.')
    ] = None

    @property
    def title(self) -> str:
        """The name of data and bundle: that given, or that of the folder or table."""
        return self.name or Path(self.data_set).resolve().stem

    @property
    def bundle(self) -> Path:
        """The folder of the new bundle."""
        return self.out or Path("bundles") / self.title

    @property
    def recipe_changes(self) -> dict[str, Any]:
        """The fields of the recipe that are to differ from its network's own."""
        same_name = ("epochs", "seed", "balance", "mixup", "smoothing", "size", "crop", "distort")
        changes = {name: getattr(self, name) for name in same_name}
        changes |= {"peak_rate": self.rate, "served": self.served_size}
        return {name: value for name, value in changes.items() if value is not None}

    def check(self) -> None:
        """Raise typer.BadParameter for options that do not go together, or not with the data."""
        if self.folds and self.seeds:
            raise typer.BadParameter("give one of them, not both", param_hint="--folds, --seeds")
        if 1 in (self.folds, self.seeds):
            raise typer.BadParameter("cross-validation needs two at least", param_hint="--folds, --seeds")
        if self.start and (self.folds or self.seeds):
            raise typer.BadParameter(
                "its bundle may have seen what is held out", param_hint="--start, --folds, --seeds"
            )
        if self.data_set == FASHION_MNIST:
            self._refuse(FOR_PHOTOGRAPHS, "for photographs of your own, not for fashion-mnist")
        else:
            self._refuse(FOR_FASHION_MNIST, "for fashion-mnist, not for photographs of your own")

    def _refuse(self, panel: str, reason: str) -> None:
        hints = get_type_hints(TrainRequest, include_extras=True)
        for field in dataclasses.fields(self):
            of_panel = hints[field.name].__metadata__[0].rich_help_panel == panel
            if of_panel and getattr(self, field.name) not in (None, []):
                raise typer.BadParameter(f"it is {reason}", param_hint=f"--{field.name.replace('_', '-')}")


def with_options_of(request: type[TrainRequest]) -> Callable[[Callable[[TrainRequest], None]], Callable[..., None]]:
    """Give a command the fields of a dataclass as its parameters, as Typer reads them from a signature."""

    def decorate(command: Callable[[TrainRequest], None]) -> Callable[..., None]:
        def called(**options: Any) -> None:
            command(request(**options))

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = get_type_hints(request, include_extras=True)
        called.__signature__ = inspect.signature(request, eval_str=True)  # type: ignore[attr-defined]  # Typer's way in
        return called

    return decorate
