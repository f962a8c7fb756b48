"""A store that gives up soon, for servers that misbehave."""

from dataclasses import replace

from tests.faults.s3_server import BUCKET
from worker.storage.open import open_source
from worker.storage.store import S3Options, Store

DATA = bytes(range(256)) * 400
IMPATIENT = S3Options(
    access_key_id="id", secret_access_key="not-a-secret", connect_timeout_s=0.5, read_timeout_s=0.5, deadline_s=8
)


def opened(url: str, **changes: float) -> Store:
    return open_source(f"s3://{BUCKET}", replace(IMPATIENT, endpoint_url=url, **changes))
