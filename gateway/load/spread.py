"""Many measured values in little memory, and what is reported of them."""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate


class Spread:
    """Counts of values rounded to three digits: so it stays small however long a run lasts."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()

    def add(self, value: float) -> None:
        self._counts[float(f"{value:.2e}")] += 1

    @property
    def count(self) -> int:
        return self._counts.total()

    def quantile(self, share: float) -> float:
        """The smallest value that at least this share does not exceed; there must be one."""
        ordered = sorted(self._counts)
        reached = list(accumulate(self._counts[value] for value in ordered))
        return ordered[bisect_left(reached, share * reached[-1])]

    def report(self, shift: float = 0.0) -> dict[str, float]:
        """Count and quantiles, each plus `shift`; nothing but the count where there is nothing."""
        if not self._counts:
            return {"count": 0}
        shares = {"min": 0.0, "p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
        told = {name: round(self.quantile(share) + shift, 6) for name, share in shares.items()}
        return {"count": self.count, **told}
