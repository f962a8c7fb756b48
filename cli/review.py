"""`tagger review`: start the process in which people review, in a browser or by the API."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.context import load_settings, open_catalogue


def review(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 8000,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy on a private address ends TLS in front of this.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A certificate, to speak TLS itself.")
    ] = None,
    key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The private key of it.")] = None,
) -> None:
    """Start the review: pages for reviewers and the JSON API, until SIGTERM or Ctrl-C."""
    with _no_collection():
        from db.session import engine_of
        from review.server import CONNECTIONS, first_password, is_of_this_machine, listen, serve
        from worker.bootstrap import open_sessions

    if (certificate is None) != (key is None):
        raise typer.BadParameter("give both --certificate and --key, or neither", param_hint="--certificate")
    if not (behind_proxy or certificate or is_of_this_machine(host)):
        raise typer.BadParameter(
            f"on {host} passwords would cross the network in the clear: give --certificate and --key,"
            " or --behind-proxy if a proxy in front of it speaks TLS",
            param_hint="--host",
        )
    settings = load_settings(quiet=False)
    engine_of(open_catalogue(settings, create=True)).dispose()
    sessions = open_sessions(settings, pool_size=CONNECTIONS)
    listening = listen(host, port)
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104 -- compared
    address = f"{'https' if certificate else 'http'}://{shown}:{listening.getsockname()[1]}"
    print(f"The review is at {address}", flush=True)
    if (link := first_password(sessions, address)) is not None:
        print(f"Set the password of the user admin, once, within a day: {link}", flush=True)
    serve(settings, sessions, listening, behind_proxy=behind_proxy, certificate=certificate, key=key)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest while modules are imported, which keep all they make: a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
