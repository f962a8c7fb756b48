"""In a process of its own, as Keras keeps the backend that it was started with: the trainings of test_train_step.

Usage: KERAS_BACKEND=jax python -m tests.model.training.trained_on_jax FOLDER: writes the weights of each there, and
the history to standard output, as JSON.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from model.keras_network import load_network
from model.training import loop, networks
from tests.model.toy_data import bars_of, tiny
from tests.model.training.test_train_step import IMAGES, RECIPE


def main(folder: Path) -> None:
    networks.NETWORKS["tiny"] = tiny
    loop.computing_dtype = lambda: "float32"
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))  # three trainings, one step
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    start, data = load_network(folder), bars_of(*IMAGES)
    known = {"start": start, "teachers": [start]}

    whole = loop.train(data, 10, RECIPE, checkpoint=folder / "whole.npz", **known)
    loop.train(data, 10, RECIPE, checkpoint=folder / "cut.npz", stop_after=1, **known)
    resumed = loop.train(data, 10, RECIPE, checkpoint=folder / "cut.npz", resume=True, **known)

    for name, trained in (("whole", whole), ("resumed", resumed)):
        np.savez(folder / f"{name}-weights.npz", *trained.model.get_weights())
    print(json.dumps(whole.history))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
