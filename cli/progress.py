"""Progress bars of the commands, drawn on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.output import visible

if TYPE_CHECKING:
    from model.training.loop import Progress as TrainingProgress


@contextmanager
def counter(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar until the block ends; call what it yields once for each of `total`."""
    with _transient() as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def listing_spinner() -> Iterator[Callable[[int], None]]:
    """Show a spinner until the block ends; call what it yields with the number of images seen so far."""
    with _transient(SpinnerColumn(), TextColumn("{task.description}")) as progress:
        task = progress.add_task("listing…", total=None)
        yield lambda seen: progress.update(task, description=f"listing… {seen:,} images seen")


@contextmanager
def tagging_bar() -> Iterator[Callable[[Mapping[str, int], str], None]]:
    """Show the bar of a run; call what it yields with the run's counts and why nothing moves, if so."""
    columns = (
        TextColumn("tagging"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("needs review {task.fields[needs_review]:,}  failed {task.fields[failed]:,} {task.fields[hint]}"),
    )
    with Progress(*columns, console=_console(), refresh_per_second=4) as progress:
        task = progress.add_task("", total=None, needs_review=0, failed=0, hint="")
        said = {""}

        def show(counts: Mapping[str, int], hint: str) -> None:
            if hint not in said and not progress.console.is_terminal:  # where no bar is drawn
                progress.console.print(f"tagger: {visible(hint)}", highlight=False, markup=False, soft_wrap=True)
                said.add(hint)
            failed = counts["skipped"] + counts["quarantined"]
            done = counts["tagged"] + failed + counts["cancelled"]
            progress.update(
                task,
                total=done + counts["open"],
                completed=done,
                needs_review=counts["needs_review"],
                failed=failed,
                hint=visible(hint),
            )

        yield show


@contextmanager
def training_bar(epochs: int) -> Iterator[Callable[[TrainingProgress, str], None]]:
    """Show step, loss and time left of a training, and a line for each epoch.

    Call what it yields with the progress and the name of the part that is trained, or "" for a single training.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}")
    with Progress(*columns, console=_console()) as progress:
        task = progress.add_task("training", total=None, left="")

        def show(training: TrainingProgress, part: str) -> None:
            minutes, seconds = divmod(round(training.seconds_left), 60)
            name = f"{part}, epoch" if part else "epoch"
            progress.update(
                task,
                completed=training.step,
                total=training.steps,
                description=f"{name} {training.epoch}/{epochs}, loss {training.loss:.3f}",
                left=f"{minutes}:{seconds:02} left",
            )
            if training.validation_accuracy is not None:
                progress.console.print(
                    f"{name} {training.epoch}: {training.validation_accuracy:.2%} of validation right"
                )

        yield show


class _RateColumn(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "–/s")


def _transient(*columns: ProgressColumn) -> Progress:
    """Make a bar that leaves nothing behind, not even a blank line in a log file."""
    console = _console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _console() -> Console:
    return Console(stderr=True)
