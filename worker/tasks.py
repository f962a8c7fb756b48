"""The one Celery task. Its message is untrusted: it can only name a queue."""

from dataclasses import asdict
from typing import Any

import structlog
from celery import shared_task

from worker import service
from worker.broker.transport import DOORBELL, Doorbell

log = structlog.get_logger()


@shared_task(name=DOORBELL)
def classify(**message: Any) -> None:
    doorbell = Doorbell.model_validate(message)
    outcome = service.work(doorbell.queue)
    log.info("worked", queue=doorbell.queue, **asdict(outcome))
