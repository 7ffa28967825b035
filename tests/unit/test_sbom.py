"""The image's bill of materials (CycloneDX): the Dockerfile's own step, run here."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
IN_BUILD = "/sbom.cdx.json"


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the step writes."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    [step] = re.findall(r"^RUN (cyclonedx-py .*)$", DOCKERFILE, re.MULTILINE)
    program, *words = shlex.split(step.replace(IN_BUILD, str(path)))
    command = [str(Path(sys.executable).parent / program), *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603  # no shell
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def test_it_lists_every_locked_package_with_its_hashes_and_no_other(bill: dict[str, Any]) -> None:
    listed = {
        (part["name"], part["version"]): {
            digest["content"] for said in part["externalReferences"] for digest in said["hashes"]
        }
        for part in bill["components"]
    }
    locked = re.split(r"^([a-z0-9-]+)==(\S+)", LOCK, flags=re.MULTILINE)[1:]
    hashes = [set(re.findall(r"sha256:(\w+)", lines)) for lines in locked[2::3]]
    pins = zip(locked[::3], locked[1::3], strict=True)
    assert listed == dict(zip(pins, hashes, strict=True))


def test_it_says_what_it_is_about(bill: dict[str, Any]) -> None:
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "stopcast"


def test_the_image_has_it_where_the_docs_say() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert "WORKDIR /app\n" in last
    assert f"COPY --from=build {IN_BUILD} .\n" in last
    assert "`/app/sbom.cdx.json`" in (ROOT / "docs/operations.md").read_text()
