"""The file of settings, `.env` of this folder or another, and whether it can be trusted."""

import os
from pathlib import Path

from worker import WorkerError


class EnvFileMissing(WorkerError):
    """The file of settings that was named is not there."""


def env_file() -> tuple[Path | None, bool, str]:
    """Return the file of settings to obey, if any, whether that is as it should be, and why. Raises EnvFileMissing.

    The `.env` of the folder one stands in may be somebody else's, and lead our images and keys to their servers.
    """
    named = os.environ.get("TAGGER_ENV_FILE")
    if named:
        if not Path(named).expanduser().is_file():
            raise EnvFileMissing(f"--env-file or TAGGER_ENV_FILE: there is no file {named}")
        return Path(named).expanduser(), True, f"{named} is read, as --env-file or TAGGER_ENV_FILE names it"
    file = Path(".env")
    if not file.is_file():
        return None, True, "there is no .env in this folder"
    status = file.stat()
    if not {file.lstat().st_uid, status.st_uid} <= {0, os.geteuid()}:
        return (None, False, "the .env of this folder is not read, as it belongs to somebody else (--env-file .env)")
    if status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != os.getegid()):
        return None, False, "the .env of this folder is not read, as others may write to it: chmod go-w .env"
    return file, True, "the .env of this folder is read"
