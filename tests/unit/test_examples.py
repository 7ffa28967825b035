"""docs/examples: each config says how it is run, and its parts are there."""

import re
import shlex
from pathlib import Path

import pytest

from feeds.commands.replay import replay
from feeds.config import read_config
from feeds.sources.replay import find_captures, read_recording

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.toml"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_tells_the_command_that_runs_it(path: Path) -> None:
    assert f"stopcast up --config {path.relative_to(ROOT)}" in path.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_a_config_with_a_schedule_and_endpoints(path: Path) -> None:
    for feed in read_config(path).feeds.values():
        assert feed.schedule
        assert feed.endpoints
        assert any(endpoint.clock for endpoint in feed.endpoints) == ("replay" in path.stem)


@pytest.mark.parametrize("path", [p for p in EXAMPLES if "replay" in p.stem], ids=lambda p: p.stem)
def test_replay_of_an_example_finds_its_captures(path: Path, captures: Path) -> None:
    """The command in the comments serves the endpoints' paths, on their port."""
    text = path.read_text()
    lines = re.findall(r"^#   (.+)$", text, re.MULTILINE)
    joined = " ".join(lines).replace("\\ ", "")
    command = joined[joined.index("stopcast feeds replay") : joined.index("stopcast up")]
    variables = dict(re.findall(r"^(\w+)=(\S+)$", "\n".join(lines), re.MULTILINE))
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    command = command.replace("../shared/data", str(captures))
    arguments = shlex.split(command)[3:]
    with replay.make_context("replay", arguments) as context:
        parameters = context.params
    assert parameters["port"] == 9001
    [feed] = read_config(path).feeds.values()
    assert [endpoint.url for endpoint in feed.endpoints] == [
        f"http://127.0.0.1:9001/{argument.partition('=')[0] if '=' in argument else ''}"
        for argument in parameters["paths"]
    ]
    assert feed.schedule
    assert (captures / feed.schedule.removeprefix("../shared/data/")).is_file()
    recording = read_recording(find_captures(parameters["paths"]))
    assert len(recording.moments) >= 4
