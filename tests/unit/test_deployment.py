"""What Procfile, fly.toml and pyproject.toml say about the same thing is the same."""

import tomllib
from pathlib import Path

from gateway.server import longest_stop
from gateway.settings import GatewaySettings
from schemas.local import children

ROOT = Path(__file__).parents[2]
FLY = tomllib.loads((ROOT / "fly.toml").read_text())


def test_fly_runs_what_the_procfile_says() -> None:
    assert FLY["processes"] | {"release": FLY["deploy"]["release_command"]} == children.procfile()


GRACE = float(FLY["env"]["STOPCAST_DRAIN_GRACE"])


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_fly_waits_for_the_drain_before_it_kills() -> None:
    window = GatewaySettings.model_fields["drain_window"].default
    assert seconds(FLY["kill_timeout"]) >= longest_stop(GRACE, window)
    assert FLY["kill_signal"] == "SIGTERM"


def test_fly_notices_within_the_grace_that_a_gateway_drains() -> None:
    [check] = FLY["http_service"]["checks"]
    assert check["path"] == "/readyz"
    assert seconds(check["interval"]) + seconds(check["timeout"]) < GRACE


def test_fly_asks_the_port_that_the_gateway_listens_on() -> None:
    service = FLY["http_service"]
    assert service["internal_port"] == int(FLY["env"]["PORT"])
    assert service["processes"] == ["web"]


def test_fly_scrapes_the_admin_port_and_serves_it_to_nobody_else() -> None:
    [metrics] = FLY["metrics"]
    assert metrics["port"] == int(FLY["env"]["STOPCAST_ADMIN_PORT"])
    assert metrics["port"] != FLY["http_service"]["internal_port"]
    assert "services" not in FLY


def test_fly_sends_no_more_streams_than_a_gateway_takes() -> None:
    concurrency = FLY["http_service"]["concurrency"]
    assert concurrency["hard_limit"] <= GatewaySettings.model_fields["max_streams"].default
    assert concurrency["soft_limit"] < concurrency["hard_limit"]


def test_wheel_brings_the_procfile_along() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert children.PROCFILE.name in build["targets"]["wheel"]["only-include"]
