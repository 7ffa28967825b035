"""What the commands of all sides share: a group that imports late, and stop ids as arguments."""

from importlib import import_module
from typing import Any

import click

from schemas.arrivals import StopId


class GlobalStopId(click.ParamType[str]):
    """FEED:STOP."""

    name = "stop"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return str(StopId.parse(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class LazyGroup(click.Group):
    """A group of `name: (import string, one line of help)`, imported only when they are called.

    So `--help` stays quick, and feeds and gateway never meet in one process by accident.
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.lazy:
            return None
        module, attribute = self.lazy[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])
