"""The calendar of nights: one moment a date, in every zone and through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

import pytest

from worker import settings
from worker.configuration.calendar import Calendar, moment_of, next_time, zone_of

CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Africa/Nairobi", date(2026, 3, 29)),
    ("Africa/Nairobi", date(2026, 10, 25)),
]
AT_MIDNIGHT = [
    ("America/Nuuk", date(2026, 3, 28), time(23, 30)),  # the hour before midnight is skipped
    ("America/Havana", date(2026, 11, 1), time(0, 30)),  # the hour after midnight comes twice
]
CASES = [(zone, day, time(hour, 30)) for zone, day in CHANGES for hour in (1, 2)] + AT_MIDNIGHT
CATCH_UP = timedelta(hours=20)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def calendar(cron: str, zone: str) -> Calendar:
    return Calendar(cron, zone_of(zone))


@pytest.mark.parametrize(("zone", "day", "at"), CASES)
def test_each_date_has_one_night_at_whatever_minute_of_a_change_night_a_scheduler_starts(
    zone: str, day: date, at: time
) -> None:
    of = calendar(f"{at:%M %H} * * *", zone)
    moments = {night: moment_of(datetime.combine(night, at), of.zone) for night in (day - DAY, day, day + DAY)}
    first = moments[day] - timedelta(hours=3)

    found = {now: of.due(now, since=now - CATCH_UP) for now in (first + n * MINUTE for n in range(26 * 60))}

    for now, firing in found.items():
        expected = [(night, moment) for night, moment in moments.items() if now - CATCH_UP < moment <= now]
        assert [(firing.date, firing.at)] == expected[-1:] if firing else not expected


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", date(2026, 3, 29), "2026-03-29T01:00"),  # skipped: after the gap
        ("30 2 * * *", "Europe/Berlin", date(2026, 10, 25), "2026-10-25T00:30"),  # twice: the first
        ("30 2 * * *", "America/New_York", date(2026, 3, 8), "2026-03-08T07:00"),
        ("30 1 * * *", "America/New_York", date(2026, 11, 1), "2026-11-01T05:30"),
        ("30 2 * * *", "Africa/Nairobi", date(2026, 3, 29), "2026-03-28T23:30"),
        ("30 23 * * *", "America/Nuuk", date(2026, 3, 28), "2026-03-29T01:00"),  # and the date stays
    ],
)
def test_a_time_that_is_skipped_is_after_the_gap_and_one_that_comes_twice_is_the_first(
    cron: str, zone: str, day: date, expected: str
) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    [firing] = [
        firing for firing in islice(calendar(cron, zone).upcoming(noon - timedelta(days=1)), 3) if firing.date == day
    ]

    assert firing.at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_clock_that_is_set_back_finds_the_same_night_or_the_one_before() -> None:
    of = calendar("0 2 * * *", "Europe/Berlin")
    begun = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)

    dates = [of.due(now, since=now - 2 * CATCH_UP) for now in (begun, begun - timedelta(hours=1), begun)]

    assert [firing.date.day for firing in dates if firing] == [25, 24, 25]


def test_what_is_longer_ago_than_is_caught_up_is_not_due() -> None:
    of = calendar("0 2 * * *", "UTC")
    fired = datetime(2026, 11, 26, 2, tzinfo=UTC)

    assert of.due(fired + CATCH_UP - MINUTE, since=fired - MINUTE) is not None
    assert of.due(fired + CATCH_UP, since=fired) is None


def test_a_change_of_the_clocks_is_known_by_its_date() -> None:
    of = calendar("0 2 * * *", "Europe/Berlin")

    days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)]

    assert [of.change_on(day) for day in days] == [timedelta(hours=hours) for hours in (0, 1, -1)]


def test_firings_are_listed_once_each_also_those_in_a_gap() -> None:
    of = calendar("*/30 * * * *", "Europe/Berlin")

    listed = [firing.at for firing in islice(of.upcoming(datetime(2026, 3, 29, 0, 15, tzinfo=UTC)), 3)]

    assert [f"{at:%H:%M}" for at in listed] == ["00:30", "01:00", "01:30"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schedule", "at two"),
        ("schedule", "61 2 * * *"),
        ("schedule", "0 2 30 2 *"),
        ("schedule", "0 0 2 * * *"),
        ("timezone", "Mars/Phobos"),
        ("timezone", "Europe"),
        ("night_deadline", "07:00Z"),
        ("night_deadline", "late"),
        ("ping_url", "ftp://example.com"),
        ("catch_up_h", "0"),
    ],
)
def test_a_setting_of_the_nights_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(settings.BadSettings, match=f"^TAGGER_{name.upper()}: "):
        settings.load(**{name: value})


def test_nights_can_be_off() -> None:
    assert settings.load(schedule="OFF").calendar is None
    assert settings.load().calendar == calendar("0 2 * * *", "UTC")


def test_a_deadline_is_the_next_time_on_the_wall_also_in_a_change_night() -> None:
    berlin = zone_of("Europe/Berlin")
    begun = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)

    assert next_time(time(7), begun, berlin) == datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert next_time(time(0, 0), begun, berlin) == datetime(2026, 10, 25, 23, tzinfo=UTC)
