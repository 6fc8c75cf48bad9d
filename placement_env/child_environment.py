"""The environment that programs and processes of this half start with: ours without API keys.

Models are asked by the code half alone (`llm_stages/keys.py` has the same rule for its programs,
since neither half imports the other), so nothing that places or compiles has a use for a key.
"""

from __future__ import annotations

import os
import re

_KEY = re.compile(
    r"(^|_)(API)?(KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE
)


def child_environment() -> dict[str, str]:
    """The variables of this process but those whose name says that they hold a key."""
    return {name: value for name, value in os.environ.items() if not _KEY.search(name)}
