"""Measurements, with numpy on one thread as in the workers: more of them wait for each other at a worker's cost."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported
