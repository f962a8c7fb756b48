"""A mail server that keeps what it is sent, and may be told what to do when it is greeted or has got a mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from stack.processes import free_ports

Stage = str
"""EHLO, when a sender greets; DATA, when the server has a mail and has not said so yet."""


@dataclass
class Mailbox:
    """What was sent, and a URL of apprise to send there."""

    url: str
    mails: list[EmailMessage] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    at: dict[Stage, Callable[[], None]] = field(default_factory=dict)
    """What is done once at a stage."""

    async def handle_EHLO(self, _: Any, session: Any, __: Any, hostname: str, responses: list[str]) -> list[str]:
        session.host_name = hostname
        self._reach("EHLO")
        return responses

    async def handle_DATA(self, _: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.senders.append(str(envelope.mail_from))
        self.recipients.append(envelope.rcpt_tos)
        self._reach("DATA")
        return "250 taken"

    def _reach(self, stage: Stage) -> None:
        self.at.pop(stage, lambda: None)()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    [port] = free_ports(1)
    box = Mailbox(f"mailto://127.0.0.1:{port}?from=night@shop.example&to=juma@shop.example")
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield box
    finally:
        server.stop()
