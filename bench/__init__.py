"""Benchmarks, with numpy on one thread, as in the workers."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported
