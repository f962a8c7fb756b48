"""`tagger model backbone`: ImageNet weights at hand, for trainings on photographs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.quiet import quieten_tensorflow


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    app.command(epilog="Example: tagger model backbone efficientnet-lite0")(backbone)


def cache_folder() -> Path:
    """Where converted weights are kept."""
    return Path.home() / ".cache" / "catalogue-tagger" / "backbones"


def backbone(
    name: Annotated[str, typer.Argument(help="efficientnet-lite0, -lite1 or -lite2.")] = "efficientnet-lite0",
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Another PyTorch checkpoint of that network. Default: the installed package's."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: in ~/.cache/catalogue-tagger.")] = None,
) -> None:
    """Convert the ImageNet weights of a backbone, without PyTorch."""
    quieten_tensorflow()
    from model.training.backbones import backbone as backbones

    try:
        backbones.check(name)
    except backbones.BackboneUnknown as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    typer.echo(_convert(name, checkpoint, out or cache_folder() / f"{name}.npz"))


def _convert(name: str, checkpoint: Path | None, out: Path) -> str:
    """Written only if the network takes every weight. What came of it, in a line."""
    from model.manifest import sha256
    from model.training.backbones import weights
    from model.training.backbones.backbone import assign, imagenet_classifier

    path, version = (checkpoint, "") if checkpoint else weights.packaged(name)
    arrays = weights.converted(path)
    assign(imagenet_classifier(None, size=32, name=name), arrays)
    weights.write(arrays, out, _source(name, path, version) | {"checkpoint_sha256": sha256(path)})
    origin = f"{weights.package_of(name)} {version}" if version else str(path)
    return f"{name}: converted from {origin}; saved in {out} ({out.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256(out)})"


def _source(name: str, path: Path, version: str) -> dict[str, str]:
    from model.training.backbones.weights import package_of

    if version:
        return {"source": package_of(name), "version": version, "licence": "Apache-2.0"}
    return {"source": path.name, "version": "", "licence": ""}
