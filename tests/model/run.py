"""A long run of random requests beside the naive model of registry, books and frames.

    python -m tests.model.run --requests 1000000 --seed 1

Prints a line per world; stops with the first difference, naming the seed that shows it again. `--compare-every 1` then
compares after every request, and so shows which it was.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from model.request_model import REQUESTS_PER_STEP, REQUESTS_PER_WORLD, play_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000, help="begin no new world after so many")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="nor after so long")
    parser.add_argument("--seed", type=int, default=0, help="the first world's seed; each further one has the next")
    parser.add_argument("--compare-every", type=int, default=REQUESTS_PER_STEP, help="requests between comparisons")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    seed = arguments.seed
    sent: Counter[str] = Counter()
    while sent.total() < arguments.requests and time.monotonic() < end:
        requests = min(REQUESTS_PER_WORLD, arguments.requests - sent.total())
        try:
            sent += play_world(seed, requests, arguments.compare_every)
        except AssertionError:
            print(f"seed {seed}: failed", flush=True)
            raise
        print(f"seed {seed}: {sent.total()} requests so far, no difference", flush=True)
        seed += 1
    for name, count in sorted(sent.items()):
        print(f"{name:>28} {count}")


if __name__ == "__main__":
    main()
