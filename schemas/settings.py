"""Settings that more than one process reads, from the environment; docs/configuration.md lists all."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import StopcastError


class SettingsError(StopcastError):
    """A setting in the environment is missing or malformed; the text names each."""


class Settings(BaseSettings):
    """Where the databases are and how to log. Subclasses add what one process needs."""

    model_config = SettingsConfigDict(env_prefix="STOPCAST_", frozen=True, extra="ignore")

    # Secrets, since they hold passwords: no repr and no error report shows them.
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        validation_alias="REDIS_URL",
        description="Redis 7+ or Valkey 8+; a Cluster as redis+cluster://host:port,host:port.",
    )
    database_url: SecretStr = Field(
        SecretStr("postgresql://127.0.0.1:5432/stopcast"),
        validation_alias="DATABASE_URL",
        description="PostgreSQL 15+.",
    )
    config: Path = Field(
        Path("stopcast.toml"), description="The feeds and their endpoints (feeds/config.py)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level on is logged."
    )
    log_format: Literal["console", "json"] | None = Field(
        None,
        description="`console` for people, `json` for machines. "
        "Default: console where stderr is a terminal.",
    )

    @classmethod
    def load(cls, **given: object) -> Self:
        """Read the environment; `given` overrides it.

        Raises:
            SettingsError: names every variable that is wrong and why.
        """
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic checks them
        except ValidationError as error:
            lines = [
                ": ".join([*cls._place(e["loc"]), e["msg"].removeprefix("Value error, ")])
                for e in error.errors()  # one about several settings names them in its text
            ]
            raise SettingsError("settings: " + "; ".join(lines)) from None

    @classmethod
    def _place(cls, path: tuple[int | str, ...]) -> list[str]:
        """The variable, and where in it if that is JSON."""
        return [".".join([cls.variable(str(path[0])), *map(str, path[1:])])] if path else []

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable that a field, or its alias, is read from."""
        known = cls.model_fields.get(field)
        return f"STOPCAST_{field.upper()}" if known and not known.validation_alias else field
