"""Zips as agencies make them: what is read of them, and what is told when they are wrong."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.gtfs.problems import Problem, ScheduleError
from feeds.gtfs.schedule import GtfsSchedule, read_schedule
from tests.small_city import SMALL_CITY

Write = Callable[..., Path]


def read(path: Path, *, skip_wrong: bool = False) -> GtfsSchedule:
    return read_schedule(path, "gtfs.zip", lambda *_: None, skip_wrong=skip_wrong)


def problems(path: Path) -> list[str]:
    with pytest.raises(ScheduleError) as caught:
        read(path)
    return [str(problem) for problem in caught.value.problems]


def times(schedule: GtfsSchedule) -> list[tuple[int, int]]:
    columns = schedule.stop_times.columns
    return list(zip(columns["arrival"].tolist(), columns["departure"].tolist(), strict=True))


EIGHT = [(28_800, 28_800), (29_400, 29_460), (30_000, 30_000)]


def test_the_small_city(gtfs_zip: Write) -> None:
    schedule = read(gtfs_zip())
    assert times(schedule) == EIGHT
    assert schedule.tables["stops"]["number"].to_list() == [0, 1, 2]
    assert schedule.tables["stops"]["location_type"].to_list() == [0, 0, 0]
    assert schedule.tables["calendar"]["start_date"].to_list() == [date(2024, 1, 1)]
    assert schedule.last_time == 30_000
    assert schedule.ignored == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.removesuffix("\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace("\n", "\n\n", 2),
        lambda text: text.replace(",", " , "),
        lambda text: "\n".join(
            ",".join(f'"{v}"' for v in line.split(",")) for line in text.split()
        ),
        lambda text: "\n".join(f"{line},x" for line in text.split()),
        lambda text: "\n".join(f"{line}," for line in text.split()),
        lambda text: text.replace("\n", ",too,many\n").replace(",too,many", "", 1),
    ],
    ids=[
        "bom",
        "crlf",
        "cr",
        "no end",
        "blank end",
        "blank lines",
        "spaces",
        "quotes",
        "extra column",
        "empty column",
        "longer rows",
    ],
)
def test_a_file_may_be_written_in_many_ways(gtfs_zip: Write, change: Callable[[str], str]) -> None:
    plain = {name: text.replace(" ", "_") for name, text in SMALL_CITY.items()}
    schedule = read(gtfs_zip({name: change(text) for name, text in plain.items()}))
    expected = read(gtfs_zip(plain, name="plain.zip"))
    assert times(schedule) == EIGHT
    for name, table in expected.tables.items():
        assert schedule.tables[name].equals(table), name


def test_files_may_lie_in_a_folder_of_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "folder.zip"
    with ZipFile(path, "w") as archive:
        for name, text in SMALL_CITY.items():
            archive.writestr(f"export/gtfs/{name}", text)
            archive.writestr(f"__MACOSX/export/gtfs/._{name}", "junk")
    assert times(read(path)) == EIGHT


def test_quoted_fields_may_hold_commas_quotes_and_lines(gtfs_zip: Write) -> None:
    stops = 'stop_id,stop_name\na,"Alpha, ""A"""\nb,"Be\nta"\nc,Gam"m"a\n'
    names = read(gtfs_zip({"stops.txt": stops})).tables["stops"]["stop_name"].to_list()
    assert names == ['Alpha, "A"', "Be\nta", 'Gam"m"a']


def test_a_lone_quote_within_a_value_is_a_character(gtfs_zip: Write) -> None:
    stops = 'stop_id,stop_name\na,5" pipe\nb,"Be,ta"\n\nc,Gamma\n'
    names = read(gtfs_zip({"stops.txt": stops})).tables["stops"]["stop_name"].to_list()
    assert names == ['5" pipe', "Be,ta", "Gamma"]


