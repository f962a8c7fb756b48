"""Errors of botocore, translated: they are about one image, the store for now, or the store until somebody acts.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

from worker.storage.store import (
    AccessDenied,
    Archived,
    ChangedDuringRead,
    ImageNotFound,
    StorageError,
    StoreGone,
    StoreMisconfigured,
    StoreUnavailable,
)

BOTO_ERRORS = (BotoCoreError, ClientError, ResponseParserError, ValueError, OSError)
"""Everything that a client's call raises; ValueError stands for an endpoint that is no URL."""

_NETWORK = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError, OSError)
_FOR_NOW = {
    "ExpiredToken",
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
}
_WHOLE_STORE = {
    "AuthorizationHeaderMalformed",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "InvalidToken",
    "NoSuchBucket",
    "PermanentRedirect",
    "SignatureDoesNotMatch",
}
REACH_IT = "check TAGGER_S3_ENDPOINT_URL, and that this machine reaches the server"
_REMEDIES = {
    "AccessDenied": "let these credentials list it (s3:ListBucket)",
    "InvalidAccessKeyId": "check TAGGER_S3_ACCESS_KEY_ID",
    "NoSuchBucket": "check its name and TAGGER_S3_ENDPOINT_URL; if it was deleted, scan it with --allow-mass-removal",
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": "check TAGGER_S3_SECRET_ACCESS_KEY",
}


def store_error(error: Exception, bucket: str) -> StorageError:
    """Translate the error of a listing or any other call about the whole bucket."""
    if _is_for_now(error):
        return StoreUnavailable(f"bucket {bucket!r} does not answer ({_words(error)}); {REACH_IT}")
    remedy = _REMEDIES.get(_code(error), "check TAGGER_SOURCE and the TAGGER_S3_* settings")
    kind = StoreGone if _code(error) == "NoSuchBucket" else StoreMisconfigured
    return kind(f"bucket {bucket!r} cannot be used ({_words(error)}); {remedy}")


def image_error(error: Exception, key: str, bucket: str) -> StorageError:
    """Translate the error of reading one object."""
    code = _code(error)
    if isinstance(error, ParamValidationError) and not key:
        return ImageNotFound("an object without a key cannot be; scan again")
    if not isinstance(error, ClientError) or _is_for_now(error) or code in _WHOLE_STORE:
        return store_error(error, bucket)
    status = _status(error)
    if status == 412:
        return ChangedDuringRead(f"{key} is no longer the listed version; the next scan lists the new one")
    if status in (404, 405):  # 405: its newest version is a delete marker
        return ImageNotFound(f"{key} is no longer in {bucket!r}; the next scan marks it gone")
    if code == "InvalidObjectState":
        kept_in = error.response["Error"].get("StorageClass", "archive")
        return Archived(f"{key} lies in the storage class {kept_in}; restore it, and the next scan tries it again")
    return AccessDenied(
        f"{key} may not be read ({_words(error)}); grant s3:GetObject, and the next scan tries it again"
    )


def write_error(error: Exception, key: str, bucket: str) -> StorageError:
    """Translate the error of writing one object."""
    if _code(error) == "NoSuchBucket":
        return StoreGone(f"there is no bucket {bucket!r}: make it, or check its name and TAGGER_S3_ENDPOINT_URL")
    if isinstance(error, ClientError) and _status(error) == 403 and _code(error) not in _WHOLE_STORE:
        return AccessDenied(f"{key} may not be written to {bucket!r} ({_words(error)}); grant s3:PutObject")
    return store_error(error, bucket)


def _is_for_now(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = _status(error)
        return status >= 500 or status == 429 or _code(error) in _FOR_NOW
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return False
    return isinstance(error, _NETWORK)


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _words(error: Exception) -> str:
    """Shorten the message to one line, without the words that botocore adds."""
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        return f"{_code(error)}: {message}" if message else _code(error) or str(error)
    return " ".join(str(error).split())[:300]
