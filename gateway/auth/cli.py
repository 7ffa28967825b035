"""`stopcast auth`."""

import re
from collections.abc import Sequence

import click

from gateway.accounts.cli import rotate_keys
from gateway.auth.grant import TokenScope
from gateway.auth.minting import mint
from gateway.settings import GatewaySettings

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[int]):
    """A number and a unit: seconds, minutes, hours or days."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", str(value))
        if not found:
            self.fail(f"{value!r}: expected something like 15m, 12h or 90d", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


@click.group()
def auth() -> None:
    """Tokens for clients of the gateway."""


@auth.command()
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([*map(str, TokenScope)]),
    multiple=True,
    required=True,
    help="What it allows. Repeatable.",
)
@click.option(
    "--ttl", type=Duration(), default="1h", show_default=True, help="How long: 900, 15m, 12h, 90d."
)
@click.option("--sub", "subject", default="cli", show_default=True, help="Who it is for.")
@click.option(
    "--stops",
    multiple=True,
    metavar="GLOB",
    help="Only boards of these: a feed (metro) or stops (metro:12*). Repeatable.",
)
def token(scopes: Sequence[str], ttl: int, subject: str, stops: Sequence[str]) -> None:
    """Make a token for development or a service, signed with STOPCAST_TOKEN_SECRET.

    It is the only line on stdout: curl -H "Authorization: Bearer $(stopcast auth token …)" …
    Nobody can take it back before it expires, but by another secret.
    """
    settings = GatewaySettings.load()
    click.echo(mint(settings, subject, [TokenScope(scope) for scope in scopes], ttl, stops))


auth.add_command(rotate_keys)
