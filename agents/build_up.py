"""The policy builds up placements, macro by macro, of one netlist in several environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from agents.netlist_graph import NetlistGraph
from agents.policy import Encoding, GraphPolicy
from agents.ppo import to_tensors
from placement_env.env import MacroPlacementEnv


def build_up(
    policy: GraphPolicy,
    graph: NetlistGraph,
    envs: Sequence[MacroPlacementEnv],
    generator: torch.Generator | None = None,
) -> tuple[Encoding, list[dict[str, Any]]]:
    """Play an episode of each environment to its end.

    Args:
        policy: The policy; its device is used.
        graph: The environments' netlist.
        envs: In construct mode. The first one takes the likeliest actions, the others draw them.
        generator: What they draw with; on the CPU.

    Returns:
        The policy's encoding of the netlist, and what the last step of each environment told.

    Raises:
        InputError: A macro fits nowhere.
    """
    device = next(policy.parameters()).device
    going = list(range(len(envs)))
    states = [env.reset()[0] for env in envs]
    infos: list[dict[str, Any]] = [{} for _ in envs]
    policy.eval()
    with torch.inference_mode():
        encoding = policy.encode(graph)
        while going:
            logits, _ = policy.place(encoding, to_tensors([states[i] for i in going], device))
            likeliest = logits.argmax(dim=1).cpu()  # (going,)
            chances = logits.softmax(dim=1).cpu()  # (going, R * C)
            drawn = torch.multinomial(chances, 1, generator=generator)[:, 0]
            for i, best, other in zip(list(going), likeliest, drawn, strict=True):
                action = int(best if i == 0 else other)
                states[i], _, terminated, truncated, infos[i] = envs[i].step(action)
                if terminated or truncated:
                    going.remove(i)
    return encoding, infos
