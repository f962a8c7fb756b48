"""Celery's consumer, which takes a breath before it connects again."""

import time
import warnings

import structlog
from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer import Consumer as CeleryConsumer

log = structlog.get_logger()

BREATH_S = 1.0


class Consumer(CeleryConsumer):  # type: ignore[misc]  # Celery ships no types
    """A consumer that a broker which answers with errors does not keep busy."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Say why the connection is given up, and wait a little."""
        log.warning("broker_lost", error=f"{type(exc).__name__}: {exc}")
        warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)  # Celery has it shown at each loss
        super().on_connection_error_after_connected(exc)
        time.sleep(BREATH_S)
