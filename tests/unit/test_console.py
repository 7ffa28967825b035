"""What others wrote is printed as it is."""

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest
from rich.table import Table

from schemas.console import plain_console

FOREIGN = "demo:x: [/b] [b]bold[/b] [link=https://x]"


@pytest.mark.parametrize("stderr", [False, True])
def test_markup_and_emoji_codes_of_others_are_text(*, stderr: bool) -> None:
    table = Table(FOREIGN, title=FOREIGN)
    table.add_row(FOREIGN)
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        plain_console(stderr=stderr).print(FOREIGN, table, sep="\n")
    printed, nothing = (err, out) if stderr else (out, err)
    assert printed.getvalue().count(FOREIGN) == 4
    assert nothing.getvalue() == ""
