"""The same work as tutorials do it: for each image one Celery task, one `model.predict` and one INSERT.

Servers, images, network, decoding, preprocessing and the number of worker children are the same. Only the design
differs: keys travel as messages, nothing is batched, and nothing is pooled but what the libraries pool by themselves.
Settings come from NAIVE_* variables, since Celery imports this module in its own process.
"""

import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from celery import Celery

from stack.processes import spawn, wait_until
from stack.topology import Topology

app = Celery("naive", broker=os.environ.get("NAIVE_BROKER", "memory://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)

_TABLE = "CREATE TABLE naive_tag (key text PRIMARY KEY, category text, confidence real, process integer)"
_INSERT = "INSERT INTO naive_tag VALUES (:key, :category, :confidence, :process)"
_WARM_UP = 20


@cache
def _network() -> tuple[Any, Any]:
    """Load the bundle and its Keras model, in the child, at its first task."""
    import keras

    from model import bundle

    loaded = bundle.read(Path(os.environ["NAIVE_BUNDLE"]))
    return loaded, keras.models.load_model(loaded.folder / "model.keras", compile=False)


@cache
def _s3() -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=os.environ["TAGGER_S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=os.environ["TAGGER_S3_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["TAGGER_S3_SECRET_ACCESS_KEY"],
    )


@cache
def _engine() -> sa.Engine:
    return sa.create_engine(os.environ["TAGGER_DATABASE_URL"])


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def tag(bucket: str, key: str) -> None:
    """Get, decode, classify and insert one image."""
    from model.decisions.calibration import softmax
    from model.images.decoding import DecodeHints, decode
    from model.images.preprocessing import preprocess

    bundle, network = _network()
    data = _s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    pixels = preprocess(decode(data, DecodeHints(bundle.preprocessing.hints.min_edge)), bundle.preprocessing)
    scores = softmax(network.predict(pixels[None].astype("float32"), verbose=0), bundle.temperature)[0]
    best = int(scores.argmax())
    row = {"key": key, "category": bundle.categories[best], "confidence": float(scores[best]), "process": os.getpid()}
    with _engine().begin() as connection:
        connection.execute(sa.text(_INSERT), row)


def measure(running: Topology, bundle: Path, keys: Sequence[str], children: int) -> float:
    """Return images per second over `keys`, after a warm-up in which every child loads the model."""
    environment = running.environment | {"NAIVE_BROKER": running.broker.url, "NAIVE_BUNDLE": str(bundle)}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "2"}
    app.conf.broker_url = running.broker.url
    engine = sa.create_engine(running.environment["TAGGER_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(sa.text(_TABLE))
    command = [sys.executable, "-m", "celery", "-A", "bench.naive", "worker", "-P", "prefork", "-c", str(children)]
    root = Path(__file__).parent.parent
    worker = spawn([*command, "-l", "WARNING"], running.folder / "naive.log", env=environment, cwd=root)
    try:
        _tag_all(engine, running.bucket, keys[:_WARM_UP])
        began = time.monotonic()
        _tag_all(engine, running.bucket, keys[_WARM_UP:])
        return (len(keys) - _WARM_UP) / (time.monotonic() - began)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{worker.tail()}") from None
    finally:
        worker.stop(20)
        engine.dispose()


def _tag_all(engine: sa.Engine, bucket: str, keys: Sequence[str]) -> None:
    """Send one task per key, and return once every row is in the table."""
    before = _rows(engine)
    for key in keys:
        tag.delay(bucket, key)
    wait_until(lambda: _rows(engine) >= before + len(keys), f"the naive way through {len(keys)} images", 300)


def _rows(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM naive_tag")).scalar_one())
