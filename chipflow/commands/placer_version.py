"""What a placer is besides its name: the weights of a policy, or the source of somebody's own."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
from pathlib import Path

from agents import foreign, placers
from agents.checkpoint import newest

#: Files of a command larger than this, such as netlists, are not the placer.
_MOST_BYTES = 64 * 2**20


def placer_version(name: str) -> str:
    """A short hash of the files that a placer is made of; empty for those of chipflow's code.

    They are a policy's weights, the module of a function, and the files that a command names.

    Raises:
        InputError: There is no such checkpoint.
    """
    if placers.is_policy(name) and name != placers.AGENT:
        path = Path(name)
        return _digest([newest(path) / "policy.safetensors" if path.is_dir() else path])
    if not foreign.is_foreign(name):
        return ""
    if "{" in name:
        return _digest([Path(word) for word in shlex.split(name)])
    source = _source(name.partition(":")[0])
    return _digest([source] if source else [])


def _source(module: str) -> Path | None:
    """The file of a module in this folder or installed; None where it cannot be found."""
    try:
        with foreign.modules_of_this_folder():
            spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    return Path(spec.origin) if spec and spec.origin else None


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and file.stat().st_size <= _MOST_BYTES:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
