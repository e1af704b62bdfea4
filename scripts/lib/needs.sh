# shellcheck shell=bash
# What the tests need of the machine. As root what is missing is installed from Debian's packages;
# what cannot be had is named, and the run fails.

missing=()      # Debian packages
impossible=()   # what no package brings

# need PACKAGE COMMAND...: the package is missing unless the command succeeds.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

need_rust() {
    command -v cargo >/dev/null || impossible+=("cargo (https://rustup.rs brings it; rust-toolchain.toml names the version)")
    need build-essential command -v cc
}

need_postgres() {
    need postgresql postgres_bin
    need postgresql id "$postgres_user"
    need openssl command -v openssl
    need util-linux command -v unshare
    need util-linux command -v setpriv
    need mount command -v mount
    can_mount || impossible+=("a small file system of our own for the full-disk test: ${namespace[*]} was refused (user namespaces switched off, or a container without CAP_SYS_ADMIN)")
}

need_clients() {
    need curl command -v curl
    need python3 command -v python3
    need python3-venv python3 -c 'import ensurepip, venv'
    need nodejs node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)'
    need npm command -v npm
}

need_peers() {
    need python3 command -v python3
    need python3-venv python3 -c 'import ensurepip, venv'
    need nodejs node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'
    need npm command -v npm
}

need_valgrind() {
    need valgrind command -v valgrind
}

# provide NEED...: check each need, install what is missing when root, and fail by name for the rest.
provide() {
    check "$@"
    if ((${#missing[@]} > 0 && EUID == 0)) && command -v apt-get >/dev/null; then
        say "Installing: ${missing[*]}"
        install_packages "${missing[@]}"
        check "$@"
    fi
    ((${#missing[@]} + ${#impossible[@]} > 0)) || return 0
    for package in "${missing[@]}"; do
        say "Missing: the Debian package '$package' (or what it brings)" >&2
    done
    for thing in "${impossible[@]}"; do
        say "Missing: $thing" >&2
    done
    fail "The tests need these. As root this script installs the packages itself."
}

check() {
    missing=() impossible=()
    local need
    for need in "$@"; do
        "$need"
    done
}

# install_packages PACKAGE...: from the lists as they are; they are fetched only when that fails.
install_packages() {
    run apt_install "$@" || {
        run apt-get update
        run apt_install "$@"
    }
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