def test_an_optional_file_may_hold_nothing_that_is_known(gtfs_zip: Write) -> None:
    for text in ("", "\n", "unknown\n1\n", "feed_version"):
        assert read(gtfs_zip({"feed_info.txt": text})).tables["feed_info"].is_empty()


def test_short_rows_have_empty_values_at_their_end(gtfs_zip: Write) -> None:
    stops = "stop_id,stop_name,stop_code\na,Alpha,1\nb\nc,Gamma\n"
    table = read(gtfs_zip({"stops.txt": stops})).tables["stops"]
    assert table["stop_code"].to_list() == ["1", None, None]
    assert table["stop_name"].to_list() == ["Alpha", None, "Gamma"]


def test_the_order_of_columns_is_free(gtfs_zip: Write) -> None:
    stops = "stop_name,zone,stop_id\nAlpha,z,a\nBeta,z,b\nGamma,z,c\n"
    assert read(gtfs_zip({"stops.txt": stops})).tables["stops"]["stop_id"].to_list() == [*"abc"]


def test_calendar_dates_may_stand_alone(gtfs_zip: Write) -> None:
    dates = "service_id,date,exception_type\ndaily,20240501,1\n"
    schedule = read(gtfs_zip({"calendar.txt": None, "calendar_dates.txt": dates}))
    assert schedule.tables["calendar"].is_empty()
    assert schedule.tables["calendar_dates"]["date"].to_list() == [date(2024, 5, 1)]


def test_times_may_pass_midnight_and_lack_a_leading_zero(gtfs_zip: Write) -> None:
    rows = "t,7:59:00,8:00:00,a,1\nt,24:10:00,24:10:30,b,2\nt,100:00:00,100:00:00,c,3\n"
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    schedule = read(gtfs_zip({"stop_times.txt": head + rows}))
    assert times(schedule) == [(28_740, 28_800), (87_000, 87_030), (360_000, 360_000)]
    assert schedule.last_time == 360_000


def test_rows_are_sorted_by_trip_and_sequence(gtfs_zip: Write) -> None:
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    rows = "t,08:20:00,08:20:00,c,30\nu,09:00:00,09:00:00,a,5\nt,08:00:00,08:00:00,a,4\n"
    trips = "route_id,service_id,trip_id\nr,daily,t\nr,daily,u\n"
    columns = read(gtfs_zip({"stop_times.txt": head + rows, "trips.txt": trips})).stop_times.columns
    assert columns["trip"].tolist() == [0, 0, 1]
    assert columns["stop_sequence"].tolist() == [4, 30, 5]
    assert columns["stop"].tolist() == [0, 2, 0]


def test_one_given_time_stands_for_both_and_gaps_are_filled(gtfs_zip: Write) -> None:
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    rows = "t,,08:00:00,a,1\nt,,,b,2\nt,08:20:00,,c,3\n"
    schedule = read(gtfs_zip({"stop_times.txt": head + rows}))
    assert times(schedule) == [(28_800, 28_800), (29_400, 29_400), (30_000, 30_000)]


def test_gaps_are_filled_by_the_way_where_it_is_known(gtfs_zip: Write) -> None:
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
    rows = "t,08:00:00,08:00:00,a,1,0\nt,,,b,2,1.5\nt,08:20:00,08:20:00,c,3,6\n"
    assert times(read(gtfs_zip({"stop_times.txt": head + rows})))[1] == (29_100, 29_100)


def test_headsigns_are_numbered(gtfs_zip: Write) -> None:
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,stop_headsign,pickup_type\n"
    rows = "t,8:00:00,8:00:00,a,1,East,\nt,9:00:00,9:00:00,b,2,,3\nt,9:10:00,9:10:00,c,3,East,1\n"
    stop_times = read(gtfs_zip({"stop_times.txt": head + rows})).stop_times
    assert stop_times.headsigns.to_list() == ["East"]
    assert stop_times.columns["headsign"].tolist() == [0, -1, 0]
    assert stop_times.columns["pickup_type"].tolist() == [0, 3, 1]
    assert stop_times.columns["drop_off_type"].tolist() == [0, 0, 0]


