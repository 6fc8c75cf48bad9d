#!/bin/sh
# Makes .venv with chipflow and everything it needs from PyPI. Needs Python 3.11 or newer and pip.
# Usage: sh scripts/install.sh [EXTRA...]    extras: dev, ray, dask, dspy
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: chipflow needs Python 3.11 or newer, found $("$python" --version 2>&1)" >&2
    echo "  try: PYTHON=python3.11 sh scripts/install.sh" >&2
    exit 2
fi
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    # Debian ships venv apart from Python; virtualenv from PyPI does the same without it.
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        "$python" -m pip install --quiet --target .bootstrap virtualenv
        PYTHONPATH=.bootstrap "$python" -m virtualenv --quiet .venv
    fi
fi
extras=$(IFS=,; echo "$*")
echo "installing chipflow into .venv (about two minutes the first time)" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable ".${extras:+[$extras]}"
