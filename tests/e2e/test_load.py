"""`stopcast load` against the demo city: its stops out of Postgres, its patches out of a feed."""

import json
from pathlib import Path

from schemas.local.embedded import free_port
from tests.e2e.processes import PATIENCE, START, run, stopcast, wait_until


def test_the_demo_city_is_right(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "up.log"
    up = ("up", "--data-dir", str(tmp_path / "data"), "--port", str(port))
    with stopcast(*up, env={"STOPCAST_START_TIMEOUT": str(PATIENCE)}, log=log):
        wait_until(lambda: "curl -N" in log.read_text(), START)
        options = ("--connections", "20", "--stops-per-stream", "5", "--duration", "15", "--json")
        told = json.loads(run("load", f"http://127.0.0.1:{port}", *options, env={}))
    assert told["verdict"] == "right"
    assert told["stops"] == 100
    assert told["streams"]["connected"] == 20
    assert told["boards"]["right"] == 100
    assert told["boards"]["undecided"] == 0
