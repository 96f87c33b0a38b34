#!/bin/sh
# The steps of the image, also for a plain machine: a virtual environment with Outcrop and its service, nothing that compiles.
#
#   deploy/install.sh --page          # first, where there is npm: the service's web page, into the clone
#   deploy/install.sh /opt/outcrop    # from a clone: installs the clone
#   OUTCROP_SOURCE='outcrop' deploy/install.sh /opt/outcrop    # from the package index
#
# OUTCROP_EXTRAS names the extras (serve,geo), PYTHON the interpreter; OUTCROP_SLIM=1 leaves no installer behind.
set -eu

target=${1:?usage: install.sh PREFIX, or install.sh --page}
here=$(cd "$(dirname "$0")/.." && pwd)

if [ "$target" = --page ]; then
    cd "$here/page"
    npm ci --no-audit --no-fund --loglevel=error
    npm run --silent build
    exit
fi

python="$target/bin/python"
pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }

"${PYTHON:-python3}" -m venv "$target"
pip install --no-compile --only-binary :all: --no-binary outcrop \
    -c "$here/constraints.txt" "${OUTCROP_SOURCE:-$here}[${OUTCROP_EXTRAS:-serve,geo}]"
if [ "${OUTCROP_SLIM:-}" = 1 ]; then
    pip uninstall --yes setuptools pip
fi

# Tests of libraries are never needed to serve. All else is compiled now: nothing can be written there later.
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
find "$packages" -depth -type d \( -name __pycache__ -o -name tests \) -exec rm -rf {} +
"$python" -m compileall -q -j 0 "$packages" >/dev/null || true
"$target/bin/outcrop" --version
