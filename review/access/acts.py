"""The log of acts: who has changed what, from where, and whether it was allowed."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.access.protection import SAFE


class Acts:
    """ASGI middleware that logs each request of somebody known that may change something."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_logged(message: Message) -> None:
            person = scope.get("state", {}).get("person")
            if message["type"] == "http.response.start" and person is not None:
                address = (scope.get("client") or ("",))[0]
                act = {"method": scope["method"], "path": scope["path"], "status": message["status"]}
                structlog.get_logger().info("acted", user=person.name, address=address, **act)
            await send(message)

        changes = scope["type"] == "http" and scope["method"] not in SAFE
        await self._app(scope, receive, send_logged if changes else send)
