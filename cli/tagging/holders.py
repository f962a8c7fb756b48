"""Signs of life beside an SQLite catalogue, so that nobody waits for the lease of a process that was killed.

Each process that tags locks a byte of its own in a file beside the catalogue. The kernel lets the lock go when the
process dies, by whatever way, and no number of a process that is used again deceives it.
"""

import fcntl
import os
import secrets
import socket
from functools import partial
from pathlib import Path
from typing import IO

from db.queue import leases, open_work
from db.session import Sessions, in_transaction, read_with_retry

SUFFIX = "-holders"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Holder:
    """This process as the owner of leases, who finds out which other owners are dead.

    Without a file for the catalogue, or without locks in its folder, nobody is known to be dead.
    """

    def __init__(self, catalogue: Path | None) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self._file: IO[bytes] | None = None
        if catalogue is None:
            return
        byte = secrets.randbelow(2**40)
        try:
            self._file = catalogue.with_name(catalogue.name + SUFFIX).open("ab")
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            self.close()
            return
        self.owner += f":{_kernel()}:{byte}"

    def close(self) -> None:
        """Stop to hold anything."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def end_leases_of_the_dead(self, sessions: Sessions) -> None:
        """Make claimable what processes held that are known to be dead."""
        if self._file is None:
            return
        for owner in read_with_retry(sessions, open_work.owners):
            if self._is_dead(owner):
                in_transaction(sessions, partial(leases.end_of, owner=owner))

    def _is_dead(self, owner: str) -> bool:
        """Tell whether an owner of this very kernel has let its byte go."""
        _, kernel, byte = owner.rsplit(":", 2) if owner.count(":") >= 3 else (owner, "", "")
        if self._file is None or owner == self.owner or kernel != _kernel() or not byte.isdecimal():
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(byte))
        except OSError:
            return False
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, int(byte))
        return True


def _kernel() -> str:
    """Name the running kernel, of which all containers on a machine see the same locks."""
    return _BOOT_ID.read_text().partition("-")[0] if _BOOT_ID.exists() else socket.gethostname()
