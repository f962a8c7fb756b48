"""Tables of the measurements. The JSON line is made from the same dictionary."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: dict[str, Any]) -> None:
    """Print what the result holds of pipeline, stages and processes, on stderr: stdout is for the JSON line."""
    console = Console(stderr=True)
    if "naive_images_per_second" in result:
        console.print(_ways(result))
    if "stages" in result:
        console.print(_stages(result["stages"]))
    console.print(_processes(result["processes"]))
    about = result["machine"]
    console.print(f"on {about['cores']} × {about['cpu']}, all servers on them; Python {about['python']}")


def _ways(result: dict[str, Any]) -> Table:
    table = _table(f"{result['images']:,} images, S3 to PostgreSQL", "way", "images/s")
    table.add_row("one task an image, model.predict", f"{result['naive_images_per_second']:,.1f}")
    table.add_row("tagger", f"{result['images_per_second']:,.1f}")
    table.add_row("ratio", f"{result['ratio']:.1f} ×")
    return table


def _stages(stages: dict[str, dict[str, float]]) -> Table:
    table = _table("Each stage alone, one thread", "stage", "images/s", "ms/image", "own CPU ms/image")
    for name, stage in stages.items():
        numbers = (f"{stage['images_per_second']:,.0f}", f"{stage['wall_ms']:.2f}", f"{stage['cpu_ms']:.2f}")
        table.add_row(name, *numbers)
    return table


def _processes(processes: dict[str, dict[str, float]]) -> Table:
    table = _table("While the images were tagged", "process", "number", "CPU s", "peak MB (the largest)")
    for name, usage in sorted(processes.items(), key=lambda row: -row[1]["cpu_s"]):
        table.add_row(name, str(usage["processes"]), f"{usage['cpu_s']:.2f}", f"{usage['peak_mb']:,.0f}")
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table
