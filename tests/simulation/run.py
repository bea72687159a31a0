"""Simulated worlds and walks beside the naive gateway, seed after seed, for as long as there is time.

    python -m tests.simulation.run --seconds 600 --seed 1000

Prints a line per seed; stops with the first difference or broken promise, naming the seed that shows it again.
"""

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulation.simulator import Simulation
from support.core_walk import walk

WALK_STEPS = 3_000
WORLD_S = 600


def play(seed: int) -> str:
    """A world and a walk of that seed; what they amounted to."""
    settings = random.Random(seed)
    world = Simulation(
        seed,
        settings.choice([4, 12, 40]),
        settings.choice([1, 5, 30]),
        drain_step_orders=settings.choice([1, 7, 2_048]),
        resend_depth_bytes=settings.choice([65_536, 8_388_608]),
    )
    world.run(WORLD_S)
    walk(seed, WALK_STEPS)
    cancelled = sum(world.cancelled.values())
    return f"{world.inputs} inputs, {len(world.ended)} endings, {cancelled} orders cancelled; {WALK_STEPS} steps walked"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="begin no new seed after so long")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    seed = arguments.seed
    while time.monotonic() < end:
        try:
            print(f"seed {seed}: {play(seed)}", flush=True)
        except AssertionError:
            print(f"seed {seed}: failed", flush=True)
            raise
        seed += 1


if __name__ == "__main__":
    main()
