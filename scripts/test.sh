#!/bin/sh
# Installs chipflow with its development tools, then checks style, types and behaviour.
# Arguments go to pytest, such as: sh scripts/test.sh -m slow. Tests run on two cores: they are written
# for that, and some of them measure speed.
set -eu
cd "$(dirname "$0")/.."
sh scripts/install.sh dev
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/pyright --pythonpath .venv/bin/python
.venv/bin/python -m pytest -n 2 --dist loadfile "$@"
