"""`/`: the plain page, a list of stops and one live board; whole in one file."""

import base64
import hashlib
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

PAGE = (Path(__file__).parent / "page.html").read_text()


def _source(tag: str) -> str:
    """The Content-Security-Policy source that allows the page's own inline element and no other."""
    (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_source('script')}; style-src {_source('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}
_RESPONSE = Response(PAGE, 200, _HEADERS, "text/html")


async def page(_: Request) -> Response:
    return _RESPONSE


ROUTES: list[BaseRoute] = [Route("/", page)]
