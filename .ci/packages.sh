#!/usr/bin/env bash
# Programs that some tests talk to, installed where they are missing: a browser, and a PostgreSQL server.
# On Debian as root; elsewhere, and where apt cannot, those tests are skipped and say so.
set -euo pipefail

missing=()
command -v chromium > /dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' > /dev/null || command -v pg_ctl > /dev/null || missing+=(postgresql)
[ ${#missing[@]} = 0 ] && exit
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "== not here, and not installed: ${missing[*]}"
    exit
fi
echo "== install ${missing[*]}"
apt-get update -qq > /dev/null || true
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null \
    || echo "== apt cannot install ${missing[*]}: the tests that need them are skipped"
