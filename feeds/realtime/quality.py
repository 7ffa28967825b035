"""What was wrong with a feed: counts by kind, each with the last example."""

from collections import Counter


class Quality:
    """Counts since the process began. Kinds are short names, listed in docs/operations.md."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def note(self, kind: str, example: str) -> None:
        """Count one more of this kind; the example names the entity, trip or value."""
        self.counts[kind] += 1
        self.examples[kind] = example

    def report(self) -> dict[str, dict[str, int | str]]:
        """As it stands in `/v1/feeds/{id}`."""
        return {
            kind: {"count": count, "example": self.examples[kind]}
            for kind, count in sorted(self.counts.items())
        }
