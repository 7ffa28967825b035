"""The rungs of the ladder in docs/scale.md. All of it is assumed, and meant to be replaced by yours."""

from bench.scale.model import Demand

RUNGS = (
    Demand("a town", 1_000, 1, 1_000, 0.4e6, 4e3, 2, 0.5),
    Demand("a large city", 10_000, 3, 12_000, 3e6, 20e3, 4, 1),
    Demand("a country", 100_000, 60, 150_000, 40e6, 8e3, 4, 0.5),
    Demand("a continent", 1_000_000, 2_000, 1_500_000, 400e6, 6e3, 4, 0.3),
)
