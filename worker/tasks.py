"""The Celery tasks. Their messages are untrusted: they can name a queue, and nothing else."""

from dataclasses import asdict
from typing import Any

import structlog
from celery import shared_task

from worker import service
from worker.broker.transport import DOORBELL, NIGHT, Doorbell

log = structlog.get_logger()


@shared_task(name=DOORBELL)
def classify(**message: Any) -> dict[str, Any]:
    doorbell = Doorbell.model_validate(message)
    outcome = service.work(doorbell.queue)
    log.info("worked", queue=doorbell.queue, **asdict(outcome))
    return asdict(outcome)  # no result is kept; a monitor reads it in the event of success


@shared_task(name=NIGHT)
def nightly(**_: Any) -> None:
    service.begin_tonight()
