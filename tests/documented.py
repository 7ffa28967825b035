"""The shell commands of the Markdown pages, as a reader finds them: in code blocks and in sentences."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from markdown_it import MarkdownIt

import stopcast

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "gateway/static/stopcast/README.md"]
)
SHELL = "sh"
LANGUAGES = {"dart", "html", "ini", "js", "json", "kotlin", "nginx", "python", "swift", "toml"}
# Blocks in which no shell is meant: requests of the protocol, and drawings.
OTHER = re.compile(r"(GET|POST|DELETE) +/|.*[\u2500-\u257f]")
# What commands in sentences run, and what it needs; nothing: it is run, or held against what there is.
PROGRAMS = {
    **dict.fromkeys(("stopcast", "make", "python", "curl", "openssl", "printf", "sh", "while"), ""),
    "docker": "docker",
    "fly": "Fly.io",
    "git": "a network",
    "journalctl": "systemd",
    "nginx": "nginx",
    "npm": "a network",
    "pip": "a network",
    "pre-commit": "a network",
    "promtool": "Prometheus",
    "redis-cli": "Redis",
}
# Code in sentences that begins like a command and is none: settings of others, CSP, queries, texts.
PROSE = {
    *("beresp.do_stream = true", "client-output-buffer-limit pubsub", "listen 8080", "quiet = 0"),
    *("cluster-require-full-coverage yes", "maxmemory-policy noeviction", "max by (feed)"),
    "request.nonce = sha256(nonce)",
    *("default-src 'none'", "default-src 'none'; frame-ancestors 'none'"),
    "default-src 'none'; style-src 'self'",
    *("net.ipv4.tcp_retries2 = 8", "option httpchk GET /readyz", "not checked", "not checked: …"),
    *("timeout server", "timeout server 60s", "feeds board", "feeds check"),
    "over the limit of streams: stopcast:limit:address:203.0.113.7",
}


@dataclass(frozen=True)
class Command:
    """One command, and the page that has it.

    `needs` is what its mark says: a comment `# needs …` behind it, or above it and those that follow
    in the block. `listed`: it stands in a list of commands with an explanation behind each.
    """

    page: str
    text: str
    needs: str = ""
    listed: bool = False

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def commands() -> list[Command]:
    """Of all code blocks."""
    found: list[Command] = []
    for path in PAGES:
        page = path.relative_to(ROOT).as_posix()
        for token in MarkdownIt().parse(path.read_text()):
            if token.type == "code_block":
                if not OTHER.match(token.content):
                    found += _commands(page, token.content, may_list=True)
            elif token.type == "fence":
                assert token.info in {SHELL, *LANGUAGES}, (
                    f"{page}: ```{token.info}: which language is it? `{SHELL}` for commands, or one "
                    f"more of LANGUAGES in tests/documented.py:\n{token.content}"
                )
                if token.info == SHELL:
                    found += _commands(page, token.content, may_list=False)
    return found


def mentioned() -> list[Command]:
    """In sentences and tables. Programs of others say by their name what they need."""
    found = {
        Command(span.page, span.text, PROGRAMS[program])
        for span in spans()
        if (program := _program(span.text)) in PROGRAMS
    }
    return sorted(found, key=str)


def undecided() -> list[Command]:
    """What in sentences looks like a command, and neither PROGRAMS nor PROSE has it."""
    return [
        span
        for span in spans()
        if (program := _program(span.text)) and program not in PROGRAMS and span.text not in PROSE
    ]


def spans() -> list[Command]:
    """All code in sentences and tables."""
    return [
        Command(path.relative_to(ROOT).as_posix(), child.content)
        for path in PAGES
        for token in MarkdownIt().enable("table").parse(path.read_text())
        for child in token.children or ()
        if child.type == "code_inline"
    ]


def _program(text: str) -> str:
    """The word that a shell would run, if others stand behind it; settings may stand before."""
    found = re.match(r"(?:[A-Z_]+=\S* )*([a-z][\w./-]*) +\S", text)
    return found[1] if found else ""


def _commands(page: str, block: str, *, may_list: bool) -> Iterator[Command]:
    if block.startswith("#!"):
        yield Command(page, block)
        return
    needs = ""
    for line in _whole_lines(block, may_list=may_list):
        if line.startswith("#"):
            needs = _mark(line) or needs
            continue
        text, *comment = re.split(r"\s+(?=#\s)", line, maxsplit=1)
        explained = re.split(r" {2,}", text, maxsplit=1) if may_list else [text]
        needed = _mark(*comment) if comment else ""
        yield Command(page, explained[0], needed or needs, len(explained) > 1)


def _mark(comment: str) -> str:
    found = re.fullmatch(r"# needs (.+)", comment)
    return found[1] if found else ""


def _whole_lines(block: str, *, may_list: bool) -> Iterator[str]:
    """What a shell would take at once: lines go on after a backslash and in quotes.

    An explanation in a list may have apostrophes.
    """
    held = ""
    for line in block.splitlines():
        held += line
        command = held.partition("  ")[0] if may_list else held
        if held.endswith("\\") or _in_quotes(command):
            held += "\n"
            continue
        if held.strip():
            yield held
        held = ""
    assert not held, f"a command without end: {held}"


def _in_quotes(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def unknown_to_stopcast(text: str) -> str:
    """What of a `stopcast …` line there is not: a command or an option; empty if all is there."""
    words = [word for word in shlex.split(text)[1:] if word != "…"]
    command: click.Command = stopcast.cli
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return words[0]
        command, words = found, words[1:]
    known = {option for param in command.params for option in param.opts} | {"--help", "--version"}
    return " ".join(word for word in words if word.startswith("--") and word not in known)
