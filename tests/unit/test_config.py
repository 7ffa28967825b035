"""stopcast.toml: errors name the line, the key and the reason."""

from pathlib import Path

import pytest

from feeds.config import ConfigError, read_config

GOOD = """\
[feeds.nyct]
schedule = "subway.zip"
replaced_routes = ["A", "C"]

[[feeds.nyct.endpoints]]
url = "https://example.org/ace"
interval = 10
headers = { "x-api-key" = "$SUBWAY_KEY" }

[[feeds.nyct.endpoints]]
url = "alerts.pb"
"""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBWAY_KEY", "s3cret")


def read(tmp_path: Path, text: str) -> str:
    """The error that `text` makes."""
    path = tmp_path / "stopcast.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config(path)
    return str(error.value).replace(str(path), "stopcast.toml")


def test_a_whole_config(tmp_path: Path) -> None:
    path = tmp_path / "stopcast.toml"
    path.write_text(GOOD)
    feed = read_config(path).feeds["nyct"]
    assert feed.replaced_routes == ("A", "C")
    first, second = feed.endpoints
    assert first.headers["x-api-key"].get_secret_value() == "s3cret"
    assert "s3cret" not in repr(feed)
    assert (second.interval, second.clock) == (30, False)


def test_a_missing_variable_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBWAY_KEY")
    assert read(tmp_path, GOOD) == (
        "stopcast.toml, line 8: feeds.nyct.endpoints.0.headers.x-api-key: "
        "the environment has no SUBWAY_KEY"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("interval = 10", "interval = 0", "line 7: feeds.nyct.endpoints.0.interval: "),
        ("interval = 10", "intervall = 10", "line 7: feeds.nyct.endpoints.0.intervall: Extra"),
        ('url = "alerts.pb"', "", "line 10: feeds.nyct.endpoints.1.url: Field required"),
        ("[feeds.nyct]", "[feeds.NYCT]", "line 1: feeds.NYCT: String should match pattern"),
        ('schedule = "subway.zip"', "schedule = 7", "line 2: feeds.nyct.schedule: "),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = GOOD.replace(old, new)
    if "NYCT" in new:
        text = text.replace("feeds.nyct", "feeds.NYCT")
    assert read(tmp_path, text).startswith(f"stopcast.toml, {said}")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("interval = 10", "interval = -1").replace('"alerts.pb"', "7")
    assert len(read(tmp_path, text).splitlines()) == 2


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    assert "Invalid value" in read(tmp_path, "feeds =")
    assert read(tmp_path, "").startswith("stopcast.toml, line 1: feeds: Field required")
    with pytest.raises(ConfigError, match="docs/examples"):
        read_config(tmp_path / "none.toml")


SHARED = """\
[feeds.metro]
[feeds.tram]
[feeds.bus]
shares = { "4711" = "metro:central", "12" = "metro:central" }
"""


def test_a_shared_stop_is_shown_at_its_host(tmp_path: Path) -> None:
    path = tmp_path / "stopcast.toml"
    path.write_text(SHARED)
    config = read_config(path)
    assert config.shares("metro") == {"central": ["bus:4711", "bus:12"]}
    assert config.shares("bus") == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metro:central", "subway:central", "there is no feed subway"),
        ("metro:central", "central", "'central' is no <feed>:<stop_id>"),
        ("metro:central", "bus:central", "bus:central is of the same feed"),
        ("[feeds.tram]", '[feeds.tram]\nshares = { "9" = "bus:4711" }', "is shared with another"),
    ],
)
def test_a_share_that_cannot_be_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = SHARED.replace(old, new, 1)
    line = 3 if "tram]\n" in new else 4
    told = read(tmp_path, text)
    assert told.startswith(
        f"stopcast.toml, line {line}: feeds.{'tram' if line == 3 else 'bus'}.shares"
    )
    assert said in told
