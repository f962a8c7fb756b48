"""The calendar of nights: when a cron expression fires in a time zone, and which date a night belongs to. Pure.

Cron is asked about the clock on the wall alone, which knows no daylight-saving change; what that clock's times mean is
decided here: a time that is skipped is the first moment after the gap, one that comes twice is the first of the two.
So each date's night has one moment, from wherever in a change night it is looked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

NEVER = "off"
_LARGEST_CHANGE = timedelta(hours=2)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Firing:
    """A time at which the schedule fires: the date on the wall, and the moment in UTC."""

    date: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """A cron expression of five fields in a time zone. Raises ValueError for what cannot be read or never fires."""

    cron: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if len(self.cron.split()) != 5:
            raise ValueError("write minute, hour, day, month and weekday, for example 0 2 * * *; or off")
        try:
            fires = next(CronSim(self.cron, datetime(2026, 1, 1)), None)  # noqa: DTZ001 -- the clock on the wall
        except CronSimError as error:
            raise ValueError(f"not a cron expression ({error}); write for example 0 2 * * *, or off") from None
        if fires is None:
            raise ValueError("it never fires; write for example 0 2 * * *, or off")

    def in_words(self) -> str:
        return CronSim(self.cron, datetime(2026, 1, 1)).explain()  # noqa: DTZ001 -- the clock on the wall

    def due(self, now: datetime, *, since: datetime) -> Firing | None:
        """Return the last firing after `since` and not after `now`."""
        wall = (now + _LARGEST_CHANGE).astimezone(self.zone).replace(tzinfo=None) + timedelta(seconds=1)
        for fires in CronSim(self.cron, wall, reverse=True):
            at = moment_of(fires, self.zone)
            if at <= now:
                return Firing(fires.date(), at) if at > since else None
        return None

    def upcoming(self, now: datetime) -> Iterator[Firing]:
        """Yield the firings after `now`."""
        last = now
        for wall in CronSim(self.cron, datetime.combine(now.astimezone(self.zone).date() - _DAY, time.min)):
            at = moment_of(wall, self.zone)
            if at > last:  # times that are skipped all come at the end of the gap
                yield Firing(wall.date(), at)
                last = at

    def change_on(self, day: date) -> timedelta:
        """Return by how much clocks are put forward on a date, negative if back; zero on all but two dates a year."""
        midnights = (datetime.combine(day + days, time.min, self.zone) for days in (timedelta(), _DAY))
        before, after = (midnight.utcoffset() or timedelta() for midnight in midnights)
        return after - before


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment, in UTC, at which the clock on the wall shows or passes this time for the first time."""
    local = wall.replace(tzinfo=zone, fold=0)
    while local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        wall += timedelta(minutes=1)
        local = wall.replace(tzinfo=zone, fold=0)
    return local.astimezone(UTC)


def next_time(at: time, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment after `after` at which the clock on the wall shows this time."""
    day = after.astimezone(zone).date()
    moments = (moment_of(datetime.combine(day + days, at), zone) for days in (timedelta(), _DAY))
    return next(moment for moment in moments if moment > after)


def calendar_of(cron: str, zone: str) -> Calendar | None:
    """Return the calendar; None if nights are off. Raises ValueError."""
    return None if cron == NEVER else Calendar(cron, zone_of(zone))


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write for example Europe/Berlin or UTC") from None