def test_rows_for_on_demand_zones_are_no_calls(gtfs_zip: Write) -> None:
    head = "trip_id,stop_id,location_group_id,stop_sequence,arrival_time,departure_time\n"
    rows = "t,a,,1,08:00:00,08:00:00\nt,,zone,2,,\nt,c,,3,08:20:00,08:20:00\n"
    columns = read(gtfs_zip({"stop_times.txt": head + rows})).stop_times.columns
    assert columns["stop"].tolist() == [0, 2]


def test_hints_that_cannot_be_read_are_left_out_and_told(gtfs_zip: Write) -> None:
    routes = "route_id,route_short_name,route_type,route_sort_order\nr,7,tram,-5\n"
    schedule = read(gtfs_zip({"routes.txt": routes}))
    assert schedule.tables["routes"].select("route_type", "route_sort_order").row(0) == (3, None)
    assert schedule.ignored == (
        Problem("routes.txt", 2, "route_type", "tram", "is no integer of 0 or more"),
        Problem("routes.txt", 2, "route_sort_order", "-5", "is no integer of 0 or more"),
    )


def test_a_platform_of_an_unknown_station_stands_for_itself(gtfs_zip: Write) -> None:
    stops = "stop_id,stop_name,parent_station\na,A,gone\nb,B,\nc,C,\n"
    schedule = read(gtfs_zip({"stops.txt": stops}))
    assert schedule.tables["stops"]["parent_station"].to_list() == [None] * 3
    assert [str(p) for p in schedule.ignored] == [
        "stops.txt:2 parent_station 'gone': is not in stops.txt"
    ]


def test_what_is_no_zip_says_what_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "gtfs.zip"
    path.write_bytes(b"<!DOCTYPE html><title>Moved")
    with pytest.raises(
        ScheduleError, match=r"gtfs\.zip is no zip: it begins with b'<!DOCTYPE html>"
    ):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"gtfs\.zip: No such file"):
        read(tmp_path / "nowhere.zip")


def test_a_damaged_zip_names_the_file(gtfs_zip: Write) -> None:
    path = gtfs_zip()
    data = bytearray(path.read_bytes())
    data[45:55] = bytes(10)  # within the first member's compressed bytes
    path.write_bytes(data)
    assert problems(path)[0].startswith("agency.txt: cannot be unpacked: ")


@pytest.mark.parametrize("told", [None, 10], ids=["honest", "lying about its size"])
def test_a_zip_bomb_ends_at_the_limit(
    gtfs_zip: Write, monkeypatch: pytest.MonkeyPatch, told: int | None
) -> None:
    monkeypatch.setattr("feeds.gtfs.zip.SMALL", 4 << 20)
    path = gtfs_zip({"agency.txt": bytes(64 << 20)})
    if told is not None:
        data = bytearray(path.read_bytes())
        entry = data.index(b"PK\1\2")  # the first of the directory is agency.txt's; APPNOTE 4.3.12
        data[entry + 24 : entry + 28] = told.to_bytes(4, "little")
        path.write_bytes(data)
    tracemalloc.start()
    try:
        assert problems(path)[0].startswith("agency.txt: cannot be unpacked: ")
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
def test_a_zip_is_unpacked_by_methods_with_a_bound_only(gtfs_zip: Write, method: int) -> None:
    """zipfile gives bzip2 and LZMA no limit: 1,300 bytes became 1.5 GB."""
    path = gtfs_zip({"agency.txt": None})
    with ZipFile(path, "a", method) as archive:
        archive.writestr("agency.txt", bytes(1 << 20))
    assert problems(path) == ["agency.txt: cannot be unpacked: only deflate is known here"]


