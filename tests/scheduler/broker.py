"""What the broker of a test holds."""

from celery import Celery

from db.queue.claims import QUEUES


def forget_doorbells(app: Celery) -> None:
    """As if Redis had been killed."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        for name in QUEUES:
            channel.queue_purge(name)
