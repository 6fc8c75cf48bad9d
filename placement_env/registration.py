"""Importing this module makes `chipflow/MacroPlacement-v0` known to Gymnasium.

`gymnasium.make("placement_env.registration:chipflow/MacroPlacement-v0", netlist=...)` imports it.
"""

from __future__ import annotations

import gymnasium

ENVIRONMENT_ID = "chipflow/MacroPlacement-v0"

if ENVIRONMENT_ID not in gymnasium.registry:
    gymnasium.register(id=ENVIRONMENT_ID, entry_point="placement_env.env:MacroPlacementEnv")
