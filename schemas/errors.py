"""What Stopcast raises when the fault is not its own."""


class StopcastError(Exception):
    """An error whose text is written for the person who can mend it.

    The command line prints it without a traceback. Each module that talks to the outside raises a
    subclass of its own and turns library exceptions into it there.
    """
