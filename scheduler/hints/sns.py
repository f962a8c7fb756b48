"""Messages that SNS posts straight to the endpoint: believed if their topic has signed them, and the topic is ours.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

log = structlog.get_logger()

TIMEOUT_S = 5.0
"""SNS itself waits for 15 s until it tries again."""
_MOST_BYTES = 1 << 16
_MOST_CERTIFICATES = 8
_PARTS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""What is signed of each type of message, in this order; a message may lack its Subject."""
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303 -- what topics sign with unless they are told to use version 2
    "2": hashes.SHA256(),
}
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]+\.pem")


class Forged(Exception):
    """A message that our topic has not signed. Its text says what is wrong, and quotes nothing of it."""


class Unreachable(Exception):
    """SNS did not give its certificate, or did not take a confirmation."""


class Topic:
    """The topic whose messages are believed. Threads share it."""

    def __init__(self, arn: str, fetch: Callable[[str], bytes] | None = None) -> None:
        _, partition, _, region, *_ = arn.split(":")
        self._arn = arn
        self._host = f"sns.{region}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")
        self._fetch = fetch or get
        self._lock = Lock()
        self._certificates: dict[str, x509.Certificate] = {}

    def settle(self, message: bytes) -> str | None:
        """Check a message if it is one of SNS, and answer those about the subscription: with what was done.

        None for all else, which may be an event. Raises Forged and Unreachable.
        """
        try:
            content = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(content, dict) or content.get("Type") not in _PARTS:
            return None
        self._check(content)
        if content["Type"] == "Notification":
            return None
        if content["Type"] == "UnsubscribeConfirmation":
            log.warning("sns_unsubscribed", topic=self._arn)
            return "noted; to subscribe again is left to people"
        self._is_of_sns(content["SubscribeURL"])
        self._get(content["SubscribeURL"])
        log.info("sns_subscribed", topic=self._arn)
        return "confirmed"

    def _check(self, content: Mapping[str, Any]) -> None:
        """Raise Forged unless our topic has signed the message.

        Its age does not matter: what is sent again changes nothing.
        """
        if content.get("TopicArn") != self._arn:
            raise Forged("it is not of the topic that TAGGER_EVENTS_TOPIC_ARN names")
        algorithm = _HASHES.get(str(content.get("SignatureVersion")))
        if algorithm is None:
            raise Forged("its SignatureVersion is neither 1 nor 2")
        key = self._certificate(content.get("SigningCertURL")).public_key()
        try:
            signature = base64.b64decode(content["Signature"], validate=True)
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, _signed(content), padding.PKCS1v15(), algorithm)
        except (LookupError, TypeError, ValueError, binascii.Error, InvalidSignature):
            raise Forged("its signature is not that of the topic") from None

    def _certificate(self, url: object) -> x509.Certificate:
        """Return the certificate of an URL, which is asked for once while it is valid."""
        path = self._is_of_sns(url)
        if not _CERTIFICATE.fullmatch(path):
            raise Forged("its SigningCertURL names no certificate of SNS")
        with self._lock:
            certificate = self._certificates.get(str(url)) or _read(self._get(str(url)))
            if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
                self._certificates.pop(str(url), None)
                raise Forged("its certificate has expired, or is not valid yet")
            if len(self._certificates) >= _MOST_CERTIFICATES:
                self._certificates.clear()
            self._certificates[str(url)] = certificate
            return certificate

    def _is_of_sns(self, url: object) -> str:
        """Return the path of an URL on the server of the topic's region. Raises Forged for any other."""
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            raise Forged("an URL in it cannot be read") from None
        if parts.scheme != "https" or parts.netloc != self._host:
            raise Forged(f"an URL in it is not of https://{self._host}")
        return parts.path

    def _get(self, url: str) -> bytes:
        try:
            return self._fetch(url)
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"{self._host} does not answer ({type(error).__name__})") from None


def _signed(content: Mapping[str, Any]) -> bytes:
    """Return what the topic signs: names and values, a line each."""
    parts = [name for name in _PARTS[content["Type"]] if name != "Subject" or content.get("Subject") is not None]
    return "".join(f"{name}\n{content[name]}\n" for name in parts).encode()


def _read(pem: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        is_usable = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise Unreachable("SNS gave something else than a certificate with an RSA key")
    return certificate


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: only the server that was checked is asked."""


def get(url: str) -> bytes:
    """Return what a https URL gives. Raises OSError and HTTPException."""
    with build_opener(_NoRedirects).open(url, timeout=TIMEOUT_S) as answer:
        content: bytes = answer.read(_MOST_BYTES)
    return content
