"""Jobs waiting for GPUs, simulated: one driver hands them out, one after the other."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds beside the jobs themselves.

    The driver needs `driver_s` until a stage begins and `hand_out_s` for each of its jobs; a GPU
    needs `worker_s` before its first job of a stage.
    """

    driver_s: float
    hand_out_s: float
    worker_s: float


@dataclass(frozen=True)
class Outcome:
    """How long all of it took, and the seconds in which GPUs were at work."""

    seconds: float
    busy_s: float
    gpus: int

    @property
    def idle(self) -> float:
        """The share of the GPUs' time in which none of the work was done."""
        return 1 - self.busy_s / (self.gpus * self.seconds) if self.seconds else 0.0


def simulate(stages: Sequence[Sequence[float]], gpus: int, costs: Costs) -> Outcome:
    """Carry out stages one after the other: the seconds of each job, in the order of handing out.

    A job goes to the GPU that is free first, as soon as it has been handed out. A stage begins when
    the one before has ended: workers are started anew.
    """
    clock = busy = 0.0
    for jobs in stages:
        handed = clock + costs.driver_s
        free = [handed] * gpus  # when each GPU has done what it was given
        fresh = gpus  # GPUs without a worker: those at the top of the heap, until all have one
        for seconds in jobs:
            handed += costs.hand_out_s
            start = max(handed, heapq.heappop(free))
            start, fresh = (start + costs.worker_s, fresh - 1) if fresh else (start, 0)
            heapq.heappush(free, start + seconds)
            busy += seconds
        clock = max(free)
    return Outcome(clock, busy, gpus)


def bottleneck(jobs: Sequence[float], costs: Costs) -> float:
    """The number of GPUs that one driver keeps at work: the seconds of a job over its own."""
    return sum(jobs) / len(jobs) / costs.hand_out_s
