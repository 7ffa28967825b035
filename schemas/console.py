"""Where commands print for people what they did not write themselves."""

from rich.console import Console


def plain_console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """One that shows a text, alone or in a table, as it is: `[b]` and `:x:` mean nothing."""
    return Console(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)
