"""Chance that can be asked again: the same question always gets the same answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chance:
    """Random-looking answers that depend on the key and the question alone.

    Python's `random` would depend on how often it was asked before, its `hash` on the process.
    """

    key: str

    def about(self, what: object) -> "Chance":
        """The chance of a part of the city."""
        return Chance(f"{self.key}|{what}")

    def fraction(self, question: object) -> float:
        """Evenly distributed in [0, 1)."""
        digest = blake2b(f"{self.key}|{question}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2**56

    def between(self, question: object, low: float, high: float) -> float:
        return low + self.fraction(question) * (high - low)

    def happens(self, question: object, probability: float) -> bool:
        return self.fraction(question) < probability

    def choose(self, question: object, options: Sequence[T]) -> T:
        return options[int(self.fraction(question) * len(options))]
