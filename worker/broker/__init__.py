"""What surrounds Celery in a worker: a guard before it, and work without it."""