@pytest.mark.parametrize(("place", "file"), [("header", "stops.txt"), ("row", "stop_times.txt")])
def test_a_field_longer_than_csv_takes_is_a_problem_of_its_file(
    gtfs_zip: Write, file: str, place: str
) -> None:
    header, rows = SMALL_CITY[file].split("\n", 1)
    long = "x" * 200_000
    added = {"header": f"{long},{header}\n{rows}", "row": f"{header}\n{rows}{long},{long}\n"}
    found = problems(gtfs_zip({file: added[place]}))
    assert any(problem.startswith(file) for problem in found)


STOP_TIMES = SMALL_CITY["stop_times.txt"]
SAME_AGAIN = "t,08:30:00,08:30:00,a,3\n"
CASES: dict[str, tuple[str, str | bytes | None, str]] = {
    "missing file": ("stops.txt", None, "stops.txt: is missing"),
    "empty file": ("routes.txt", "", "routes.txt: has no rows"),
    "no rows": ("trips.txt", "route_id,service_id,trip_id\n", "trips.txt: has no rows"),
    "no calendar": (
        "calendar.txt",
        None,
        "calendar.txt: is missing, and so is calendar_dates.txt: no trip would ever run",
    ),
    "missing column": (
        "stop_times.txt",
        STOP_TIMES.replace("stop_sequence", "order"),
        "stop_times.txt:1 stop_sequence: is a missing column",
    ),
    "column twice": (
        "routes.txt",
        "route_id,route_type,route_id\nr,3,r\n",
        "routes.txt:1 route_id: is a column that comes twice",
    ),
    "bad time": (
        "stop_times.txt",
        STOP_TIMES.replace("08:10:00", "08:61:00"),
        "stop_times.txt:3 arrival_time '08:61:00': is no time: H:MM:SS is expected, hours may exceed 24",
    ),
    "time of other digits": (
        "stop_times.txt",
        STOP_TIMES.replace("08:10:00", "\u0660\u0668:10:00"),
        "stop_times.txt:3 arrival_time '\u0660\u0668:10:00': is no time: H:MM:SS is expected, hours may exceed 24",
    ),
    "bad sequence": (
        "stop_times.txt",
        STOP_TIMES.replace("b,2", "b,-2"),
        "stop_times.txt:3 stop_sequence '-2': is no integer of 0 or more",
    ),
    "unknown trip": (
        "stop_times.txt",
        STOP_TIMES + "ghost,09:00:00,09:00:00,a,1\n",
        "stop_times.txt:5 trip_id 'ghost': is not in trips.txt",
    ),
    "unknown stop": (
        "stop_times.txt",
        STOP_TIMES.replace(",b,", ",x,"),
        "stop_times.txt:3 stop_id 'x': is not in stops.txt",
    ),
    "no stop": (
        "stop_times.txt",
        STOP_TIMES.replace(",b,", ",,"),
        "stop_times.txt:3 stop_id: is empty",
    ),
    "unknown route": (
        "trips.txt",
        "route_id,service_id,trip_id\nq,daily,t\n",
        "trips.txt:2 route_id 'q': is not in routes.txt",
    ),
    "duplicate stop": (
        "stops.txt",
        SMALL_CITY["stops.txt"] + "a,Again,1,1\n",
        "stops.txt:5 stop_id 'a': is a duplicate",
    ),
    "duplicate stop_sequence": (
        "stop_times.txt",
        STOP_TIMES + SAME_AGAIN,
        "stop_times.txt:5 trip_id, stop_sequence 't, 3': is a duplicate",
    ),
    "no last time": (
        "stop_times.txt",
        STOP_TIMES.replace("08:20:00", ""),
        "stop_times.txt:4 trip_id, stop_sequence 't, 3': begins or ends a trip without a time",
    ),
    "latitude": (
        "stops.txt",
        SMALL_CITY["stops.txt"].replace("48.2", "-200"),
        "stops.txt:3 stop_lat '-200': is no number from -90 to 90",
    ),
    "time zone": (
        "agency.txt",
        SMALL_CITY["agency.txt"].replace("Europe/Paris", "Paris"),
        "agency.txt:2 agency_timezone 'Paris': is no time zone of the IANA database",
    ),
    "second time zone": (
        "agency.txt",
        "agency_id,agency_name,agency_timezone\n1,One,Europe/Paris\n2,Two,Europe/Rome\n",
        (
            "agency.txt:3 agency_timezone 'Europe/Rome': is not the time zone of the first "
            "agency: a schedule has only one"
        ),
    ),
    "empty time zone": (
        "agency.txt",
        SMALL_CITY["agency.txt"].replace("Europe/Paris", ""),
        "agency.txt:2 agency_timezone: is empty",
    ),
    "date": (
        "calendar.txt",
        SMALL_CITY["calendar.txt"].replace("20241231", "2024-12-31"),
        "calendar.txt:2 end_date '2024-12-31': is no date: YYYYMMDD is expected",
    ),
    "headway": (
        "frequencies.txt",
        "trip_id,start_time,end_time,headway_secs\nt,06:00:00,07:00:00,0\n",
        "frequencies.txt:2 headway_secs '0': is no integer of 1 or more",
    ),
    "encoding": (
        "stops.txt",
        SMALL_CITY["stops.txt"].replace("Beta", "Bêta").encode("latin-1"),
        "stops.txt:3 '0xEA': is not UTF-8",
    ),
    "NUL": (
        "stops.txt",
        SMALL_CITY["stops.txt"].replace("Gamma", "Ga\0mma"),
        "stops.txt:4 '0x00': is a NUL byte, which no text has",
    ),
    "open quote": (
        "stops.txt",
        SMALL_CITY["stops.txt"].replace("Beta", '"Beta'),
        "stops.txt:3: has a quote out of place: unexpected end of data",
    ),
}


