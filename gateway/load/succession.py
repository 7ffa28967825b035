"""Which version each patch followed, over all streams: so a stream that missed one shows.

A patch does not say what it follows, and need not: every stream that takes it must have held the
same version before. Of streams that differ those with the older version missed something. One that
held a newer version is none of it: a gateway that is a moment behind sends what a client has.
"""

# Patches of a stop that are remembered: more than a gateway keeps behind a snapshot.
_REMEMBERED = 200


class Succession:
    """Of one run."""

    def __init__(self) -> None:
        # By stop and version of a patch: the newest version that was held before, by how many.
        self._stops: dict[str, dict[int, tuple[int, int]]] = {}

    def gaps(self, stop_id: str, held: int, version: int) -> int:
        """A stream that held one version took the patch to another: gaps that this brings to light."""
        if held >= version:
            return 0
        patches = self._stops.setdefault(stop_id, {})
        newest, streams = patches.get(version, (held, 0))
        if held < newest:
            return 1
        missed = streams if held > newest else 0
        patches[version] = (held, streams - missed + 1)
        if len(patches) > _REMEMBERED:
            del patches[next(iter(patches))]
        return missed
