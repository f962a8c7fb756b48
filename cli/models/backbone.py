"""`tagger model backbone`: the ImageNet weights of a backbone, converted for trainings on photographs."""

from pathlib import Path
from typing import Annotated

import typer


def backbone(
    name: Annotated[str, typer.Argument(help="efficientnet-lite0, -lite1 or -lite2.")] = "efficientnet-lite0",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another PyTorch checkpoint of that network. Default: the installed package's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: in ~/.cache/catalogue-tagger.")] = None,
) -> None:
    """Convert the ImageNet weights of a backbone, without PyTorch. Training does so by itself at first use."""
    from model.manifest import sha256
    from model.training.backbones import backbone as backbones
    from model.training.device import import_tensorflow

    try:
        backbones.check(name)
    except backbones.BackboneUnknown as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    path = out or cache_folder() / f"{name}.npz"
    import_tensorflow()
    origin = backbones.convert(name, path, checkpoint)
    size = f"{path.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256(path)}"
    typer.echo(f"{name}: converted from {origin}; saved in {path} ({size})")


def cache_folder() -> Path:
    """Return the folder of converted weights. Raises BackboneMissing where there is no home folder."""
    from model.training.backbones.backbone import BackboneMissing

    try:
        return Path.home() / ".cache" / "catalogue-tagger" / "backbones"
    except RuntimeError as error:
        raise BackboneMissing("there is no home folder to keep the backbone's weights in: set HOME") from error
