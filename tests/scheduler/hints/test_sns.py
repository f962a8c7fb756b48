"""Messages that SNS posts: what our topic has signed is heard, and nobody makes a scheduler ask another server."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from structlog.testing import capture_logs

from scheduler.hints.counters import HintCounters
from scheduler.hints.endpoint import application
from scheduler.hints.service import Hints
from scheduler.hints.sns import Forged, Topic, Unreachable
from stack.processes import free_ports
from tests.db.catalogues import Catalogue
from tests.faults.tls import Authority
from tests.scheduler.hints import posting
from tests.scheduler.hints.messages import event
from tests.scheduler.hints.posting import Answer, counted
from tests.scheduler.hints.signing import ARN, CERTIFICATE_URL, CONFIRM_URL, SERVER, Server, certificate, signed
from tests.scheduler.hints.test_endpoint import BASIC, SECRET, Takes
from worker.settings import Settings

SUBSCRIPTION = {"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe to the topic."}


def post(message: bytes, server: Server, intake: Any = None, authorization: str = BASIC) -> Answer:
    serves = application(intake or Takes(), SECRET, HintCounters(), Topic(ARN, server))
    return posting.post(serves, message, HTTP_AUTHORIZATION=authorization)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon S3 Notification", ""])
def test_a_signed_message_is_heard(version: str, subject: str) -> None:
    intake = Takes()
    message = signed(version, Message=event("a b.jpg"), Subject=subject, after={} if subject else {"Subject": None})

    answer = post(message, Server(), intake)

    assert (answer.status, intake.taken) == ("200 OK", ["a b.jpg"])


def test_a_subscription_to_our_topic_is_confirmed() -> None:
    server = Server()

    with capture_logs() as logged:
        answer = post(signed(**SUBSCRIPTION), server)

    assert (answer.status, answer.text) == ("200 OK", "confirmed\n")
    assert server.asked == [CERTIFICATE_URL, CONFIRM_URL]
    assert [entry["event"] for entry in logged] == ["sns_subscribed"]


def test_an_unsubscription_is_told_and_not_taken_back() -> None:
    server = Server()

    with capture_logs() as logged:
        answer = post(signed(Type="UnsubscribeConfirmation"), server)

    assert answer.status == "200 OK"
    assert server.asked == [CERTIFICATE_URL]
    assert [entry["event"] for entry in logged] == ["sns_unsubscribed"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (signed(after={"Message": event("forged.jpg")}), "signature"),
        (signed(signer=1), "signature"),
        (signed(after={"Signature": "AA=="}), "signature"),
        (signed(after={"Signature": "no base64"}), "signature"),
        (signed("1", after={"SignatureVersion": "2"}), "signature"),
        (signed(after={"SignatureVersion": "3"}), "SignatureVersion"),
        (signed(after={"Subject": ["x"]}), "signature"),
        (json.dumps({"Type": "Notification", "Message": event("forged.jpg")}).encode(), "topic"),
        (signed(TopicArn=f"{ARN}-of-somebody-else"), "topic"),
        (signed(**SUBSCRIPTION, TopicArn=f"{ARN}-of-somebody-else"), "topic"),
    ],
)
def test_what_our_topic_has_not_signed_is_refused(message: bytes, says: str) -> None:
    server, intake = Server(), Takes()

    answer = post(message, server, intake)

    assert answer.status == "403 Forbidden"
    assert says in answer.text
    assert intake.taken == []
    assert set(server.asked) <= {CERTIFICATE_URL}


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace("eu-central-1", "us-east-1"),
        CERTIFICATE_URL.replace(".com/", ".com.example.org/"),
        CERTIFICATE_URL.replace("https://", "https://evil.example@"),
        CERTIFICATE_URL.replace(".com/", ".com:8443/"),
        f"{SERVER}/?Action=Publish&x=/SimpleNotificationService-0a1b2c.pem",
        f"{SERVER}/SimpleNotificationService-0a/../b.pem",
        "file:///etc/passwd",
        "https://[",
        None,
    ],
)
def test_a_certificate_is_asked_of_nobody_but_the_topics_server(url: str | None) -> None:
    server = Server()
    after: dict[str, Any] = {"SigningCertURL": url}

    assert post(signed(after=after), server).status == "403 Forbidden"
    assert server.asked == []


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/", f"{SERVER}.example.org/?Action=ConfirmSubscription"])
def test_a_subscription_is_confirmed_to_nobody_else_though_it_is_signed(url: str) -> None:
    server = Server()

    assert post(signed(**SUBSCRIPTION, SubscribeURL=url), server).status == "403 Forbidden"
    assert server.asked == [CERTIFICATE_URL]


def test_a_certificate_is_asked_for_once_and_not_used_after_its_end() -> None:
    server = Server()
    topic = Topic(ARN, server)

    for _ in range(3):
        assert topic.settle(signed()) is None
    with pytest.raises(Forged, match="expired"):
        Topic(ARN, Server(certificate(days=-1))).settle(signed())

    assert server.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize("server", [Server(is_away=True), Server(b"<html>")])
def test_while_sns_is_away_it_is_asked_to_send_again(server: Server) -> None:
    assert post(signed(**SUBSCRIPTION), server).status == "503 Service Unavailable"


def test_the_password_is_asked_for_in_the_way_that_sns_understands() -> None:
    answer = post(signed(), Server(), authorization="")

    assert answer.status == "401 Unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_a_scheduler_with_a_topic_checks_what_sns_posts(catalogue: Catalogue, app: Celery) -> None:
    [port] = free_ports(1)
    given = {"source": "s3://photos/", "s3_endpoint_url": "http://127.0.0.1:9", "events_secret": SECRET}
    settings = Settings(events_port=port, events_topic_arn=ARN, **given)  # type: ignore[arg-type]
    hints = Hints(settings, catalogue.sessions, app)
    forged = json.dumps({"Type": "Notification", "TopicArn": "arn:of:another", "Message": event("a.jpg")}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/events", forged, {"Authorization": BASIC})

    try:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=30)
    finally:
        hints.close(1)

    assert counted(hints.counters) == {
        ("tagger_hints_received_total", "http"): 1,
        ("tagger_hints_refused_total", "signature"): 1,
    }


def test_other_senders_who_know_the_secret_are_heard_as_before() -> None:
    intake = Takes()

    assert post(event("a.jpg").encode(), Server(), intake).status == "200 OK"
    assert post(b"[" * 100_000, Server()).status == "400 Bad Request"
    assert intake.taken == ["a.jpg"]


def test_without_a_topic_a_subscription_is_no_event() -> None:
    serves = application(Takes(), SECRET, HintCounters())  # type: ignore[arg-type]

    assert posting.post(serves, signed(**SUBSCRIPTION), HTTP_AUTHORIZATION=BASIC).status == "400 Bad Request"


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (ARN, "sns.eu-central-1.amazonaws.com"),
        (ARN.replace("aws", "aws-cn").replace("eu-central-1", "cn-north-1"), "sns.cn-north-1.amazonaws.com.cn"),
        (ARN.replace("aws", "aws-us-gov").replace("eu-", "us-gov-"), "sns.us-gov-central-1.amazonaws.com"),
    ],
)
def test_the_server_is_that_of_the_topics_region_and_partition(arn: str, host: str) -> None:
    server = Server(is_away=True)
    after = {"SigningCertURL": f"https://{host}/SimpleNotificationService-1.pem"}

    with pytest.raises(Unreachable, match=f"{host} does not answer"):
        Topic(arn, server).settle(signed(TopicArn=arn, after=after))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stand for the server of SNS, with TLS and at its name; yields the paths that it is asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(302 if self.path == "/elsewhere" else 200)
            self.send_header("Location", f"{SERVER}/never")
            self.end_headers()
            self.wfile.write(certificate())

        def log_message(self, *_: object) -> None:
            pass

    authority, connect = Authority(tmp_path), socket.create_connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate(SERVER.removeprefix("https://")))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr("socket.create_connection", lambda _, *rest: connect(server.server_address, *rest))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield paths
        server.shutdown()
        thread.join()


def test_the_server_has_to_prove_its_name_and_redirects_are_not_followed(asked: list[str]) -> None:
    topic = Topic(ARN)

    assert topic.settle(signed(**SUBSCRIPTION)) == "confirmed"
    with pytest.raises(Unreachable, match="HTTPError"):
        topic.settle(signed(**SUBSCRIPTION, SubscribeURL=f"{SERVER}/elsewhere"))
    with pytest.raises(Unreachable, match="URLError"):  # that server has a certificate for another name
        Topic(ARN.replace("eu-", "us-")).settle(
            signed(TopicArn=ARN.replace("eu-", "us-"), after={"SigningCertURL": CERTIFICATE_URL.replace("eu-", "us-")})
        )

    assert asked == [*(url.removeprefix(SERVER) for url in (CERTIFICATE_URL, CONFIRM_URL)), "/elsewhere"]
