"""gateway/static/stopcast as an npm package: what is packed, and whether its types are true."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict

from gateway.page import STATIC
from schemas import arrivals, events

ROOT = Path(__file__).parents[3]
PACKAGE = STATIC / "stopcast"
SCRIPT = (PACKAGE / "stopcast.js").read_text()
TYPES = (PACKAGE / "stopcast.d.ts").read_text()
README = (PACKAGE / "README.md").read_text()
DESCRIPTION = json.loads((PACKAGE / "package.json").read_text())
Program = Callable[[str], str]

# How a type of the server is called by the package, where it is called something else.
NAMES = {
    arrivals.ArrivalStatus: "ArrivalStatus",
    arrivals.Boarding: "Boarding",
    arrivals.FeedStatus: "FeedStatus",
    events.GoodbyeReason: "GoodbyeReason",
    arrivals.StopSummary: "Stop",
    arrivals.RouteSummary: "Route",
    events.FeedFacts: "Feed",
}
OBJECTS = [
    arrivals.Board, arrivals.StopSummary, arrivals.RouteSummary, arrivals.Alert,
    arrivals.Arrival, arrivals.Vehicle, arrivals.Carriage, events.FeedFacts,
]  # fmt: skip
# Of a period, which the server's type does not say.
PAIR = ("((number | null)[])[]", "[number | null, number | null][]")


def body(declaration: str) -> str:
    """What stands in the braces of an interface or a class."""
    found = re.search(
        rf"{re.escape(declaration)}\b.*?\{{\n(.*?)^\}}", TYPES, re.DOTALL | re.MULTILINE
    )
    assert found, declaration
    return found[1]


def members(declaration: str) -> dict[str, str]:
    """Of an interface: their types, behind a `?` where a member may be absent."""
    found = re.findall(r"^  (?:readonly )?(\w+)(\??): (.*);$", body(declaration), re.MULTILINE)
    return {name: optional + type_ for name, optional, type_ in found}


def typescript(type_: Any) -> str:
    """A type of the server as TypeScript writes it."""
    if type_ in NAMES:
        return NAMES[type_]
    if is_typeddict(type_):
        return str(type_.__name__)
    inner = [typescript(each) for each in get_args(type_)]
    match get_origin(type_):
        case None:
            return {str: "string", bool: "boolean", type(None): "null"}.get(type_, "number")
        case origin if origin is dict:
            return f"Record<{', '.join(inner)}>"
        case origin if origin is list:
            return f"({inner[0]})[]" if "|" in inner[0] else f"{inner[0]}[]"
        case origin:
            assert origin is UnionType
            return " | ".join(inner)


def union(name: str) -> set[str]:
    """The words of `export type name = "a" | "b";`."""
    found = re.search(rf"export type {name} =\s(.*?);", TYPES, re.DOTALL)
    assert found
    return set(re.findall(r'"(\w+)"', found[1]))


@pytest.mark.parametrize("type_", OBJECTS, ids=lambda type_: type_.__name__)
def test_an_object_of_a_board_has_the_members_that_the_server_gives_it(type_: Any) -> None:
    expected = {
        name: ("" if name in type_.__required_keys__ else "?") + typescript(each).replace(*PAIR)
        for name, each in get_type_hints(type_).items()
    }
    assert members(f"interface {typescript(type_)}") == expected


@pytest.mark.parametrize("type_", [type_ for type_ in NAMES if get_origin(type_) is Literal])
def test_words_are_those_of_the_server(type_: Any) -> None:
    assert union(NAMES[type_]) == set(get_args(type_))


def test_the_types_name_what_the_module_exports(program: Program) -> None:
    script = f"""const module = await import({json.dumps((PACKAGE / "stopcast.js").as_uri())})
    const stream = new module.BoardStream([], {{ url: "http://127.0.0.1" }})
    stream.close()
    console.log(JSON.stringify({{
      exports: Object.keys(module),
      members: [...Object.keys(stream), ...Object.getOwnPropertyNames(module.BoardStream.prototype)],
    }}))"""
    told = json.loads(run(ROOT, program("node"), "--input-type=module", "-e", script))
    exported = re.findall(r"^export (?:class|function|const) (\w+)", TYPES, re.MULTILINE)
    assert sorted(told["exports"]) == sorted(exported)
    declared = re.findall(
        r"^  (?:readonly )?(\w+)\??[:(<]", body("class BoardStream"), re.MULTILINE
    )
    inherited = {"addEventListener", "removeEventListener"}  # typed anew
    assert sorted(told["members"]) == sorted(set(declared) - inherited)


def test_the_types_name_what_events_carry_and_options_say() -> None:
    told = dict(re.findall(r'#tell\("(\w+)", \{ (.*?) \}\)', SCRIPT))
    listed = members("interface Events")
    assert set(told) == set(listed)
    for name, carried in told.items():
        names = {word.partition(":")[0] for word in carried.split(", ")}
        assert names == set(members(f"interface {listed[name]}"))
    options = re.search(r"constructor\(stops, \{ (.*?) \} = \{\}\)", SCRIPT)
    assert options
    names = {word.partition(" =")[0] for word in options[1].split(", ")}
    assert names == set(members("interface BoardStreamOptions"))
    states = re.findall(r"#become\((.*?)\);|  state = (.*?);", SCRIPT)
    assert union("StreamState") == set(re.findall(r'"(\w+)"', str(states)))


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603  # ours
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_packed_is_what_a_user_needs(program: Program) -> None:
    [packed] = json.loads(run(PACKAGE, program("npm"), "pack", "--dry-run", "--json"))
    files = {file["path"] for file in packed["files"]}
    assert files == {
        *("LICENSE", "README.md", "package.json"),
        *("stopcast.js", "stopcast.d.ts"),
    }
    exported = {path.removeprefix("./") for path in DESCRIPTION["exports"].values()}
    assert exported == set(DESCRIPTION["files"]) <= files
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.fixture(params=["folder", "tarball"])
def app(request: pytest.FixtureRequest, program: Program, tmp_path: Path) -> Path:
    """A project beside a checkout, with the package installed as its README says, or packed."""
    (tmp_path / "stopcast").symlink_to(ROOT)
    app = tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text('{"type": "module"}')
    found = re.search(r"^    (npm install )(\S+)$", README, re.MULTILINE)
    assert found
    what = found[2]
    if request.param == "tarball":
        what = run(app, program("npm"), "pack", "--silent", found[2]).strip()
    run(app, program("npm"), "install", "--offline", "--no-audit", "--no-fund", what)
    return app


def test_it_is_imported_by_its_name(app: Path, program: Program) -> None:
    script = 'import * as stopcast from "stopcast"; console.log(typeof stopcast.BoardStream)'
    assert run(app, program("node"), "--input-type=module", "-e", script) == "function\n"


def test_typescript_reads_its_types_and_its_readme(app: Path, program: Program, tsc: Path) -> None:
    example = re.search(r"```js\n(.*?)```", README, re.DOTALL)
    assert example
    (app / "readme.ts").write_text(example[1])
    (app / "wrong.ts").write_text(
        """import { BoardStream, type Board } from "stopcast"
        const stream = new BoardStream(["demo:a"], { token: async renew => `${renew}` })
        const board: Board | undefined = stream.boards.get("demo:a")
        stream.addEventListener("gone", ({ stopId }) => stopId.length)
        // @ts-expect-error: replaced, never changed
        stream.boards = new Map()
        stream.addEventListener("gone", console.log, { once: true })
        // @ts-expect-error: that is what `board` carries
        stream.addEventListener("gone", ({ board }) => {})
        // @ts-expect-error: may be absent
        board.arrivals
        """
    )
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022"]
    run(app, program("node"), str(tsc), *options, "--lib", "es2022,dom", "readme.ts", "wrong.ts")
