#!/usr/bin/env bash
# Makes .venv and installs the pinned packages: `tools/setup.sh run` for what the demo needs, `tools/setup.sh dev` for
# tests and lint as well, `tools/setup.sh train` for training models. Quick when nothing changed: .venv/.installed-* holds a hash of what was asked for.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
needed_gb=4
log=.venv/setup.log

die() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3 python; do
        if "$candidate" -c 'import sys; raise SystemExit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "Gatehouse needs Python 3.11, and neither python3.11 nor python3 is one. Install it (for example
\`apt-get install python3.11 python3.11-venv\`, \`brew install python@3.11\` or \`uv python install 3.11\`), or name it: PYTHON=/path/to/python3.11 make setup"
}

# Turns the end of pip's log into a sentence that says what to do.
explain() {
    if grep -qiE 'No space left on device' "$log"; then
        die "The disk is full: setting up needs about $needed_gb GB here. Free some space and run the same command again."
    elif grep -qiE "(gcc|g\+\+|cc|clang|cargo|rustc)['\"]? failed|command '[^']*(gcc|cc|clang)'|unable to find (a )?compiler|can't find Rust compiler" "$log"; then
        die "A package has no ready build for this machine, and there is no compiler to make one. Install one (for example
\`apt-get install build-essential\`) and run the same command again. What pip said: $log"
    elif grep -qiE 'name resolution|NewConnectionError|ConnectionError|Max retries|Connection refused|ProxyError|timed out|unreachable|getaddrinfo' "$log"; then
        die "The package index cannot be reached. Check the network, or point pip at a mirror (PIP_INDEX_URL), and run the same command again. What pip said: $log"
    fi
    tail -n 15 "$log" >&2
    die "pip could not install the packages; its last lines are above, all of them are in $log"
}

pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" >>"$log" 2>&1
}

step() {
    local began=$SECONDS
    printf '  %-58s' "$1"
    shift
    "$@" || { echo; explain; }
    printf '%4d s\n' $((SECONDS - began))
}

make_venv() {
    local python
    python=$(find_python) || exit 1
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3.11-venv"
    "$python" -m venv .venv
}

# PyTorch's builds for processors are a tenth of the size of those for CUDA, and the index decides which one pip sees.
install_torch() {
    local torch vision found
    torch=$(grep '^torch==' constraints.txt)
    vision=$(grep '^torchvision==' constraints.txt)
    found=$(.venv/bin/python -m pip install --dry-run --no-deps --quiet --report - "$torch" 2>>"$log" | grep -oE '"version": "[^"]+"' | head -n 1 || true)
    if [ "$(uname -s)" = Linux ] && [[ $found != *+cpu* ]] && ! .venv/bin/python -c 'import torch' 2>/dev/null; then
        pip_install --retries 0 --timeout 15 --index-url https://download.pytorch.org/whl/cpu "$torch" "$vision" ||
            printf '\n  Only the CUDA build of PyTorch can be reached: a download of some GB.\n%60s' ''
    fi
    pip_install "$torch" -c constraints.txt
}

install_runtime() {
    .venv/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' >.venv/runtime.txt
    pip_install -r .venv/runtime.txt -c constraints.txt
}

# It asks for opencv-python, which needs the system's libGL; the headless build gives the same module without.
install_ocr() {
    pip_install --no-deps rapidocr-onnxruntime -c constraints.txt
}

install_dev() {
    pip_install --group dev -c constraints.txt
}

install_train() {
    pip_install --group train -c constraints.txt
}

digest() {
    .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())' \
        pyproject.toml constraints.txt tools/setup.sh
}

is_installed() {
    [ -x .venv/bin/python ] && [ -f ".venv/.installed-$1" ] && [ "$(cat ".venv/.installed-$1")" = "$(digest)" ]
}

is_installed "$what" && exit 0

free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
if [ ! -d .venv ] && [ "$free_kb" -lt $((needed_gb * 1024 * 1024)) ]; then
    die "Setting up needs about $needed_gb GB of disk here; $((free_kb / 1024)) MB are free. Free some space and run the same command again."
fi

echo "Setting up .venv (once; later starts skip this)"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then # none yet, or one that was interrupted
    step "virtual environment" make_venv
fi
: >"$log"
step "pip" pip_install 'pip>=25.1'
step "PyTorch" install_torch
is_installed run || step "the packages Gatehouse runs on" install_runtime
is_installed run || step "OCR" install_ocr
digest >.venv/.installed-run
if [ "$what" = dev ]; then
    step "the packages for tests and lint" install_dev
    digest >.venv/.installed-dev
elif [ "$what" = train ]; then
    step "the packages for training" install_train
    digest >.venv/.installed-train
fi
