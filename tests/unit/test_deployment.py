"""What the files that run Stopcast say about the same thing is the same, and fits the code."""

import re
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.server import KEEP_ALIVE, longest_stop
from gateway.settings import GatewaySettings
from schemas.local import children

ROOT = Path(__file__).parents[2]
FLY = tomllib.loads((ROOT / "fly.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NGINX = (ROOT / "docs/operations/nginx.conf").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Whose tables are held against the code by test_docs.py.
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


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


def test_fly_has_a_machine_for_each_process_and_brings_the_feeds_along() -> None:
    sized = [process for vm in FLY["vm"] for process in vm["processes"]]
    assert sorted(sized) == sorted(FLY["processes"])
    [config] = FLY["files"]
    assert config["guest_path"] == FLY["env"]["STOPCAST_CONFIG"]


def test_proxies_wait_longer_than_two_heartbeats() -> None:
    twice = 2 * default("heartbeat")
    assert FLY["http_service"]["http_options"]["idle_timeout"] > twice
    assert nginx_seconds("proxy_read_timeout") > twice


def default(setting: str) -> Any:
    return GatewaySettings.model_fields[setting].default


def nginx_seconds(directive: str) -> float:
    [value] = re.findall(rf"^ *{directive} (\d+)s;", NGINX, re.MULTILINE)
    return float(value)


def test_nginx_leaves_connections_before_the_gateway_does() -> None:
    upstream = NGINX.partition("upstream gateways {")[2].partition("}")[0]
    [kept] = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert int(kept) < KEEP_ALIVE
    assert nginx_seconds("send_timeout") == default("frozen_limit")


GATEWAYS = {name: each for name, each in SERVICES.items() if name.startswith("gateway-")}
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("stopcast:")}


def test_compose_runs_what_the_procfile_says() -> None:
    procfile = children.procfile()
    assert " ".join(SERVICES["release"]["command"]) == procfile["release"]
    for name in ("ingester-1", "ingester-2"):
        assert " ".join(SERVICES[name]["command"]) == procfile["ingester"]
    assert all("command" not in gateway for gateway in GATEWAYS.values())
    [command] = re.findall(r"^CMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    assert command.replace('"', "").replace(",", "") == procfile["web"]


def test_nginx_knows_the_gateways_of_compose() -> None:
    servers = re.findall(r"^ *server ([\w-]+):(\d+) ", NGINX, re.MULTILINE)
    assert servers == [(name, each["environment"]["PORT"]) for name, each in GATEWAYS.items()]


def test_gateways_believe_nginx_and_nobody_else() -> None:
    [subnet] = COMPOSE["networks"]["front"]["ipam"]["config"]
    addresses = {
        name: ip_address(each["networks"]["front"]["ipv4_address"])
        for name, each in SERVICES.items()
        if "front" in each["networks"]
    }
    assert set(addresses) == {"nginx", *GATEWAYS}
    assert len(set(addresses.values())) == len(addresses)
    assert all(address in ip_network(subnet["subnet"]) for address in addresses.values())
    for gateway in GATEWAYS.values():
        trusted = ip_network(gateway["environment"]["STOPCAST_TRUSTED_PROXIES"])
        assert list(trusted) == [addresses["nginx"]]


def test_compose_publishes_nothing_but_nginx() -> None:
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["nginx"]
    for gateway in GATEWAYS.values():
        assert gateway["environment"]["STOPCAST_ADMIN_PORT"] != gateway["environment"]["PORT"]


@pytest.mark.parametrize("name", GATEWAYS)
def test_compose_waits_for_the_drain_before_it_kills(name: str) -> None:
    env = GATEWAYS[name]["environment"]
    grace, window = float(env["STOPCAST_DRAIN_GRACE"]), float(env["STOPCAST_DRAIN_WINDOW"])
    assert seconds(GATEWAYS[name]["stop_grace_period"]) >= longest_stop(grace, window)


def test_files_may_be_open_for_each_stream() -> None:
    streams = default("max_streams")
    assert all(each["ulimits"]["nofile"] > streams for each in GATEWAYS.values())
    [files] = re.findall(r"^worker_rlimit_nofile (\d+);", NGINX, re.MULTILINE)
    [connections] = re.findall(r"^ *worker_connections (\d+);", NGINX, re.MULTILINE)
    assert int(files) == SERVICES["nginx"]["ulimits"]["nofile"]
    assert int(connections) >= 2 * streams  # one worker may get all, and each takes two


def test_only_gateways_are_asked_how_they_are() -> None:
    """The image's health check asks for a port that other processes do not have."""
    assert "/healthz" in DOCKERFILE
    for name, each in OURS.items():
        assert (each.get("healthcheck") == {"disable": True}) == (name not in GATEWAYS)


def test_compose_has_no_secret_in_it() -> None:
    assert "POSTGRES_PASSWORD:?" in SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
    for each in OURS.values():
        password = re.search(r"//stopcast:(.*)@postgres", each["environment"]["DATABASE_URL"])
        assert password
        assert password[1].startswith("${POSTGRES_PASSWORD:?")
    for file in (".gitignore", ".dockerignore"):
        assert {".env", "stopcast.toml"} <= set((ROOT / file).read_text().split())


def test_the_way_to_boards_at_the_top_of_compose_is_that_of_the_docs() -> None:
    """Where each command is run, or marked (tests/e2e/test_documented_commands.py)."""
    top = (ROOT / "compose.yaml").read_text().partition("name: stopcast")[0]
    commands = re.findall(r"^#   (.+)$", top, re.MULTILINE)
    assert len(commands) == 4
    docs = (ROOT / "docs/operations/deploying.md").read_text()
    assert all(f"\n    {command}\n" in docs for command in commands)


def test_what_an_operator_sets_reaches_gateways_and_ingesters() -> None:
    """SENTRY_DSN, OTEL_EXPORTER_OTLP_ENDPOINT, tokens, the agencies' keys: whatever is in .env."""
    for name in (*GATEWAYS, "ingester-1", "ingester-2"):
        assert SERVICES[name]["env_file"] == ".env"
    docs = (ROOT / "docs/operations/deploying.md").read_text()
    assert "in `.env`" in docs


def test_compose_names_only_what_it_has() -> None:
    for each in SERVICES.values():
        assert set(each.get("networks", ())) <= COMPOSE["networks"].keys()
        named = [volume.partition(":")[0] for volume in each.get("volumes", ())]
        assert {name for name in named if not name.startswith(".")} <= COMPOSE["volumes"].keys()
        for other, how in each.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                image_has_one = other in GATEWAYS
                assert image_has_one or "test" in SERVICES[other]["healthcheck"]
            else:
                assert SERVICES[other]["restart"] == "no"


def test_services_of_ours_can_do_little() -> None:
    for each in [*OURS.values(), SERVICES["nginx"]]:
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]


def test_images_of_others_are_of_a_version() -> None:
    others = {each["image"] for name, each in SERVICES.items() if name not in OURS}
    assert all(re.search(r":\d[\w.]*-alpine$", image) for image in others)


def test_nginx_passes_a_stream_on_at_once() -> None:
    """Streams say X-Accel-Buffering: no; nothing here may overrule it."""
    directives = {line.split()[0] for line in NGINX.splitlines() if line.strip().endswith(";")}
    assert not directives & {"proxy_buffering", "proxy_ignore_headers", "proxy_cache", "gzip"}
    assert "proxy_http_version 1.1;" in NGINX
    assert NGINX.count('proxy_set_header Connection "";') == 2


SET = [
    *((name, each.get("environment", {})) for name, each in OURS.items()),
    ("fly.toml", FLY["env"]),
]


@pytest.mark.parametrize(("where", "environment"), SET)
def test_what_is_set_is_a_setting(where: str, environment: dict[str, Any]) -> None:
    assert environment, where
    assert all(f"| `{name}` |" in CONFIGURATION for name in environment)


def test_redis_of_compose_evicts_nothing() -> None:
    words = SERVICES["redis"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_uses_actions_by_their_commit_and_no_secret(path: Path) -> None:
    text = path.read_text()
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each) for each in uses)
    assert "secrets." not in text
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_the_workflow_runs_what_a_change_must_pass_and_skips_no_client() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    [step] = [step for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert step["run"] == ".ci/run test"
    assert step["env"] == {"PYTHON": "python", "STOPCAST_REQUIRE_CAPTURES": "0"}
    assert "STOPCAST_REQUIRE_CLIENTS=1" in (ROOT / ".ci/run").read_text()


LINT = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]


def test_lint_reads_the_files_that_run_stopcast() -> None:
    assert "hadolint Dockerfile" in LINT
    assert "vendor.compose-spec compose.yaml" in LINT
    assert all(str(path.relative_to(ROOT)) in LINT for path in WORKFLOWS)


def test_a_commit_is_linted_by_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    [local] = config["repos"]
    assert local["repo"] == "local"  # nothing is downloaded, and no version stands twice
    for hook in local["hooks"]:
        assert hook["entry"].replace(".venv/bin", "$(BIN)") in LINT