@pytest.mark.parametrize(("file", "text", "told"), CASES.values(), ids=CASES)
def test_a_problem_is_told_with_file_line_column_value_and_reason(
    gtfs_zip: Write, file: str, text: str | bytes | None, told: str
) -> None:
    assert told in problems(gtfs_zip({file: text}))


def test_problems_of_all_files_are_told_at_once(gtfs_zip: Write) -> None:
    path = gtfs_zip(
        {
            "agency.txt": None,
            "routes.txt": "route_id\n",
            "stops.txt": SMALL_CITY["stops.txt"].replace("48.1", "north"),
            "stop_times.txt": STOP_TIMES.replace("08:10:00", "soon"),
        }
    )
    told = problems(path)
    assert {text.split(":")[0] for text in told} == {
        "agency.txt",
        "routes.txt",
        "stops.txt",
        "stop_times.txt",
        "trips.txt",
    }


def test_a_wrong_row_does_not_accuse_the_rows_that_refer_to_it(gtfs_zip: Write) -> None:
    stops = SMALL_CITY["stops.txt"].replace("48.2", "-200")
    assert len(problems(gtfs_zip({"stops.txt": stops}))) == 1


def test_only_the_first_fifty_are_told_and_the_rest_counted(gtfs_zip: Write) -> None:
    rows = "".join(f"t,08:30:00,08:30:00,nowhere,{n}\n" for n in range(10, 90))
    with pytest.raises(ScheduleError) as caught:
        read(gtfs_zip({"stop_times.txt": STOP_TIMES + rows}))
    assert [problem.line for problem in caught.value.problems] == list(range(5, 55))
    assert caught.value.total == 80
    assert str(caught.value).endswith("\n  and 30 more")


def test_lines_are_counted_through_quoted_line_ends(gtfs_zip: Write) -> None:
    stops = 'stop_id,stop_name,stop_lat\r\na,"Al\r\npha",1\r\n\r\nb,"B",2\r\nc,C,south\r\n'
    assert problems(gtfs_zip({"stops.txt": stops})) == [
        "stops.txt:6 stop_lat 'south': is no number from -90 to 90"
    ]


