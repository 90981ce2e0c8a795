#!/usr/bin/env bash
# scripts/debian-tree.sh bookworm|trixie [run|test|image|service]...
#
# Shows that the two commands work on a Debian where nothing was installed before: debootstraps a minimal tree (kept
# between runs), and in fresh copies of it does `./dev run` twice and `./dev test` in parts, as root and as a user with
# sudo. `image` does in copies of it what the Dockerfile and compose.yaml say (scripts/image-tree.py), of whose release
# the tree must be; `service` starts deploy/steward.service under the release's systemd, booted in a copy of the tree
# (scripts/service-tree.py). Needs root, or sudo. Settings: STEWARD_TREE (folder, default
# ${TMPDIR:-/tmp}/steward-tree-RELEASE), STEWARD_TREE_MIRROR, STEWARD_TREE_PARTS (of ./dev test),
# STEWARD_TREE_CERTIFICATES (a file of authorities to trust, default $PIP_CERT).
set -euo pipefail
project=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
release=${1:?bookworm or trixie}
shift
steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(run test)
folder=${STEWARD_TREE:-${TMPDIR:-/tmp}/steward-tree-$release}
mirror=${STEWARD_TREE_MIRROR:-}
certificates=${STEWARD_TREE_CERTIFICATES:-${PIP_CERT:-}}
read -ra parts <<<"${STEWARD_TREE_PARTS:-release unit api}"

cannot() {
    echo "debian-tree.sh: $*" >&2
    exit 1
}

if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || cannot "making a tree and entering it by chroot needs root, and there is no sudo"
    exec sudo env STEWARD_TREE="$folder" STEWARD_TREE_MIRROR="$mirror" STEWARD_TREE_PARTS="${parts[*]}" \
        STEWARD_TREE_CERTIFICATES="$certificates" "${BASH_SOURCE[0]}" "$release" "${steps[@]}"
fi
# Mounts and processes of the tree live in namespaces of their own and end with this script, however it ends.
if [ -z "${STEWARD_TREE_INSIDE:-}" ]; then
    [ -e "$folder/base/complete" ] || command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
    why=$(unshare --mount --pid --fork true 2>&1) || cannot "namespaces of its own are not allowed here: $why"
    # unshare itself would wait for the end of its child when it is told to stop.
    STEWARD_TREE_INSIDE=1 STEWARD_TREE="$folder" setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
        "${BASH_SOURCE[0]}" "$release" "${steps[@]}" &
    child=$!
    trap 'kill -KILL "$child"; exit 143' INT TERM HUP
    wait "$child"
    exit
fi

say() { printf '%s %s: %s\n' "$(date +%T)" "$release" "$*"; }

make_base() {
    [ ! -e "$folder/base/complete" ] || return 0
    rm -rf "$folder/base"
    mkdir -p "$folder/base" "$folder/archives"
    say "debootstrap into $folder"
    debootstrap --variant=minbase "$release" "$folder/base" ${mirror:+"$mirror"} >"$folder/debootstrap.log" 2>&1 || {
        tail -n 30 "$folder/debootstrap.log"
        return 1
    }
    touch "$folder/base/complete"
}

# A fresh copy of the base with the project in $home/steward, owned by its user.
make_tree() {
    local user=$1
    tree=$folder/$user
    home=/root
    rm -rf --one-file-system "$tree"
    cp -a --reflink=auto "$folder/base" "$tree"
    cp -L /etc/resolv.conf /etc/hosts "$tree/etc/"
    mount -t proc proc "$tree/proc"
    mount --rbind /dev "$tree/dev"
    mount --bind "$folder/archives" "$tree/var/cache/apt/archives"
    if [ "$user" != root ]; then
        home=/home/$user
        if ! {
            inside root / apt-get update -q && inside root / apt-get install -y -q --no-install-recommends sudo
        } >"$folder/apt.log" 2>&1; then
            tail -n 30 "$folder/apt.log"
            cannot "apt-get does not work in the tree"
        fi
        chroot "$tree" useradd --create-home --shell /bin/bash "$user"
        echo "$user ALL=(ALL) NOPASSWD: ALL" >"$tree/etc/sudoers.d/$user"
    fi
    mkdir -p "$tree$home/steward"
    (
        cd "$project"
        if git -c safe.directory="$project" rev-parse HEAD >/dev/null 2>&1; then
            git -c safe.directory="$project" ls-files -z --cached --others --exclude-standard |
                while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
                tar --null -T - -cf -
        else
            tar --exclude=./build --exclude=./.venv --exclude=./.dev --exclude=node_modules -cf - .
        fi
    ) | tar -C "$tree$home/steward" -xf - --no-same-owner
    chroot "$tree" chown -R "$user:" "$home/steward"
}

