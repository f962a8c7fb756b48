"""The one task. A message is untrusted: it may name a queue, and nothing else."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

import structlog
from celery import shared_task
from pydantic import BaseModel, ConfigDict, Field

from worker import service, tagging
from worker.celery import DOORBELL

log = structlog.get_logger()


class Doorbell(BaseModel):
    """Version 1 of the message. Later minor versions may add fields, which this one ignores."""

    model_config = ConfigDict(extra="ignore", strict=True)

    v: int = Field(ge=1, le=1)
    queue: Literal["ops", "nightly"]


@shared_task(name=DOORBELL)
def classify(**message: Any) -> None:
    doorbell = Doorbell.model_validate(message)
    outcome = tagging.work(service.tagger(), doorbell.queue)
    log.info("worked", queue=doorbell.queue, **asdict(outcome))
