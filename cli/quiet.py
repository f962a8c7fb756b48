"""What a library has to be told before it is imported."""

import os


def quieten_tensorflow() -> None:
    """Before TensorFlow is imported: no chatter, and oneDNN's convolutions on any processor (docs/research)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
