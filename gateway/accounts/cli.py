"""`stopcast auth rotate-keys`."""

import asyncio

import click

from gateway.accounts.settings import AccountSettings
from gateway.accounts.signing_keys import Rotation, rotate
from gateway.accounts.vault import Vault
from gateway.database import Database
from schemas.settings import SettingsError


@click.command()
@click.option("--at-once", is_flag=True, help="All other keys end now: somebody may know one.")
def rotate_keys(*, at_once: bool) -> None:
    """Make the next key that signs accounts' tokens; remove those that have ended.

    It is published now and signs in ten minutes; the one before is accepted until its last token
    has expired. Run it once before the first sign-in, then from time to time: while a key waits,
    nothing is made. With --at-once all access tokens end within 11 minutes; apps refresh them.
    """
    settings = AccountSettings.load()
    if settings.account_key is None:
        raise SettingsError("there are no accounts without STOPCAST_ACCOUNT_KEY")
    vault = Vault(settings.account_key.get_secret_value())
    url = settings.database_url.get_secret_value()
    click.echo(_told(asyncio.run(_rotate(url, vault, at_once=at_once))))


async def _rotate(url: str, vault: Vault, *, at_once: bool) -> Rotation:
    database = Database(url)
    try:
        return await rotate(database, vault, at_once=at_once)
    finally:
        await database.close()


def _told(rotation: Rotation) -> str:
    key = rotation.newest
    begin = f"from {key.active_from:%Y-%m-%d %H:%M:%S} UTC" if rotation.waits else "now"
    made = "made" if rotation.made else "nothing to do:"
    return "\n".join(
        [
            f"{made} key {key.key_id}, which signs {begin}",
            *(f"removed key {key_id}" for key_id in rotation.removed),
        ]
    )
