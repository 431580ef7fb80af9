#!/usr/bin/env bash
# Tries once to install Chromium for the end-to-end tests. Without it they skip and say so, so nothing here is an error.
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
tried="$(dirname "$0")/../.venv/.chromium-tried"
[ -e "$tried" ] && exit 0
touch "$tried" 2>/dev/null
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the end-to-end tests"
    if DEBIAN_FRONTEND=noninteractive timeout 300 sh -c 'apt-get update -qq && apt-get install -y -qq chromium' >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "There is no Chromium here: the end-to-end tests will be skipped. Install it to run them (for example: apt-get install chromium)."
