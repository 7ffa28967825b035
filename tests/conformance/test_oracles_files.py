"""ORACLES.md section 1: what other projects expect of real files, row by row."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from feeds.realtime.decode import decode
from feeds.realtime.quality import Quality

RunFiles = Callable[..., Awaitable[Any]]

BART = "transitland-lib/server/gtfs/bart.zip"
BART_REALTIME = "transitland-lib/server/rt"
AT_FOUR = "2018-05-30T16:00:00-07:00"
FOUR_TO_FIVE_PAST = ("16:00:00", "16:05:00")


def posix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def test_f1_three_trains_at_fruitvale_half_a_minute_late(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA.json", at=AT_FOUR)
    arrivals = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)
    assert len(arrivals) == 3
    for arrival in arrivals.values():
        assert arrival["delay"] == 30
        assert arrival["arrival"] == arrival["scheduled_arrival"] + 30
        assert arrival["departure"] == arrival["scheduled_departure"] + 30
    arrival = arrivals["1031527WKDY"]
    assert arrival["scheduled_departure"] == posix("2018-05-30T23:02:00Z")
    assert arrival["departure"] == posix("2018-05-30T23:02:30Z")
    assert run.pipeline.heard[0].timestamp == posix("2018-05-30T22:27:30Z")


async def test_f2_all_twenty_calls_of_a_trip_are_half_a_minute_late(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA.json", at=AT_FOUR)
    calls = run.calls("1031527WKDY")
    assert len(calls) == 20
    assert {call.arrival - call.scheduled_arrival for call in calls} == {30}
    assert {call.departure - call.scheduled_departure for call in calls} == {30}


async def test_f5_an_arrival_that_is_not_told_takes_the_departures_delay(
    run_files: RunFiles,
) -> None:
    """Peers' choice: ours is transitland's (docs/decisions/0005); OpenTripPlanner keeps schedule."""
    run = await run_files(BART, f"{BART_REALTIME}/BA-arrival-fallback.json", at=AT_FOUR)
    arrival = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)["1031527WKDY"]
    assert arrival["arrival"] == posix("2018-05-30T23:02:30Z")


async def test_f7_the_last_delay_given_goes_on_to_later_stops(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-last-delay.json", at=AT_FOUR)
    arrival = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)["1031527WKDY"]
    assert arrival["stop_sequence"] == 12
    assert arrival["scheduled_departure"] == 1527721320
    assert arrival["departure"] == 1527721365
    assert arrival["delay"] == 45


async def test_f8_stops_are_found_by_stop_id_alone(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-stop-id-fallback.json", at=AT_FOUR)
    arrival = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)["1031527WKDY"]
    assert arrival["departure"] == posix("2018-05-30T23:02:30Z")


async def test_f10_no_trip_update_is_no_realtime_and_never_on_time(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-departure-fallback.json", at=AT_FOUR)
    arrival = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)["2211533WKDY"]
    assert arrival["status"] == "scheduled"
    assert arrival["scheduled_departure"] == posix("2018-05-30T23:02:00Z")
    assert not {"arrival", "departure", "delay"} & arrival.keys()


async def test_f12_a_canceled_trip_stays_listed_without_predictions(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-added.json", at=AT_FOUR)
    arrival = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)["2211533WKDY"]
    assert arrival["status"] == "canceled"
    assert arrival["scheduled_departure"] == posix("2018-05-30T23:02:00Z")
    assert not {"arrival", "departure", "delay"} & arrival.keys()


async def test_f13_one_delay_at_the_first_stop_moves_the_whole_trip(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-added.json", at=AT_FOUR)
    arrivals = run.arrivals("FTVL", *FOUR_TO_FIVE_PAST)
    assert arrivals["1131530WKDY"]["scheduled_departure"] == posix("2018-05-30T23:05:00Z")
    assert arrivals["1131530WKDY"]["departure"] == posix("2018-05-30T23:05:45Z")
    assert arrivals["1131530WKDY"]["status"] == "predicted"
    assert arrivals["1031527WKDY"]["status"] == "scheduled"


async def test_f15_absolute_times_and_a_stop_swapped_at_its_sequence(
    run_files: RunFiles, captures: Path
) -> None:
    folder = "nigiri/gtfsrt_rt_test"
    realtime = f"{folder}/02_kTripUpdate.json"
    run = await run_files(f"{folder}/01_static.zip", realtime, at="2023-08-10T09:38:00Z")
    expected = realtime_minutes(captures / folder / "04_expected.expected.txt")
    assert len(expected) == 28
    calls = run.calls("3248651")
    for call, (stop_id, arrival, departure) in zip(calls, expected, strict=True):
        assert call.stop_id == stop_id
        shown = call.departure or call.scheduled_departure
        assert departure in (None, utc_minute(shown))
        shown = call.arrival or call.scheduled_arrival
        assert arrival in (None, utc_minute(shown))
    # Before the first update there is no prediction, only the schedule.
    assert [call.departure for call in calls[:14]] == [None] * 14
    assert calls[15].stop_id == "10000"
    assert run.pipeline.quality.counts["stop_disagrees_moved"] == 1
    assert "3248651" not in run.arrivals("1992")
    assert "3248651" in run.arrivals("10000")


async def test_f14_alerts_are_listed_while_they_are_active(run_files: RunFiles) -> None:
    run = await run_files(BART, f"{BART_REALTIME}/BA-alerts.json", at="2018-05-30T22:27:30Z")
    alerts = run.pipeline.boards.boards["FTVL"]["alerts"].values()
    headers = [alert["header"]["en"] for alert in alerts]
    assert headers.count("Test stop header") == 1
    assert not [header for header in headers if header.endswith("- active")]  # that is in 2022


async def test_f16_by_stop_id_alone_what_is_not_on_the_trip_is_passed_over(
    run_files: RunFiles, captures: Path
) -> None:
    """Peers' choice: ours is nigiri's; OpenTripPlanner rejects the whole update (R4)."""
    folder = "nigiri/gtfsrt_rt_test"
    realtime = f"{folder}/03_kTripUpdateWithoutSeq.json"
    run = await run_files(f"{folder}/01_static.zip", realtime, at="2023-08-10T09:38:00Z")
    expected = realtime_minutes(captures / folder / "05_expectedWithoutSeq.expected.txt")
    calls = run.calls("3248651")
    for call, (stop_id, arrival, departure) in zip(calls, expected, strict=True):
        assert call.stop_id == stop_id
        assert departure in (None, utc_minute(call.departure or call.scheduled_departure))
        assert arrival in (None, utc_minute(call.arrival or call.scheduled_arrival))
    assert run.pipeline.quality.counts["stop_not_in_trip"] == 2


def realtime_minutes(path: Path) -> list[tuple[str, str | None, str | None]]:
    """Each call's stop_id and its realtime arrival and departure, as HH:MM in UTC."""
    return [
        (found[1], minute(line, "a"), minute(line, "d"))
        for line in path.read_text().splitlines()
        if (found := re.match(r"\s*\d+: (\S+)", line))
    ]


