"""Sets of objects under a prefix of an S3 server, which a manifest makes visible: it is written last, in one PUT."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any
from uuid import uuid4

from worker.storage.s3_client import connect
from worker.storage.s3_errors import BOTO_ERRORS, write_error
from worker.storage.store import S3Options, StoreMisconfigured

MANIFEST = "manifest.json"
_ANSWER_S = 60.0
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


class Upload:
    """A set on its way to `s3://bucket/prefix/`. Its parts have names of their own, so an earlier set stays whole."""

    def __init__(self, url: str, options: S3Options) -> None:
        self.bucket, _, prefix = url[len("s3://") :].partition("/")
        if not self.bucket:
            raise StoreMisconfigured(f"{url!r} names no bucket: write s3://bucket/prefix/")
        self.prefix = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
        self.created_at = datetime.now(UTC)
        self.files: list[dict[str, Any]] = []
        self._began = False
        self._parts = f"{self.prefix}{self.created_at:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}-"
        patient = replace(options, read_timeout_s=max(options.read_timeout_s, _ANSWER_S))
        self._client = connect(patient, self.bucket).client

    def add(self, file: IO[bytes], rows: int, format: str) -> None:
        """Upload a file, from its beginning, as the next part. Raises StorageError."""
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a temporary file is one
        size = file.tell()
        file.seek(0)
        key = f"{self._parts}{len(self.files):05}.{format}"
        self._put(key, file, _TYPES.get(format, "application/octet-stream"))
        self.files.append({"key": key, "rows": rows, "bytes": size, "sha256": digest})

    def finish(self, about: dict[str, Any]) -> None:
        """Write the manifest, over that of an earlier set. Raises StorageError."""
        whole = about | {"created_at": self.created_at.isoformat(timespec="seconds"), "files": self.files}
        self._put(f"{self.prefix}{MANIFEST}", json.dumps(whole, indent=1).encode(), "application/json")

    @property
    def remains(self) -> str:
        """Say what an upload that was not finished has left."""
        if not self._began:
            return "the export is not finished; nothing was written"
        return (
            f"the export is not finished: {len(self.files):,} parts, and perhaps one more, lie at"
            f" s3://{self.bucket}/{self._parts}* and no {MANIFEST} names them; delete them, and export again"
        )

    def _put(self, key: str, body: IO[bytes] | bytes, content_type: str) -> None:
        self._began = True
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)
        except BOTO_ERRORS as error:
            raise write_error(error, key, self.bucket) from error
