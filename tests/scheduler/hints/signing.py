"""A topic of SNS in this process: it signs messages with a certificate of its own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ARN = "arn:aws:sns:eu-central-1:123456789012:photos"
SERVER = "https://sns.eu-central-1.amazonaws.com"
CERTIFICATE_URL = f"{SERVER}/SimpleNotificationService-0a1b2c.pem"
CONFIRM_URL = f"{SERVER}/?Action=ConfirmSubscription&TopicArn={ARN}&Token=2336412f37"


@cache
def key(_: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(number: int = 0, *, days: int = 30) -> bytes:
    """Make the certificate of a key, which has ended if `days` is negative."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key(number).public_key(), number + 1)
        .not_valid_before(today - timedelta(days=60))
        .not_valid_after(today + timedelta(days=days))
        .sign(key(number), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def signed(version: str = "2", *, signer: int = 0, after: dict[str, str] | None = None, **parts: str) -> bytes:
    """Make a message of the topic; `after` is changed once it was signed."""
    content = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": ARN,
        "Subject": "Amazon S3 Notification",
        "Message": "{}",
        "Timestamp": "2026-11-27T03:30:00.000Z",
    } | parts
    if content["Type"] != "Notification":
        del content["Subject"]
        content = {"SubscribeURL": CONFIRM_URL, "Token": "2336412f37"} | content
    names = sorted(content)  # the order in which they are signed
    text = "".join(f"{name}\n{content[name]}\n" for name in names if content[name]).encode()
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = base64.b64encode(key(signer).sign(text, padding.PKCS1v15(), digest)).decode()
    content |= {"SignatureVersion": version, "Signature": signature, "SigningCertURL": CERTIFICATE_URL}
    return json.dumps(content | (after or {})).encode()


@dataclass
class Server:
    """What stands for the server of SNS: it has a certificate, and notes what it was asked."""

    certificate: bytes = field(default_factory=certificate)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if self.is_away:
            raise TimeoutError("timed out")
        return self.certificate if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"
