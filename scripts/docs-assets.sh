#!/usr/bin/env bash
# Makes build/docs-assets/, the files of Swagger UI that cmake/docs.cmake embeds for /docs: fetches the wheel that
# server/docs/requirements.txt names by its hash, unpacks it, compresses what is text. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
folder=build/docs-assets
inside=drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist

# The script is part of it: a change here makes other files of the same wheel.
stamp=$(cat server/docs/requirements.txt scripts/docs-assets.sh | sha256sum)
if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
# Files of another lock are not embedded, whatever happens below.
rm -rf "$folder"
mkdir -p build
work=$(mktemp -d build/docs-assets.XXXXXX)
trap 'rm -rf "$work"' EXIT

/usr/bin/python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --retries 2 --require-hashes \
    --no-deps --only-binary :all: --dest "$work" -r server/docs/requirements.txt
/usr/bin/python3 -m zipfile -e "$work"/*.whl "$work/wheel"
mkdir "$work/ready"
for file in swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css; do
    gzip -9nc "$work/wheel/$inside/$file" >"$work/ready/$file.gz"
done
cp "$work/wheel/$inside/favicon-32x32.png" "$work/ready/"
echo "$stamp" >"$work/ready/.stamp"
chmod 755 "$work/ready"
mv -T "$work/ready" "$folder"
