"""Certificates for a test, and TLS in front of a server that has none.

authority = Authority(folder)
with TlsFront(server.port, authority.certificate("db.example"), postgres=True) as front:
    connect to 127.0.0.1:front.port with TLS
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, in a folder."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its certificate, made at first use."""
        file = self.folder / "ca.pem"
        if not file.exists():
            self._openssl("req", "-x509", *_NEW_KEY, self.folder / "ca.key", "-subj", "/CN=ours", "-out", file)
        return file

    def certificate(self, host: str) -> Path:
        """Make a certificate for a host, signed by us; its file, with the key in it."""
        request, file = self.folder / f"{host}.csr", self.folder / f"{host}.pem"
        names = self.folder / f"{host}.ext"
        names.write_text(f"subjectAltName=DNS:{host}")
        key = self.folder / f"{host}.key"
        self._openssl("req", *_NEW_KEY, key, "-subj", f"/CN={host}", "-out", request)
        signed = ("-CA", self.file, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-extfile", names)
        self._openssl("x509", "-req", "-in", request, *signed, "-out", file)
        file.write_text(file.read_text() + key.read_text())
        return file

    def _openssl(self, *arguments: str | Path) -> None:
        self.folder.mkdir(exist_ok=True)
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")


class TlsFront:
    """Forwards what comes in by TLS to 127.0.0.1:`target` in plain; `postgres`: answers its request for TLS first."""

    def __init__(self, target: int, certificate: Path, *, postgres: bool = False) -> None:
        self._target = target
        self._postgres = postgres
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.set_alpn_protocols(["postgresql"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            if self._postgres:
                plain.recv(8)
                plain.sendall(b"S")
            with (
                self._context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", self._target)) as server,
            ):
                threading.Thread(target=_pump, args=(server, client), daemon=True).start()
                _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