def test_wrong_rows_can_be_skipped_with_all_that_refers_to_them(gtfs_zip: Write) -> None:
    path = gtfs_zip(
        {
            "stops.txt": SMALL_CITY["stops.txt"] + "d,Delta,-200,0\n",
            "trips.txt": SMALL_CITY["trips.txt"] + "q,daily,lost\n",
            "stop_times.txt": STOP_TIMES
            + "t,08:30:00,08:30:00,d,4\nt,08:40:00,08:40:00,nowhere,5\nlost,09:00:00,09:00:00,a,1\n",
        }
    )
    schedule = read(path, skip_wrong=True)
    assert times(schedule) == EIGHT
    assert schedule.tables["stops"]["stop_id"].to_list() == ["a", "b", "c"]
    assert schedule.tables["trips"]["trip_id"].to_list() == ["t"]
    assert [(p.file, p.line) for p in schedule.ignored] == [
        ("stop_times.txt", 6),
        ("stops.txt", 5),
        ("trips.txt", 3),
    ]


def test_a_trip_without_times_at_its_ends_is_skipped_whole(gtfs_zip: Write) -> None:
    rows = "u,,,a,1\nu,09:00:00,09:00:00,b,2\nu,09:10:00,09:10:00,c,3\n"
    trips = SMALL_CITY["trips.txt"] + "r,daily,u\n"
    path = gtfs_zip({"stop_times.txt": STOP_TIMES + rows, "trips.txt": trips})
    assert times(read(path, skip_wrong=True)) == EIGHT


def test_a_file_that_cannot_be_read_is_never_skipped(gtfs_zip: Write) -> None:
    with pytest.raises(ScheduleError):
        read(gtfs_zip({"trips.txt": None}), skip_wrong=True)


def test_a_schedule_without_any_time_zone_is_never_skipped_to(gtfs_zip: Write) -> None:
    agency = SMALL_CITY["agency.txt"].replace("Europe/Paris", "Paris")
    with pytest.raises(ScheduleError):
        read(gtfs_zip({"agency.txt": agency}), skip_wrong=True)


@pytest.mark.parametrize("distance", ["inf", "nan", "-1", "1e400", "far"])
def test_a_distance_that_is_none_is_left_out(gtfs_zip: Write, distance: str) -> None:
    head = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
    rows = f"t,08:00:00,08:00:00,a,1,0\nt,,,b,2,{distance}\nt,08:20:00,08:20:00,c,3,6\n"
    schedule = read(gtfs_zip({"stop_times.txt": head + rows}))
    assert times(schedule)[1] == (29_400, 29_400)
    assert schedule.ignored_total == 1


def test_skipping_everything_is_refused(gtfs_zip: Write) -> None:
    with pytest.raises(ScheduleError):
        read(gtfs_zip({"stop_times.txt": STOP_TIMES.replace("t,0", "x,0")}), skip_wrong=True)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(SMALL_CITY)),
    st.integers(0, 400),
    st.integers(0, 20),
    st.text('",\n\r\t 0123:-.eabct\u0660\0\ud7ff', max_size=12) | st.binary(max_size=6),
)
def test_whatever_is_in_a_file_it_is_read_or_refused_by_name(
    file: str, start: int, length: int, text: str | bytes
) -> None:
    data = SMALL_CITY[file].encode()
    put = text.encode() if isinstance(text, str) else text
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gtfs.zip"
        with ZipFile(path, "w") as archive:
            changed = SMALL_CITY | {
                "feed_info.txt": put,
                file: data[:start] + put + data[start + length :],
            }
            for name, content in changed.items():
                archive.writestr(name, content)
        for skip_wrong in (False, True):
            with suppress(ScheduleError):
                assert len(read(path, skip_wrong=skip_wrong).stop_times) > 0
