"""HTML out of text: escaping, elements, and the little markup that descriptions have."""

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import orjson

_ATTRIBUTES = str.maketrans("_", "-")
_JSON_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<word>null|true|false|-?\d[\d.]*)"
)


def text(value: object) -> str:
    """Anything as text that cannot be markup."""
    return escape(str(value))


def element(name: str, inner: str, /, **attributes: str) -> str:
    """An element around HTML; `class_` and `aria_label` are its `class` and `aria-label`.

    An empty attribute is left out, but for `open`.
    """
    told = "".join(
        f' {key.rstrip("_").translate(_ATTRIBUTES)}="{escape(value)}"'
        for key, value in attributes.items()
        if value or key == "open"
    )
    return f"<{name}{told}>{inner}</{name}>"


def mark(path: str) -> str:
    """A path or an id, which may be broken behind each part of it."""
    return "<wbr>".join(map(text, re.split(r"(?<=[/:?&])", path)))


def prose(markup: str) -> str:
    """Paragraphs, lists of lines that begin with "- ", and `code`."""
    return "".join(map(_paragraph, filter(None, markup.strip().split("\n\n"))))


def _paragraph(markup: str) -> str:
    inner = re.sub(r"`([^`]+)`", r"<code>\1</code>", text(markup))
    if inner.startswith("- "):
        lines = inner.removeprefix("- ").split("\n- ")
        return element("ul", "".join(element("li", line) for line in lines))
    return element("p", inner)


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a head; cells are HTML."""
    head = element("tr", "".join(element("th", text(name), scope="col") for name in names))
    body = "".join(element("tr", "".join(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", head) + element("tbody", body))


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they mean, both HTML."""
    return element("dl", "".join(element("dt", a) + element("dd", b) for a, b in pairs))


def code(inner: str) -> str:
    """A block of code, which scrolls by itself where it is too wide; a keyboard reaches it too."""
    return element("pre", element("code", inner), tabindex="0")


def json_code(value: Any) -> str:
    """JSON, indented and coloured."""
    shown = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return _JSON_TOKEN.sub(_coloured, shown)


def _coloured(token: re.Match[str]) -> str:
    return element("i", text(token[0]), class_=str(token.lastgroup))