# inside USER FOLDER COMMAND...: runs it in the tree with nothing of this machine's environment.
inside() {
    local user=$1 where=$2 groups=()
    shift 2
    [ "$user" = root ] || groups=(--userspec="$user:$user")
    # shellcheck disable=SC2016
    ${by:-} chroot "${groups[@]}" "$tree" /usr/bin/env -i HOME="${home:-/root}" USER="$user" TERM=dumb DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 STEWARD_PORT=0 \
        "${trust[@]}" /bin/bash -c 'cd "$0" && exec "$@"' "$where" "$@"
}

# A machine behind a proxy of its own trusts more authorities than a fresh Debian: they are lent by a copy.
lend_certificates() {
    trust=()
    if [ -n "$certificates" ]; then
        cp -L "$certificates" "$tree/etc/steward-certificates.crt"
        trust=(PIP_CERT=/etc/steward-certificates.crt NODE_EXTRA_CA_CERTS=/etc/steward-certificates.crt)
    fi
}

# Starts ./dev run, waits until it listens, asks /livez, stops it. Prints the seconds.
serve_once() {
    local user=$1 limit=$2
    local log=$folder/$user-run.log port='' begun=$SECONDS pid status=0
    : >"$log" # not only once that process runs: the run before may be read there until then
    # By exec all the way down, the process that is started here becomes steward itself.
    by='exec' inside "$user" "$home/steward" ./dev run >"$log" 2>&1 </dev/null &
    pid=$!
    while [ -z "$port" ]; do
        port=$(sed -n 's#.*listening on http://[^:]*:\([0-9]*\).*#\1#p' "$log" | tail -n 1)
        if [ -z "$port" ] && { ! kill -0 "$pid" 2>/dev/null || [ $((SECONDS - begun)) -gt 1800 ]; }; then
            tail -n 60 "$log"
            say "$user: ./dev run does not serve"
            return 1
        fi
        sleep 0.2
    done
    local took=$((SECONDS - begun)) answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r answer <&3
    exec 3>&-
    kill -TERM "$pid"
    wait "$pid" || status=$?
    say "$user: ./dev run served after $took s, ended with $status: ${answer%$'\r'}"
    [[ $answer == *' 200 '* ]] && [ "$status" -eq 0 ] && [ "$took" -le "$limit" ]
}

# What scripts/NAME-tree.py shows, in a folder of its own; what it mounts and starts ends with it.
run_python() {
    local name=$1 status=0 log=$folder/$1.log
    [ -x "$project/.venv/bin/python" ] || cannot "$name needs .venv, which ./dev test makes"
    unshare --mount-proc --pid --fork --kill-child "$project/.venv/bin/python" "$project/scripts/$name-tree.py" \
        "$folder/base" "$release" "$folder/$name" "$certificates" >"$log" 2>&1 </dev/null || status=$?
    rm -rf --one-file-system "${folder:?}/$name"
    if [ "$status" -ne 0 ]; then
        tail -n 120 "$log"
        say "the steps of $name failed"
        return 1
    fi
    say "the steps of $name passed"
}

users=()
for step in "${steps[@]}"; do
    case $step in
    run | test) users=(root dev) ;;
    image | service) ;;
    *) cannot "unknown step $step" ;;
    esac
done

tree='' home='' trust=()
failed=0
make_base
for user in "${users[@]}"; do
    make_tree "$user"
    lend_certificates
    for step in "${steps[@]}"; do
        case $step in
        run)
            serve_once "$user" 1800 && serve_once "$user" 5 || failed=$((failed + 1))
            ;;
        test)
            log=$folder/$user-test.log
            if inside "$user" "$home/steward" ./dev test --part "${parts[@]}" >"$log" 2>&1 </dev/null; then
                say "$user: $(tail -n 1 "$log")"
            else
                tail -n 120 "$log"
                say "$user: ./dev test failed"
                failed=$((failed + 1))
            fi
            ;;
        esac
    done
    umount -R "$tree/dev" "$tree/proc" "$tree/var/cache/apt/archives"
    rm -rf --one-file-system "$tree"
done
for step in "${steps[@]}"; do
    case $step in
    image | service) run_python "$step" || failed=$((failed + 1)) ;;
    esac
done
say "$failed failed"
[ "$failed" -eq 0 ]
