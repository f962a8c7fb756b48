"""A queue that speaks SQS's JSON protocol, in this process: what is received is hidden until it is deleted or let go.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Self


class FakeSqs:
    """One queue. `actions` says what was asked, in order; `fails` answers so many requests with an error."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.hidden: dict[str, str] = {}
        self.actions: list[str] = []
        self.fails = 0
        self._numbers = count()
        self._changed = threading.Condition()
        queue = self

        class Handler(_Handler):
            sqs = queue

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/000000000000/events"

    def send(self, *bodies: str) -> None:
        with self._changed:
            self.waiting |= {f"handle-{next(self._numbers)}": body for body in bodies}
            self._changed.notify_all()

    def let_go(self) -> None:
        """End the time for which messages are hidden."""
        with self._changed:
            self.waiting, self.hidden = self.waiting | self.hidden, {}
            self._changed.notify_all()

    def left(self) -> int:
        with self._changed:
            return len(self.waiting) + len(self.hidden)

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["QueueUrl"] == self.url
        if action == "ReceiveMessage":
            return {"Messages": self._received(asked["MaxNumberOfMessages"], min(1.0, asked["WaitTimeSeconds"]))}
        assert action == "DeleteMessageBatch"
        with self._changed:
            for entry in asked["Entries"]:
                self.hidden.pop(entry["ReceiptHandle"], None)
        return {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []}

    def _received(self, most: int, wait_s: float) -> list[dict[str, str]]:
        with self._changed:
            self._changed.wait_for(lambda: self.waiting, wait_s)
            given = dict(list(self.waiting.items())[:most])
            for handle, body in given.items():
                self.hidden[handle] = body
                del self.waiting[handle]
        return [{"MessageId": handle, "ReceiptHandle": handle, "Body": body} for handle, body in given.items()]


class _Handler(BaseHTTPRequestHandler):
    sqs: FakeSqs
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        action = self.headers["X-Amz-Target"].removeprefix("AmazonSQS.")
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.sqs.actions.append(action)
        if self.sqs.fails:
            self.sqs.fails -= 1
            self._send(403, {"__type": "com.amazonaws.sqs#AccessDenied", "message": "not for you"})
        else:
            self._send(200, self.sqs.answer(action, asked))

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
