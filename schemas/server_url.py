"""A URL as errors and logs may show it.

What libraries say of a URL that they cannot read may have parts of its password in it, so that is
passed on only where the password is known to stand in its place.
"""

import re
from urllib.parse import urlsplit

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)"
    r"(?:(?P<user>[^@/?#:]*)(?P<password>:[^@/?#]*)?@)?"
    r"(?P<server>[^@/?#]*(?:/[^@?#]*)?)"
    r"(?:\?\w+=[^@&=#?]*(?:&\w+=[^@&=#?]*)*)?"  # may have a password in it, too
)
UNREADABLE = "no URL (special characters in a user or password are written as %XX)"


def shown(url: str) -> str | None:
    """A server's URL without what must not be shown; None: there is no telling where that is."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return None
    user = f"{parts['user']}{':***' if parts['password'] else ''}@" if parts["user"] else ""
    return f"{parts['scheme']}{user}{parts['server']}"


def bare(url: str) -> str:
    """A URL of the web without user, query and fragment, which often carry keys; a path as it is."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def fault(error: Exception, url: str) -> str:
    """Why a URL is of no use, in the words of a library where these are safe."""
    return UNREADABLE if shown(url) is None else str(error)
