# shellcheck shell=bash
# Other people's servers, which custodia is measured beside. All of them go into target/bench/peers, nothing into the system.

peers=$target/bench/peers

# install_peers: pinned to the last of their dependencies, kept until what pins them changes. One that cannot be had is
# left out, and the benchmark says so.
install_peers() {
    local peer
    for peer in node fastapi medusa; do
        "install_$peer" || {
            say "$peer could not be installed: left out."
            rm -rf "${peers:?}/$peer"
        }
    done
}

install_node() { install_packages_of_node node ci; }

# Some of the packages that its dependencies may have on other systems cannot be had from every registry. npm then leaves
# them out of the lock file, and `npm ci` takes the file for an old one; `npm install` keeps to it as well.
install_medusa() {
    mkdir -p "$peers/medusa"
    cp crates/bench/peers/medusa/medusa-config.js "$peers/medusa"
    install_packages_of_node medusa install
}

# install_packages_of_node PEER COMMAND: its dependencies as package-lock.json has them.
install_packages_of_node() {
    local from=crates/bench/peers/$1 home=$peers/$1 pinned
    pinned=$(sha256sum "$from/package-lock.json")
    [[ $(cat "$home/pinned" 2>/dev/null) != "$pinned" ]] || return 0
    mkdir -p "$home"
    cp "$from/package.json" "$from/package-lock.json" "$home"
    run npm "$2" --prefix "$home" --no-audit --no-fund --ignore-scripts --loglevel error || return 1
    echo "$pinned" >"$home/pinned"
}

# install_fastapi: an environment with what requirements.txt pins, and our lines beside it.
install_fastapi() {
    local from=crates/bench/peers/fastapi home=$peers/fastapi pinned
    pinned=$(sha256sum "$from/requirements.txt")
    if [[ $(cat "$home/pinned" 2>/dev/null) != "$pinned" ]]; then
        rm -rf "$home"
        run python3 -m venv "$home" || return 1
        run "$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$from/requirements.txt" ||
            return 1
        echo "$pinned" >"$home/pinned"
    fi
    cp "$from/consent.py" "$home"
}
