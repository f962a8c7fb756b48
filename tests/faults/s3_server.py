"""A small S3 server in this process that misbehaves as told, key by key.

    with FaultyS3() as server:
        server.put("a.jpg", data)
        server.script("a.jpg", Fault(status=503), Fault(cut_after=1000))    # then it behaves
        server.script(LISTING, Fault(body=b"<html>"))

Each request for a key takes the key's next fault. `server.requests` says what was asked, in order.
"""

import hashlib
import sys
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes, urlsplit
from xml.sax.saxutils import escape

LISTING = ""
BUCKET = "photos"
_MODIFIED = "2026-11-22T02:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Fault:
    """What one answer does wrong; None and 0 leave that part right."""

    status: int = 200
    code: str = "ServiceUnavailable"
    body: bytes | None = None
    announce: int | None = None
    """The Content-Length it claims."""
    cut_after: int | None = None
    """Bytes of the body after which the connection closes."""
    stall_after: int | None = None
    """Bytes of the body after which nothing comes any more."""
    drip_s: float = 0
    """Seconds between single bytes."""
    ignore_if_match: bool = False


class FaultyS3:
    """One bucket, `photos`; signatures are not checked."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.requester_pays = False
        self.stopping = threading.Event()
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            s3 = server

        self._http = _Http(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def put(self, key: str, data: bytes) -> str:
        """Store an object; returns its version token."""
        self.objects[key] = data
        return f"{etag_of(data)}:{len(data)}"

    def script(self, key: str, *faults: Fault) -> None:
        """Let the next requests for `key` (or LISTING) go wrong in this order."""
        self._scripts[key].extend(faults)

    def next_fault(self, key: str, what: str) -> Fault:
        """Note the request and take the key's next fault."""
        with self._lock:
            self.requests.append(what)
            script = self._scripts[key]
            return script.popleft() if script else Fault()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that give up, as these tests are about them."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def etag_of(data: bytes) -> str:
    """Return the ETag that S3 gives to a single-part upload."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _bytes_of(key: str) -> bytes:
    """Return a key's bytes; one that is not UTF-8 is put with surrogates."""
    return key.encode("utf-8", "surrogateescape")


class _Handler(BaseHTTPRequestHandler):
    s3: FaultyS3
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        """GET of a key, or ListObjectsV2."""
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path.lstrip("/")).partition("/")
        if bucket != BUCKET:
            self._refuse(404, "NoSuchBucket")
        elif self.s3.requester_pays and self.headers["x-amz-request-payer"] != "requester":
            self._refuse(403, "AccessDenied")
        elif key:
            self._object(key)
        else:
            self._listing({name: values[0] for name, values in parse_qs(parts.query).items()})

    def _listing(self, query: dict[str, str]) -> None:
        fault = self.s3.next_fault(LISTING, "list")
        if fault.status != 200:
            self._refuse(fault.status, fault.code)
            return
        prefix, after = query.get("prefix", ""), query.get("start-after", "").encode()
        after = unquote_to_bytes(query.get("continuation-token", "")) or after
        listed = {_bytes_of(key): key for key in self.s3.objects if key.startswith(prefix)}
        keys = [listed[key] for key in sorted(listed) if key > after]
        page = keys[: int(query.get("max-keys", "1000"))]
        entries = "".join(self._entry(key) for key in page)
        truncated = str(len(page) < len(keys)).lower()
        token = quote(_bytes_of(page[-1])) if page else ""
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType>{entries}'
            f"<IsTruncated>{truncated}</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
            "</ListBucketResult>"
        )
        self._answer(fault, text.encode(), {"Content-Type": "application/xml"})

    def _entry(self, key: str) -> str:
        data = self.s3.objects[key]
        return (
            f"<Contents><Key>{quote(_bytes_of(key))}</Key><LastModified>{_MODIFIED}</LastModified>"
            f"<ETag>&quot;{etag_of(data)}&quot;</ETag><Size>{len(data)}</Size></Contents>"
        )

    def _object(self, key: str) -> None:
        fault = self.s3.next_fault(key, f"get {key}")
        data = self.s3.objects.get(key)
        etag = self.headers.get("If-Match", "").strip('"')
        if fault.status != 200:
            self._refuse(fault.status, fault.code)
        elif data is None:
            self._refuse(404, "NoSuchKey")
        elif etag not in ("", etag_of(data)) and not fault.ignore_if_match:
            self._refuse(412, "PreconditionFailed")
        else:
            self._answer(fault, data, {"ETag": f'"{etag_of(data)}"'})

    def _refuse(self, status: int, code: str) -> None:
        text = f"<Error><Code>{escape(code)}</Code><Message>as told</Message></Error>"
        self._answer(Fault(status=status), text.encode(), {"Content-Type": "application/xml"})

    def _answer(self, fault: Fault, body: bytes, headers: dict[str, str]) -> None:
        body = body if fault.body is None else fault.body
        length = len(body) if fault.announce is None else fault.announce
        self.send_response(fault.status)
        headers |= {"Content-Length": str(length), "Last-Modified": "Sun, 22 Nov 2026 02:00:00 GMT"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self._send(fault, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client gave up, as it should
        if length != len(body):
            self.close_connection = True

    def _send(self, fault: Fault, body: bytes) -> None:
        if fault.drip_s:
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.s3.stopping.wait(fault.drip_s):
                    return
        elif fault.stall_after is not None:
            self.wfile.write(body[: fault.stall_after])
            self.s3.stopping.wait(60)
            self.close_connection = True
        elif fault.cut_after is not None:
            self.wfile.write(body[: fault.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(body)
