#!/usr/bin/env bash
# Makes what compose.yaml needs and nobody else may know: passwords in .env, keys in secrets/. Changes nothing that is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 077
if [ ! -e .env ]; then
    printf 'STEWARD_OWNER_PASSWORD=%s\nSTEWARD_APP_PASSWORD=%s\n' "$(openssl rand -hex 24)" "$(openssl rand -hex 24)" >.env
fi
mkdir -p secrets
[ -e secrets/signing.pem ] ||
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out secrets/signing.pem
[ -e secrets/cursor.hex ] || openssl rand -hex 32 >secrets/cursor.hex
# The container's user is 10001 and reads them through the mount; the folder keeps everybody else out.
chmod 644 secrets/signing.pem secrets/cursor.hex
