"""`/v1/stops` with 500,000 made-up stops: how long a real gateway and Postgres take to answer.

    python bench/stop_search.py [--stops 500000] [--feeds 1] [--asks 400] [--rounds 3]

The stops are a made-up country's: from a fixed seed, settlements of very different size, a tenth of
the entries stations with platforms, half of the names with the settlement in front. They go the
way of every schedule (a zip, the import). Then one client asks over one kept connection, each kind of
question in turn, `--asks` different ones of each, as many rounds as told; the median round counts.
"Undisturbed" is the p99 of the questions by the fastest of their rounds: what is left of the p99 when
other work on the machine is left out. "CPU" is what an answer costs the gateway and Postgres together.
"Found" is the share of questions whose stop was among the first ten.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import orjson
import psutil

from feeds.gtfs.schedule_import import import_schedule
from schemas import database
from schemas.local import embedded
from schemas.search.folding import fold

SYLLABLES = [
    "ba",
    "be",
    "bo",
    "brü",
    "ca",
    "co",
    "da",
    "de",
    "dé",
    "el",
    "en",
    "fa",
    "ga",
    "ge",
    "ha",
    "he",
    "île",
    "in",
    "ka",
    "la",
    "le",
    "lo",
    "ma",
    "me",
    "mo",
    "na",
    "ne",
    "no",
    "or",
    "ø",
    "pa",
    "pe",
    "ra",
    "re",
    "ro",
    "sa",
    "se",
    "so",
    "ta",
    "te",
    "to",
    "un",
    "va",
    "ve",
    "wa",
    "we",
    "za",
    "ol",
    "ber",
    "ton",
    "ham",
    "ley",
    "burg",
    "dorf",
    "heim",
    "stadt",
    "feld",
    "år",
    "ñu",
]
KINDS = {
    "Street": 22, "Road": 20, "Avenue": 9, "Lane": 8, "Square": 5, "Park": 5, "Bridge": 4,
    "Church": 4, "School": 4, "Station": 4, "Hospital": 2, "Market": 2, "Town Hall": 2, "Mill": 1,
}  # fmt: skip
SIDES = ("North", "South", "East", "West", "Old", "New", "Upper")
FIRST_TEN = 10


class Stop(NamedTuple):
    stop_id: str
    name: str
    code: str
    lat: float
    lon: float
    location_type: int = 0
    parent: str = ""
    platform: str = ""


class Country:
    """`count` stops, the same for the same seed."""

    def __init__(self, count: int, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # no secret
        names = sorted({self._word() for _ in range(max(50, count // 8))})
        self.random.shuffle(names)
        self.towns = [
            (name.title(), self.random.uniform(44, 56), self.random.uniform(-4, 20), 1 / (at + 3))
            for at, name in enumerate(names[: len(names) // 2])
        ]
        self.streets = [name.title() for name in names[len(names) // 2 :]]
        self.stops = [*self._stops(count)]

    def _word(self) -> str:
        return "".join(self.random.choices(SYLLABLES, k=self.random.choice((2, 2, 3, 3, 4))))

    def _stops(self, count: int) -> Iterator[Stop]:
        made, bounds = 0, [*accumulate(weight for *_, weight in self.towns)]
        kind_bounds = [*accumulate(KINDS.values())]
        while made < count:
            town, lat, lon, weight = self.random.choices(self.towns, cum_weights=bounds)[0]
            street = self.streets[min(int(self.random.paretovariate(0.35)), len(self.streets) - 1)]
            kind = self.random.choices([*KINDS], cum_weights=kind_bounds)[0]
            side = f"{self.random.choice(SIDES)} " if self.random.random() < 0.1 else ""
            name = f"{side}{street} {kind}"
            name = f"{town}, {name}" if self.random.random() < 0.5 else name
            spread = 0.02 + 0.6 * weight  # degrees; the biggest town is as wide as Paris
            place = self.random.gauss(lat, spread), self.random.gauss(lon, spread)
            if self.random.random() > 0.1:
                yield Stop(f"{made}", name, f"{100_000 + made}", *place)
                made += 1
                continue
            platforms = self.random.randint(2, 6)
            yield Stop(f"S{made}", name, "", *place, 1)
            for at in range(platforms):
                one = (f"{made + at}", name, f"{100_000 + made + at}", *place)
                yield Stop(*one, 0, f"S{made}", f"{at + 1}")
            made += platforms + 1


def write(country: Country, path: Path) -> None:
    """A GTFS zip; a route calls at some fifty stops, those of big towns have more routes."""
    chance = country.random
    boards = [stop for stop in country.stops if stop.location_type == 0]
    routes = len(boards) // 25
    lines: dict[str, list[str]] = {
        "agency.txt": ["agency_id,agency_name,agency_url,agency_timezone", "A,A,https://a.example,Europe/Berlin"],
        "stops.txt": ["stop_id,stop_name,stop_code,stop_lat,stop_lon,location_type,parent_station,platform_code"],
        "routes.txt": ["route_id,route_short_name,route_type", *(f"R{n},{n},3" for n in range(routes))],
        "trips.txt": ["route_id,service_id,trip_id", *(f"R{n},S,T{n}" for n in range(routes))],
        "calendar_dates.txt": ["service_id,date,exception_type", "S,20240515,1"],
        "stop_times.txt": ["trip_id,stop_sequence,stop_id,arrival_time,departure_time"],
    }  # fmt: skip
    lines["stops.txt"] += [
        f'{s.stop_id},"{s.name}",{s.code},{s.lat:.6f},{s.lon:.6f},{s.location_type},{s.parent},{s.platform}'
        for s in country.stops
    ]
    for route in range(routes):
        first = int(len(boards) * chance.random())
        for at in range(50):
            stop = boards[(first + int(at * chance.uniform(1, 40))) % len(boards)]
            clock = f"{8 + at // 60:02}:{at % 60:02}:00"
            lines["stop_times.txt"].append(f"T{route},{at},{stop.stop_id},{clock},{clock}")
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, texts in lines.items():
            archive.writestr(name, "\n".join(texts))


Question = tuple[str, str]
"""What is asked, and the name of the stop that is meant, or nothing."""


class Questions:
    """Of each kind, `count`."""

    def __init__(self, country: Country, count: int) -> None:
        self.country, self.count, self.random = country, count, country.random
        self.kinds: dict[str, Callable[[Stop], Question | None]] = {
            "exact name": lambda s: self._named(s, s.name),
            "code": lambda s: self._named(s, s.code) if s.code else None,
            "beginning, 1 to 3 letters": lambda s: self._text(s.name[: self.random.randint(1, 3)]),
            "beginning, 4 to 9 letters": lambda s: self._text(s.name[: self.random.randint(4, 9)]),
            "two beginnings of words": self._beginnings,
            "word and a letter": lambda s: self._text(f"{s.name.split()[0]} {s.name.split()[-1][0]}"),
            "a common word": lambda _: self._text(self.random.choice([*KINDS])),
            "a typo": self._typo,
            "without accents": self._plain,
            "inside of a word": self._inside,
            "nothing like it": lambda _: self._text("".join(self.random.choices("qxzjvkw", k=8))),
            "nearby, in the biggest town": lambda _: self._nearby(self.country.towns[0], 1000),
            "nearby, 100 km, anywhere": lambda _: self._nearby(self.random.choice(self.country.towns), 100_000),
            "nearby, by name": lambda s: self._nearby(self.country.towns[0], 100_000, s.name.split()[-1]),
            "nothing asked": lambda _: ("/v1/stops", ""),
        }  # fmt: skip

    def of(self, kind: str) -> list[Question]:
        found: list[Question] = []
        while len(found) < self.count:
            if question := self.kinds[kind](self.random.choice(self.country.stops)):
                found.append(question)
        return found

    def _text(self, q: str) -> Question:
        return f"/v1/stops?{urlencode({'q': q})}", ""

    def _named(self, stop: Stop, q: str) -> Question:
        return self._text(q)[0], stop.name

    def _beginnings(self, stop: Stop) -> Question:
        one, two = self.random.sample(stop.name.split(), 2)
        return self._text(f"{one[:3]} {two[:3]}")

    def _typo(self, stop: Stop) -> Question | None:
        long = [word for word in stop.name.split() if len(word) >= 5 and word.isalpha()]
        if not long:
            return None
        word = self.random.choice(long)
        at, letter = (
            self.random.randrange(len(word) - 1),
            self.random.choice("abcdefghiklmnoprstuwz"),
        )
        wrong = self.random.choice([
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ])  # fmt: skip
        return self._named(stop, stop.name.replace(word, wrong, 1))

    def _plain(self, stop: Stop) -> Question | None:
        plain = fold(stop.name).upper()
        return self._named(stop, plain) if not stop.name.isascii() else None

    def _inside(self, stop: Stop) -> Question | None:
        long = [word for word in stop.name.split() if len(word) >= 8]
        return self._text(self.random.choice(long)[2:7]) if long else None

    def _nearby(self, town: tuple[str, float, float, float], radius: int, q: str = "") -> Question:
        _, lat, lon, _ = town
        place = {"lat": self.random.gauss(lat, 0.02), "lon": self.random.gauss(lon, 0.02)}
        return f"/v1/stops?{urlencode({**place, 'radius': radius, **({'q': q} if q else {})})}", ""


class Client:
    """One connection, one request after the other."""

    def __init__(self, port: int, *servers: psutil.Process) -> None:
        self.port = port
        self.servers = servers

    def cpu(self) -> float:
        """Milliseconds that the servers and their processes have computed."""
        family = [each for one in self.servers for each in (one, *one.children(recursive=True))]
        return sum(sum(each.cpu_times()[:2]) for each in family) * 1e3

    async def get(self, path: str) -> tuple[float, Any]:
        """Milliseconds, and the answer."""
        began = time.perf_counter()
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n", 1)[0], head
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = await self.reader.readexactly(length)
        return (time.perf_counter() - began) * 1e3, orjson.loads(body)

    async def connect(self) -> None:
        for _ in range(200):
            try:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return
        sys.exit("the gateway did not come up")


class Round(NamedTuple):
    """Of one kind of question: milliseconds each, and how many of the stops meant were found."""

    times: list[float]
    cpu: float
    found: float | None


async def asked(client: Client, questions: list[Question]) -> Round:
    times, found, meant, before = [], 0, 0, client.cpu()
    for path, name in questions:
        took, body = await client.get(path)
        times.append(took)
        if name:
            meant += 1
            found += any(stop.get("name") == name for stop in body["stops"][:FIRST_TEN])
    return Round(times, (client.cpu() - before) / len(times), found / meant if meant else None)


async def paged(client: Client, word: str, pages: int) -> Round:
    times, seen, path = [], set[str](), f"/v1/stops?q={word}"
    before = client.cpu()
    for _ in range(pages):
        took, body = await client.get(path)
        times.append(took)
        ids = {stop["stop_id"] for stop in body["stops"]}
        assert not ids & seen, "a stop came twice"
        seen |= ids
        if "next" not in body:
            break
        path = f"/v1/stops?q={word}&cursor={body['next']}"
    return Round(times, (client.cpu() - before) / len(times), None)


async def fill(url: str, stops: int, feeds: int, folder: Path) -> Country:
    await database.migrate(url)
    for feed in range(feeds):
        country = Country(stops // feeds, feed)
        path = folder / f"{feed}.zip"
        write(country, path)
        async with database.connect(url) as connection:
            result = await import_schedule(str(path), f"feed{feed}", connection)
        print(
            f"feed{feed}: {result.counts['stops']} stops imported in {result.seconds:.1f} s",
            flush=True,
        )
    async with database.connect(url) as connection:
        sizes = await connection.fetch(
            "SELECT parent.relname AS name, pg_size_pretty(sum(pg_total_relation_size(inhrelid)))"
            " FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent"
            " WHERE parent.relname IN ('stops', 'stop_routes', 'search_stops', 'search_words')"
            " GROUP BY 1 ORDER BY 1"
        )
        entries = await connection.fetchval("SELECT count(*) FROM search_stops")
        words = await connection.fetchval("SELECT count(*) FROM search_words")
        print(f"{entries} entries, {words} words;", *(f"{name} {size}" for name, size in sizes))
    return country


async def measure(client: Client, country: Country, feed: str, asks: int, rounds: int) -> None:
    await client.connect()
    questions = Questions(country, asks)
    kinds = {kind: questions.of(kind) for kind in questions.kinds}
    stations = [s.stop_id for s in country.stops if s.location_type][:asks]
    kinds["one station, its routes"] = [(f"/v1/stops/{feed}:{stop}", "") for stop in stations]
    print(f"{'':32}{'p50 ms':>8}{'p99 ms':>8}{'undisturbed':>13}{'CPU ms':>8}  found")
    for kind, told in kinds.items():
        await asked(client, told[:50])
        done = [await asked(client, told) for _ in range(rounds)]
        report(kind, done)
    for word in ("street", "s", "bridge"):
        report(f"pages of {word!r}", [await paged(client, word, 100) for _ in range(rounds)])


def report(kind: str, done: list[Round]) -> None:
    p50, p99 = (median(percentile(each.times, share) for each in done) for share in (0.5, 0.99))
    undisturbed = percentile([*map(min, zip(*(each.times for each in done), strict=True))], 0.99)
    cpu = median(each.cpu for each in done)
    found = "" if done[0].found is None else f"{done[0].found:.1%}"
    print(f"{kind:32}{p50:8.1f}{p99:8.1f}{undisturbed:13.1f}{cpu:8.2f}  {found}", flush=True)


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stops", type=int, default=500_000)
    parser.add_argument("--feeds", type=int, default=1)
    parser.add_argument("--asks", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.postgres() as url,
        embedded.valkey() as redis,
    ):
        country = await fill(url, given.stops, given.feeds, Path(folder))
        port = embedded.free_port()
        environment = {
            "DATABASE_URL": url, "REDIS_URL": redis, "PORT": f"{port}", "STOPCAST_DRAIN_GRACE": "0",
            "STOPCAST_REQUESTS_PER_ADDRESS": "0", "STOPCAST_LOG_LEVEL": "warning",
        }  # fmt: skip
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stopcast", "gateway", env={**os.environ, **environment}
        )
        try:
            postgres = Path(parse_qs(urlsplit(url).query)["host"][0]) / "postmaster.pid"
            servers = (
                psutil.Process(int(postgres.read_text().split()[0])),
                psutil.Process(gateway.pid),
            )
            feed = f"feed{given.feeds - 1}"
            await measure(Client(port, *servers), country, feed, given.asks, given.rounds)
        finally:
            gateway.terminate()
            await gateway.wait()


if __name__ == "__main__":
    asyncio.run(main())
