"""All settings, read from TAGGER_* variables or `.env` once a process, by its entry point."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy import make_url

from worker import WorkerError
from worker.configuration.env_file import env_file
from worker.configuration.hints import HintSettings
from worker.configuration.nights import NightSettings
from worker.configuration.reviewing import ReviewSettings
from worker.configuration.single_sign_on import SingleSignOnSettings
from worker.configuration.urls import check_broker_url, check_database_url, hide_password
from worker.storage.ignore import HIDDEN_AND_FOREIGN
from worker.storage.store import S3Options

if TYPE_CHECKING:  # numpy and Pillow take a fifth of a second to import, and most commands need neither
    from model.decisions.thresholds import ReviewPolicy
    from model.images.decoding import DecodeLimits


class BadSettings(WorkerError):
    """A setting cannot be used. The message names it and says what to write."""


class Settings(NightSettings, HintSettings, ReviewSettings, SingleSignOnSettings):
    """The settings of every tagger process. `tagger config` prints them; docs/settings.md lists them."""

    model_config = SettingsConfigDict(env_prefix="TAGGER_", env_ignore_empty=True, extra="ignore")

    database_url: str = Field("sqlite:///tagger.db", description="Where the catalogue is: SQLite or PostgreSQL.")
    broker_url: str = Field(
        "memory://", description="memory:// works in one process; redis:// or rediss:// rings workers elsewhere."
    )
    database_ca: Path | None = Field(
        None, description="A file of the authorities that PostgreSQL's certificate must come from; unset: the system's."
    )
    broker_ca: Path | None = Field(
        None, description="The same for the certificate of a rediss:// server; unset: the system's."
    )
    source: str | None = Field(
        None, description="What to tag when a command names nothing: a folder or s3://bucket/prefix."
    )
    s3_endpoint_url: str | None = Field(None, description="An S3 server other than AWS.")
    s3_region: str | None = Field(None, description="The S3 region.")
    s3_access_key_id: str | None = Field(None, description="S3 key id; unset: boto3's own chain finds credentials.")
    s3_secret_access_key: SecretStr | None = Field(None, description="S3 secret key.")
    s3_session_token: SecretStr | None = Field(None, description="S3 session token, of keys that are lent for a time.")
    s3_requester_pays: bool = Field(False, description="Pay for requests to buckets whose owners do not.")
    model: str = Field(
        "fashion-mnist",
        description="The bundle to tag with: a name (the promoted version, if one is), name@version, or a path.",
    )
    bundles: Path | None = Field(None, description="A folder of more bundles, beside those that come with the program.")
    runtime: Literal["litert", "tensorflow"] = Field(
        "litert", description="What runs the network: litert or tensorflow."
    )
    target_precision: float | None = Field(
        None, ge=0.5, le=1, description="Share of what passes without review that is to be right; unset: the bundle's."
    )
    review_budget: float | None = Field(
        None, ge=0, le=1, description="At most this share of images is reviewed; goes before the target precision."
    )
    taxonomy: Path | None = Field(
        None, description="A CSV file of the shop's own categories to tag with; unset: the bundle's."
    )
    coarse: bool = Field(
        False, description="Where only a category further up in the taxonomy is sure, tag that; needs a taxonomy."
    )
    chunk: int = Field(256, ge=1, le=2000, description="Images a worker claims at once.")
    micro_batch: int = Field(64, ge=1, le=512, description="Images classified and recorded at once.")
    io_threads: int = Field(6, ge=1, le=64, description="Threads that read and decode, in each worker child.")
    workers: int | None = Field(None, ge=1, le=256, description="Children of `tagger worker`; unset: one a core.")
    lease_s: float = Field(180.0, ge=5, le=180, description="Seconds until a dead worker's images are taken over.")
    max_image_bytes: int = Field(50_000_000, ge=1, description="Larger images are skipped as too_large.")
    max_image_pixels: int = Field(40_000_000, ge=1, description="Images of more pixels are skipped as too_many_pixels.")
    image_deadline_s: float = Field(
        20.0,
        ge=1,
        le=60,
        description="An image that takes longer to decode gets a strike, and after three is too_slow.",
    )
    product_pattern: str | None = Field(
        None,
        description="A regular expression with a group `product`, searched in each key: several images, one product.",
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Where a scheduler serves /metrics, /healthz and /readyz; unset: nowhere."
    )
    ignore: str = Field(
        HIDDEN_AND_FOREIGN,
        description="Names of files and folders to leave out of a source, with * and ?, between commas; or none.",
    )
    keep_days: int = Field(
        400, ge=30, le=36_500, description="Days after which the scheduler removes old rows that nothing needs."
    )
    celery_monitoring: Literal["off", "on"] = Field(
        "off", description="Task events, heartbeats and remote control for Flower and the like: off or on."
    )
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people (text) or programs (json).")

    @field_validator("product_pattern")
    @classmethod
    def _names_a_product(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        if "product" not in pattern.groupindex:
            raise ValueError("it has no group named product; write for example (?P<product>[^/_]+)_")
        return value

    @field_validator("coarse")
    @classmethod
    def _has_a_taxonomy(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("taxonomy") is None:
            raise ValueError("without a taxonomy nothing lies above a category; set TAGGER_TAXONOMY, too")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        check_database_url(value)
        return re.sub(r"^(sqlite[^:]*:///)(~[^?]*)", lambda match: match[1] + _at_home(match[2]), value)

    @field_validator("database_ca", "broker_ca", "source", "model", "bundles", "taxonomy", mode="before")
    @classmethod
    def _is_expanded(cls, value: Any) -> Any:
        return _at_home(value) if isinstance(value, str) else value

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker(cls, value: str) -> str:
        check_broker_url(value)
        return value

    @field_validator("database_ca", "broker_ca")
    @classmethod
    def _is_a_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @model_validator(mode="after")
    def _name_the_authorities(self) -> Self:
        if self.database_ca is None or not self.database_url.startswith("postgresql"):
            return self
        url = make_url(self.database_url)
        if "sslrootcert" not in url.query:
            url = url.update_query_dict({"sslrootcert": str(self.database_ca)})
            self.database_url = url.render_as_string(hide_password=False)
        return self

    @property
    def embedded(self) -> bool:
        """Whether everything happens in one process, without a broker."""
        return self.broker_url.startswith("memory:")

    @property
    def decode_limits(self) -> "DecodeLimits":
        from model.images.decoding import DecodeLimits

        return DecodeLimits(max_bytes=self.max_image_bytes, max_pixels=self.max_image_pixels)

    @property
    def review_policy(self) -> "ReviewPolicy":
        """The rule for which predictions need no review."""
        from model.decisions.thresholds import ReviewPolicy

        return ReviewPolicy(self.target_precision, self.review_budget)

    @property
    def s3(self) -> S3Options:
        secret, token = self.s3_secret_access_key, self.s3_session_token
        return S3Options(
            endpoint_url=self.s3_endpoint_url,
            region=self.s3_region,
            access_key_id=self.s3_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            session_token=token.get_secret_value() if token else None,
            requester_pays=self.s3_requester_pays,
            io_threads=self.io_threads,
        )

    @property
    def bundle_folders(self) -> tuple[Path, ...]:
        return (self.bundles,) if self.bundles else ()


def load(**overrides: Any) -> Settings:
    """Read the settings of this process. Raises BadSettings, which names every wrong one."""
    file, _, _ = env_file()
    given: dict[str, Any] = {"_env_file": file, "_env_file_encoding": "utf-8-sig"}
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = [f"TAGGER_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
        raise BadSettings("; ".join(wrong)) from None
    except UnicodeDecodeError as error:
        raise BadSettings(f"{file} is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from None


def unknown_names() -> list[str]:
    """Return a sentence for each TAGGER_* name that is no setting, with the nearest that is one."""
    known = {f"TAGGER_{name.upper()}" for name in Settings.model_fields} | {"TAGGER_ENV_FILE"}
    file, _, _ = env_file()
    given = {*os.environ, *(dotenv_values(file, encoding="utf-8-sig") if file else ())}
    sentences = []
    for name in sorted(name for name in given if name.upper().startswith("TAGGER_") and name.upper() not in known):
        nearest = get_close_matches(name.upper(), sorted(known), 1)
        sentences.append(f"{name} is no setting" + (f"; is {nearest[0]} meant?" if nearest else ""))
    return sentences


def _at_home(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 -- a Path would lose ./ and raise for somebody unknown


def masked(settings: Settings) -> dict[str, str]:
    """Return settings and their values as text, without passwords and secrets."""
    shown: dict[str, str] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        shown[f"TAGGER_{name.upper()}"] = hide_password("" if value is None else str(value))
    return shown


def cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
