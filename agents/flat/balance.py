"""What pulls on bodies and what pushes them: wirelength, and pressure times density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.flat.charges import Domain, charge_map, charges, field, forces
from agents.flat.problem import FlatProblem
from agents.flat.threads import Threads
from agents.flat.wirelength import smooth_wirelength, to_bodies
from placement_env.netlist import FloatArray


class Balance:
    """The two sides, at the last place where they were measured.

    Args:
        problem: Bodies and nets.
        domains: Where there is room, and for which bodies; each body is in one.
        threads: Share the work.

    Attributes:
        gamma: Length over which the wirelength is smooth; set it before measuring.
        pressure: What density counts against wirelength; set it before measuring.
        hpwl: Weighted half-perimeter wirelength.
        overflow: Share of the bodies' area that lies where bins are too full; fillers do not count.
        pull: [2, B] derivative of the smooth wirelength by the bodies' centres.
        push: [2, B] force of the electric field on them.
    """

    def __init__(self, problem: FlatProblem, domains: Sequence[Domain], threads: Threads) -> None:
        self._problem, self._domains, self._threads = problem, domains, threads
        self._bodies = charges(problem, domains[0].bins)
        self._area = float(self._bodies.charge[: len(problem.node)].sum())
        self._pins = np.diff(problem.body_start).astype(np.float64)
        self._pin_gradient = np.zeros((2, len(problem.pin_body)))
        self.gamma = self.pressure = 0.0
        self.hpwl = self.overflow = 0.0
        self.pull = np.zeros((2, problem.num_bodies))
        self.push = np.zeros((2, problem.num_bodies))

    def measure(self, at: FloatArray) -> None:
        """Measure both sides with the bodies' centres at `at` [2, B]."""
        problem, bodies, threads = self._problem, self._bodies, self._threads
        _, self.hpwl = smooth_wirelength(problem, threads, at, self.gamma, self._pin_gradient)
        to_bodies(problem, threads, self._pin_gradient, self.pull)
        excess = 0.0
        for domain in self._domains:
            bins = domain.bins
            charge = charge_map(bodies, bins, threads, at, *domain.nodes)
            room = bins.width * bins.height - bins.taken
            excess += float(np.maximum(charge - room, 0.0).sum())
            charge += bins.taken
            charge += charge_map(bodies, bins, threads, at, *domain.fillers)
            field_xy = field(charge, bins, threads)
            forces(bodies, bins, threads, at, *domain.nodes, field_xy, self.push)
            forces(bodies, bins, threads, at, *domain.fillers, field_xy, self.push)
        self.overflow = excess / self._area

    def gradient(self, at: FloatArray) -> FloatArray:
        """[2, B] the derivative of wirelength + pressure x energy at `at`, preconditioned.

        Each body's part is divided by an estimate of its second derivative: pins and charge.
        """
        self.measure(at)
        stiffness = np.maximum(self._pins + self.pressure * self._bodies.charge, 1.0)
        return (self.pull - self.pressure * self.push) / stiffness
