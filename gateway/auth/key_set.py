"""An issuer's public keys: a JSON Web Key Set (RFC 7517) behind a URL, or in a file.

Only the configured source is ever read. Where a token says that its key is (`jku`, `x5u`, `jwk`) is
not looked at.
"""

import asyncio
import ipaddress
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import structlog
from jwt import PyJWK, PyJWKSet, PyJWTError

from gateway.auth.errors import KeysUnavailableError, KeyUnknownError
from gateway.auth.reading import Reading
from schemas import server_url
from schemas.errors import reason

log = structlog.get_logger()

# A secret is no public key: what is not listed here is left out of a set.
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
# Seconds after which keys are read again: so long is a key accepted that its issuer has withdrawn.
RELOAD = 600.0
# Seconds from one reading to the next at least, however many unknown keys are asked for.
PAUSE = 10.0
LARGEST = 256 * 1024  # bytes; Apple's set has 3 kB
TIMEOUT = 5.0
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def key_source(text: str) -> str:
    """A URL, or the path of a file.

    Raises:
        ValueError: a URL that anyone on the way could answer.
    """
    if not is_url(text):
        return text
    parts = urlsplit(text)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return text
    raise ValueError("keys come by https://, from this machine also by http://, or from a file")


def is_url(source: str) -> bool:
    return "://" in source


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class KeySet:
    """Keys by id, read when they are first needed, and again for an unknown one or when old.

    While the source is away, or gives nonsense, the keys that were read last go on.
    """

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self._client = httpx.AsyncClient(timeout=TIMEOUT) if is_url(source) else None
        self._keys: dict[str | None, PyJWK] = {}
        self._reading = Reading(self._read, PAUSE, clock)

    async def find(self, kid: str | None) -> PyJWK:
        """The key of this id; without one, the only key there is.

        Raises:
            KeyUnknownError: there was none, `PAUSE` ago or later.
            KeysUnavailableError: the source could not be read when this was to be known.
        """
        key = self._known(kid)
        if key is not None:
            if self._reading.is_older_than(RELOAD):
                self._reading.soon()  # nobody waits for it
            return key
        await self._reading.now()
        key = self._known(kid)
        if key is None and self._reading.failed:
            raise KeysUnavailableError(f"{self} cannot be read")
        if key is None:
            raise KeyUnknownError
        return key

    async def close(self) -> None:
        """End what is under way."""
        await self._reading.close()
        if self._client is not None:
            await self._client.aclose()

    def __str__(self) -> str:
        return server_url.bare(self.source)

    def _known(self, kid: str | None) -> PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _read(self) -> bool:
        try:
            self._keys = _parsed(await self._fetch())
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, PyJWTError) as error:
            log.warning("token_keys_unavailable", source=str(self), error=reason(error))
            return False
        log.info("token_keys_read", source=str(self), keys=len(self._keys))
        return True

    async def _fetch(self) -> bytes:
        if self._client is None:
            return await asyncio.to_thread(Path(self.source).read_bytes)
        async with (
            asyncio.timeout(TIMEOUT),  # httpx's is for each single read
            self._client.stream("GET", self.source, headers=_HEADERS) as response,
        ):
            if response.status_code != HTTPStatus.OK:
                raise ValueError(f"status {response.status_code}")
            data = bytearray()
            async for part in response.aiter_raw():
                data += part
                if len(data) > LARGEST:
                    raise ValueError(f"more than {LARGEST} bytes")
        return bytes(data)


def _parsed(data: bytes) -> dict[str | None, PyJWK]:
    """The keys for signatures that we accept; others are passed over (RFC 7517, section 5)."""
    document = orjson.loads(data)
    if not isinstance(document, dict):
        raise ValueError("no JSON Web Key Set")  # noqa: TRY004  # of the answer, not of a call
    keys = {
        key.key_id: key
        for key in PyJWKSet.from_dict(document)
        if key.algorithm_name in ALGORITHMS
        and key.public_key_use in (None, "sig")
        and isinstance(key.key_id, str | None)
    }
    if not keys:
        raise ValueError(f"no key for {', '.join(sorted(ALGORITHMS))}")
    return keys
