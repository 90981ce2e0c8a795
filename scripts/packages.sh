# shellcheck shell=bash disable=SC2034
# The Debian packages that Steward needs: the one list, and how they get installed. Sourced by ./dev.

# To build and to run.
build_packages=(
    cmake ninja-build gcc libc6-dev pkg-config
    libmicrohttpd-dev libjwt-dev libjansson-dev libpq-dev libssl-dev libsodium-dev libutf8proc-dev libcsv-dev
    zlib1g-dev libseccomp-dev libcmocka-dev python3-pip
    postgresql postgresql-client
)
# To test, besides.
test_packages=(python3 python3-venv curl jq openssl ca-certificates chromium valgrind haproxy systemd)
# For ./dev bench, besides; pgbench comes with the server.
bench_packages=(wrk python3 openssl)
# Named otherwise in each release, so chosen by what the release offers.
tool_packages() {
    if [ "$(release_of_debian)" = 12 ]; then
        echo clang-14 libclang-rt-14-dev clang-format-14 llvm-14 cppcheck
    else
        echo clang libclang-rt-dev llvm
    fi
    # Node may have been installed in another way than by packages: what counts is the commands.
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}
# For ./dev analyze, besides.
analysis_packages() {
    if [ "$(release_of_debian)" = 12 ]; then
        echo clang-tidy-14
    fi
}
# For ./dev test --full.
full_packages=(debootstrap)

release_of_debian() {
    local VERSION_ID=0
    # shellcheck disable=SC1091
    . /etc/os-release
    echo "${VERSION_ID%%.*}"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "dev: packages are missing and can be installed only by root or with sudo: $*" >&2
        return 1
    fi
}

# The names among "$@" that are not installed. One call of dpkg-query: takes milliseconds.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/^\([^ :]*\)\(:[^ ]*\)\? installed$/\1/p') || true
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

install_packages() {
    local missing quiet=/etc/postgresql-common/createcluster.d/steward-none.conf
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "dev: no apt-get here; please install what corresponds to: ${missing[*]}" >&2
        return 1
    fi
    echo "dev: installing ${missing[*]}" >&2
    # Steward runs PostgreSQL clusters of its own; the package must not start another one because of us.
    if ! dpkg-query -W -f='${db:Status-Status}' postgresql-common 2>/dev/null | grep -qx installed; then
        as_root mkdir -p "${quiet%/*}"
        echo 'create_main_cluster = false' | as_root tee "$quiet" >/dev/null
    fi
    local status=0
    as_root apt-get update -q >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 ||
        status=$?
    if [ -e "$quiet" ]; then
        as_root rm -f "$quiet"
    fi
    return "$status"
}