def minute(line: str, event: str) -> str | None:
    found = re.search(rf"\b{event}: .*?RT \d\d\.\d\d (\d\d:\d\d)", line)
    return found[1] if found else None


def utc_minute(moment: int) -> str:
    return f"{moment // 3600 % 24:02}:{moment // 60 % 60:02}"


async def test_f17_every_call_of_cincinnati_without_a_schedule(
    run_files: RunFiles, captures: Path, tmp_path: Path
) -> None:
    folder = captures / "realtime-metro"
    schedule = tmp_path / "cincinnati.zip"
    with ZipFile(schedule, "w") as archive:
        stops = (folder / "stops.txt").read_text(encoding="utf-8-sig").rstrip()
        # stops.txt is not quite of the same day: ten calls are at stops that it does not have.
        missing = ("6THELMw", "CLICILi", "CLICILo", "ELM6THn", "MARCOLe", "Rock525e")
        rows = (f"{stop_id},,{stop_id},,39.1,-84.5,,,,," for stop_id in missing)
        archive.writestr("stops.txt", "\n".join([stops, *rows]))
        archive.write(folder / "routes.txt", "routes.txt")
        archive.writestr(
            "agency.txt",
            "agency_id,agency_name,agency_url,agency_timezone\n"
            "SORTA,SORTA,https://example.org,America/New_York\n",
        )
        # A schedule must have a trip; this one never runs again.
        archive.writestr("trips.txt", "route_id,service_id,trip_id\n11,once,none\n")
        archive.writestr(
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
            "none,08:00:00,08:00:00,MADHYDi,1\nnone,08:10:00,08:10:00,GSqB,2\n",
        )
        archive.writestr("calendar_dates.txt", "service_id,date,exception_type\nonce,20150101,1\n")
    at = "2015-02-16T17:46:53-05:00"
    run = await run_files(schedule, "realtime-metro/trip_update", at=at)
    assert sum(len(r.calls) for r in run.pipeline.updates.runs.values()) == 6370
    [arrival] = run.arrivals("MADHYDi").values()
    assert arrival["route_id"] == "conformance:11"
    assert arrival["departure"] == posix("2015-02-16T18:06:59-05:00")
    assert arrival["added"] is True
    first = next(iter(run.arrivals("GSqB").values()))
    assert first["arrival"] == posix("2015-02-16T17:53:00-05:00")


def test_f18_septa_is_read_as_it_is(captures: Path) -> None:
    message = decode((captures / "otp/septa.pbf").read_bytes(), (), Quality().note)
    updates = [e.trip_update for _, e in message.added if e.HasField("trip_update")]
    assert len(updates) == 35
    assert updates[0].trip.trip_id == "AIR_4846_V55_M"
