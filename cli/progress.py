"""Progress bars of the commands, drawn on standard error."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn

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
        TextColumn("{task.fields[pace]}"),
        TextColumn("needs review {task.fields[needs_review]:,}  failed {task.fields[failed]:,} {task.fields[hint]}"),
    )
    with Progress(*columns, console=_console(), refresh_per_second=4) as progress:
        task = progress.add_task("", total=None, pace="", needs_review=0, failed=0, hint="")
        pace = _Pace()
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
                pace=pace.text(counts["tagged"] + failed, counts["open"], time.monotonic()),
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


class _Pace:
    """Images that come to an end in a second: over the last seconds, or over all the time once none is left."""

    WINDOW_S = 15.0

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._first: tuple[float, int] | None = None

    def text(self, done: int, left: int, at_s: float) -> str:
        """Note how many have come to an end and are left; return the rate and the time that is left."""
        self._first = self._first or (at_s, done)
        self._seen.append((at_s, done))
        while len(self._seen) > 1 and at_s - self._seen[1][0] >= self.WINDOW_S:
            self._seen.popleft()
        since_s, before = self._seen[0] if left else self._first
        if at_s <= since_s or done <= before:
            return "–/s"
        rate = (done - before) / (at_s - since_s)
        shown = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
        return f"{shown}  ETA {timedelta(seconds=round(left / rate))}" if left else shown


def _transient(*columns: ProgressColumn) -> Progress:
    """Make a bar that leaves nothing behind, not even a blank line in a log file."""
    console = _console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _console() -> Console:
    return Console(stderr=True)
