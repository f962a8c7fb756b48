"""PROCESS `tagger review`: the application on a socket, and a link for the first admin's password."""

import ipaddress
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer

import structlog
import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import CatalogueError
from db.review import access, screens, users
from db.review.filters import Filters
from db.review.truth import owners
from db.session import Sessions
from model import ModelError
from review.app import create_app
from review.parts import Parts
from worker import WorkerError
from worker.settings import Settings

FIRST_ADMIN = "admin"
CONNECTIONS = 20
"""To the database, at once: as many reviewers may wait for a lock, and the others are not held up by them."""
_TURN_S = 0.0005
"""How long a thread computes while others wait to go on; Python's 5 ms come at each answer of the database."""
_WARM_AFTER_S = 0.5
"""After the start, which it would delay; and before anybody has decided anything."""
_PROXIES = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


class PortTaken(WorkerError):
    """The address cannot be listened on."""


def is_of_this_machine(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address. Raises PortTaken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}): choose another with --port") from error
    # asyncio does it for sockets that name their protocol, as these do not; else each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def first_password(sessions: Sessions, address: str) -> str | None:
    """Return a link with which to set the first admin's password, once; None if there is an admin who has one."""
    with sessions.begin() as session:
        if users.any_admin(session):
            return None
        return f"{address}/password?token={access.open_link(session, _first_admin(session))}"


def serve(
    settings: Settings,
    sessions: Sessions,
    listening: socket.socket,
    *,
    behind_proxy: bool = False,
    certificate: Path | None = None,
    key: Path | None = None,
) -> None:
    """Answer until SIGTERM or Ctrl-C. Behind a proxy, its word on address and scheme is taken if its own is private."""
    sys.setswitchinterval(_TURN_S)
    app = create_app(settings, sessions)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would write the secrets of links
        server_header=False,
        proxy_headers=behind_proxy,
        forwarded_allow_ips=_PROXIES,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=10,
    )
    warming = Timer(_WARM_AFTER_S, warm_up, (app.state.parts,))
    warming.daemon = True
    warming.start()
    structlog.get_logger().info("review_started", port=listening.getsockname()[1])
    server = uvicorn.Server(config)
    app.state.parts.stopping = lambda: server.should_exit
    server.run(sockets=[listening])


def warm_up(parts: Parts) -> None:
    """Read what the first screen needs, and build its statements, by claiming one image and giving it back at once.

    Else somebody waits for it, a second or more. What fails here will fail where somebody is told.
    """
    with suppress(CatalogueError, ModelError, SQLAlchemyError), parts.sessions() as session:
        parts.categories.names()
        parts.may_ask(0)
        access.by_token(session, "")
        access.by_session(session, "")
        owners.turn_of(session, 0, away_s=3600 * parts.settings.owner_away_h)
        for user in users.all_of(session)[:1]:
            screen = screens.claim(session, user.id, Filters(), limit=1, mode="single", blind=1)
            for item in screen.items if screen else ():
                parts.categories.candidates(item)
        session.rollback()


def _first_admin(session: Session) -> int:
    known = [user for user in users.all_of(session) if user.name == FIRST_ADMIN]
    return known[0].id if known else users.add(session, FIRST_ADMIN, "admin").id
