"""Settings of the nights."""

from datetime import date, datetime, time
from importlib.util import find_spec
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from worker.configuration.calendar import NEVER, Calendar, calendar_of, next_time, zone_of


class NightSettings(BaseSettings):
    """When nights begin, until when they are to be done, and who is told."""

    timezone: str = Field("UTC", description="The time zone of the schedule and of a night's date, as Europe/Berlin.")
    schedule: str = Field(
        "0 2 * * *", description="When the scheduler begins a night over TAGGER_SOURCE: a cron expression, or off."
    )
    catch_up_h: float = Field(
        20.0, ge=1, le=168, description="Hours for which the last night that was missed is still caught up."
    )
    night_deadline: time | None = Field(
        None, description="When a night is to be done, as 07:00 in the time zone; unset: no alert about that."
    )
    ping_url: SecretStr | None = Field(
        None, description="A URL that is called after each good night, so that its absence is noticed elsewhere."
    )
    notify: SecretStr | None = Field(
        None, description="URLs of apprise, with spaces between, to which alerts and each night's report are sent."
    )
    gate: Literal["off", "warn", "hold"] = Field(
        "warn", description="What happens to a night unlike the good ones: nothing, a warning, or it is held (hold)."
    )
    cost_per_hour: float | None = Field(
        None, gt=0, description="What an hour of all machines costs; `tagger report` then says what 1,000 images cost."
    )

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        zone_of(value)
        return value

    @field_validator("schedule")
    @classmethod
    def _is_a_schedule(cls, value: str, info: ValidationInfo) -> str:
        value = " ".join(value.split())
        calendar_of(NEVER if value.lower() == NEVER else value, info.data.get("timezone", "UTC"))
        return NEVER if value.lower() == NEVER else value

    @field_validator("night_deadline")
    @classmethod
    def _is_local(cls, value: time | None) -> time | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("leave the offset out: it is a time in TAGGER_TIMEZONE")
        return value

    @field_validator("ping_url")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("it is no http:// or https:// URL")
        return value

    @field_validator("notify")
    @classmethod
    def _has_a_sender(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and find_spec("apprise") is None:
            raise ValueError("apprise sends the messages and is not installed: pip install 'catalogue-tagger[notify]'")
        return value

    @property
    def calendar(self) -> Calendar | None:
        """When nights begin; None if they are off."""
        return calendar_of(self.schedule, self.timezone)

    def date_of(self, moment: datetime) -> date:
        """Return the date, in the time zone, of a night that begins at that moment."""
        return moment.astimezone(zone_of(self.timezone)).date()

    def deadline_of(self, begun_at: datetime) -> datetime | None:
        """Return when a night that began then is to be done; None if that is not set."""
        if self.night_deadline is None:
            return None
        return next_time(self.night_deadline, begun_at, zone_of(self.timezone))
