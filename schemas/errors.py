"""What Stopcast raises when the fault is not its own."""


class StopcastError(Exception):
    """An error whose text is written for the person who can mend it.

    The command line prints it without a traceback. Each module that talks to the outside raises a
    subclass of its own and turns library exceptions into it there.
    """


def reason(error: Exception) -> str:
    """What an exception of a library says; some say nothing but what they are."""
    return str(error) or type(error).__name__
