"""A coverage-guided search for bytes that raise anything but a DecodeError.

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris
    PYTHONPATH=.:.venv/lib/python3.11/site-packages /tmp/fuzz/bin/python bench/fuzz.py poll --minutes 30

Atheris is no dependency of the project, hence the environment of its own (same Python version as
ours). A find does not end the run: the first input of each kind is kept in tests/fixtures/fuzz/,
where tests/unit/test_fuzz.py replays it ever after.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage

from bench.captures import CAPTURES

try:
    import atheris  # type: ignore[import-untyped]  # in an environment of its own, see above
except ImportError:
    print(__doc__)
    sys.exit()

with atheris.instrument_imports(include=["feeds", "schemas"]):
    from tests.fuzz_mutation import mutated
    from tests.fuzz_targets import BEFORE, TARGETS

ROOT = Path(__file__).parents[1]
LARGEST = 8192  # bytes of an input: big messages only repeat what small ones say


class Finds:
    """The first input of each kind of failure: the exception and where it was raised."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: set[tuple[type[BaseException], str, int | None]] = set()

    def keep(self, error: Exception, data: bytes) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind = (type(error), frame.filename, frame.lineno)
        if kind in self.known:
            return
        self.known.add(kind)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{sha1(data, usedforsecurity=False).hexdigest()[:12]}.pb"
        path.write_bytes(data)
        traceback.print_exception(error)
        print(f"FIND {path}: {error!r}", flush=True)


def seeds(folder: Path) -> None:
    """Small real messages, as they are and cut down to a few entities."""
    (folder / "before").write_bytes(BEFORE)
    for number, path in enumerate(sorted(CAPTURES.rglob("*"))):
        if path.suffix in {".pb", ".pbf", ".proto", ".bin", ""} and path.is_file():
            try:
                message = FeedMessage.FromString(path.read_bytes())
            except DecodeError:
                continue
            del message.entity[3:]
            for entity in message.entity:
                del entity.trip_update.stop_time_update[4:]
            (folder / str(number)).write_bytes(message.SerializePartialToString()[:LARGEST])


def target(work: Callable[[bytes], None], finds: Finds) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            work(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a find
            finds.keep(error, data)

    return run


def mutate(data: bytes, largest: int, seed: int) -> bytes:
    """Half of the time a message with another field or entity, else bytes as libFuzzer likes."""
    rng = random.Random(seed)  # noqa: S311  # the search must be repeatable, not secret
    if rng.random() < 0.5 and (changed := mutated(data, rng)) and len(changed) <= largest:
        return changed
    other: bytes = atheris.Mutate(data, largest)
    return other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=30)
    given = parser.parse_args()
    finds = Finds(ROOT / "tests" / "fixtures" / "fuzz" / given.target)
    with tempfile.TemporaryDirectory(prefix="stopcast-fuzz-") as folder:
        seeds(Path(folder))
        options = [
            f"-max_total_time={given.minutes * 60:.0f}", f"-max_len={LARGEST}", "-timeout=20",
            "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1", folder,
        ]  # fmt: skip
        print(f"{time.strftime('%H:%M:%S')} {given.target}, {given.minutes} minutes", flush=True)
        atheris.Setup(
            [sys.argv[0], *options],
            target(TARGETS[given.target], finds),
            custom_mutator=mutate,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
