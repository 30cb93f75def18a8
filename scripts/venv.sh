#!/bin/sh
# Make a virtual environment in the folder $1 with the first Python that can do it: 3.12 or newer,
# with venv and ensurepip. Each candidate is run, because a name on the path may start nothing.
set -eu

fits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null
}

for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.14 \
    "${HOME:-}"/.pyenv/versions/3.1[2-9]*/bin/python python3; do
    if fits "$candidate" && "$candidate" -m venv --clear "$1"; then
        exit 0
    fi
done
echo "hazard needs Python 3.12 or newer with venv and ensurepip, and found none:" \
    "install one (packages python3.12 and python3.12-venv, or pyenv), or set PYTHON to its path." >&2
exit 1
