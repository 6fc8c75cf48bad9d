"""`chipflow train`: the training of the graph policy, with the options of `agents.train`."""

from __future__ import annotations

import typer

#: The options are read by `agents.train`, which has one for each of its arguments.
SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def train(context: typer.Context) -> None:
    """Train the placement agent on netlists; --help lists the options."""
    from agents import train as training

    training.main(context.args, program="chipflow train")
