"""The gateway's fan-out beside its peers: nchan, sse-starlette with queues, a bare write loop.

    python -m bench.fanout                        all measures, three rounds, printed
    python -m bench.fanout saturated --rounds 1   one of them
    python -m bench.fanout --write                and written to docs/performance.md, with plots
    python -m bench.fanout --long                 30,000 streams on two gateways for ten minutes

Servers run on one core, everything else on another. In each round every peer has its turn, so that
a noisy moment hits all of them. Needs gcc; nchan comes as Debian packages, which are unpacked into
.stopcast/bench and not installed.
"""

import argparse
import os
import time
from collections import defaultdict

import uvloop

from bench.fanout import held, page, tools
from bench.fanout.measures import MEASURES, Figures
from bench.fanout.peers import CLIENT_CORE, PEERS

Results = dict[str, dict[str, list[Figures]]]


def measured(names: list[str], rounds: int, only: list[str]) -> Results:
    """By measure and peer, the figures of each round."""
    results: Results = {name: defaultdict(list) for name in names}
    for turn in range(rounds):
        for name in names:
            for peer in MEASURES[name].peers:
                if peer in only:
                    began = time.monotonic()
                    figures = uvloop.run(MEASURES[name].take(PEERS[peer]))
                    results[name][peer].append(figures)
                    print(f"{turn + 1} {name:14} {peer:14} {time.monotonic() - began:5.1f} s  "
                          + page.line(figures), flush=True)  # fmt: skip
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fanout",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measures", nargs="*", help=", ".join(MEASURES), metavar="measure")
    parser.add_argument(
        "--rounds", type=int, default=3, help="of all measures; the median counts (3)"
    )
    parser.add_argument("--peer", action="append", choices=PEERS, help="only these")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--long", action="store_true", help="instead: many streams for long")
    parser.add_argument("--minutes", type=float, default=10, help="of --long")
    parser.add_argument("--streams", type=int, default=30_000, help="of --long")
    given = parser.parse_args()
    if unknown := set(given.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    if given.minutes > 14:
        parser.error("at most 14 minutes: the load client ends after 15")
    os.sched_setaffinity(0, {CLIENT_CORE})
    try:
        if given.long:
            uvloop.run(held.hold(given.streams, given.minutes * 60))
            return
        results = measured(
            given.measures or list(MEASURES), given.rounds, given.peer or list(PEERS)
        )
        print(page.tables(results))
        if given.write:
            page.write(results, given.rounds)
    except tools.ToolError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
