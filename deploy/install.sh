#!/bin/sh
# The steps of the image, also for a plain machine: a virtual environment with Outcrop and its service, nothing that compiles.
#
#   deploy/install.sh /opt/outcrop            # from a clone: installs the clone
#   OUTCROP_SOURCE='outcrop' deploy/install.sh /opt/outcrop    # from the package index
set -eu

prefix=${1:?usage: install.sh PREFIX}
here=$(cd "$(dirname "$0")/.." && pwd)
source=${OUTCROP_SOURCE:-$here}
python=${PYTHON:-python3}

"$python" -m venv "$prefix"
"$prefix/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --no-binary outcrop -c "$here/constraints.txt" "$source[serve,geo]"

# What is never needed to serve: caches, tests of libraries, the installer itself.
find "$prefix" -depth -type d \( -name __pycache__ -o -name tests \) -path '*site-packages*' -exec rm -rf {} +
if [ "${OUTCROP_SLIM:-}" = 1 ]; then
    "$prefix/bin/python" -m pip uninstall --quiet --yes --disable-pip-version-check pip
fi
"$prefix/bin/outcrop" --version
