# shellcheck shell=bash
# Client libraries written elsewhere, driven against the release binary over TLS.
#
# A suite finds its server in SUITE_* variables (clients/README.md lists them). It gets stores of its own.

custodia=$target/release/custodia
python=$target/clients/python/bin/python
schemathesis=$target/clients/schemathesis/bin/schemathesis
authority=              # where `custodia dev --tls` keeps the local certificate authority
server_pid=
server_log=
server_port=
# The published documents, which are not ours to keep a copy of.
published=${CUSTODIA_PUBLISHED:-$root/../shared/contract/openapi}

# install_clients: the pinned libraries, kept between runs until what pins them changes.
install_clients() {
    install_python python
    install_python schemathesis
    install_node node
    install_node ledger
    say "$("$python" --version), $("$python" -m pip freeze | grep -E '^(bigcommerce|standardwebhooks)=' | tr '\n' ' ')"
    say "Node $(node --version), $(npm ls --prefix clients/node --depth 0 2>/dev/null | sed -n 's/^.* \(.*@.*[0-9].*\)$/\1/p' | tr '\n' ' ')"
    "$schemathesis" --version
}

# install_python SUITE: what its requirements.txt pins, in an environment of its own.
install_python() {
    local home=$target/clients/$1 pinned
    pinned=$(sha256sum "clients/$1/requirements.txt")
    [[ $(cat "$home/pinned" 2>/dev/null) != "$pinned" ]] || return 0
    rm -rf "$home"
    run python3 -m venv "$home"
    run "$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "clients/$1/requirements.txt"
    echo "$pinned" >"$home/pinned"
}

# install_node SUITE: what its package-lock.json pins, beside it.
install_node() {
    local home=clients/$1/node_modules pinned
    pinned=$(sha256sum "clients/$1/package-lock.json")
    [[ $(cat "$home/pinned" 2>/dev/null) != "$pinned" ]] || return 0
    run npm ci --prefix "clients/$1" --no-audit --no-fund --ignore-scripts
    echo "$pinned" >"$home/pinned"
}

# make_authority: what `custodia dev --tls` makes, once; and whether dev keeps its own promises.
make_authority() {
    local token=suite-dev-token
    authority=$work/authority
    server_port=$(free_port)
    start_server dev dev --tls --tls-dir "$authority" --port "$server_port" --token "$token"
    SUITE_TOKEN=$token SUITE_STORE=demo SUITE_OUTPUT=$server_log suite clients/dev
    stop_server
}

# client_suites ENGINE
client_suites() {
    local engine=$1 database suite begun
    stage "custodia serve on $engine"
    case $engine in
        sqlite) database=sqlite:$work/clients.db ;;
        postgres)
            "$(postgres_bin)/createdb" custodia_clients
            database="${CUSTODIA_TEST_POSTGRES%/*}/custodia_clients?sslmode=verify-full&sslrootcert=$CUSTODIA_TEST_POSTGRES_CA"
            ;;
    esac
    server_port=$(free_port)
    start_server "$engine" serve --database "$database" --secret-key-file "$work/clients.key" --listen "127.0.0.1:$server_port" \
        --public-url "https://127.0.0.1:$server_port" \
        --tls-cert "$authority/api.bigcommerce.com.pem" --tls-key "$authority/api.bigcommerce.com.key" \
        --webhook-allow 127.0.0.0/8 --webhook-ca "$authority/ca.pem"
    for suite in python node pages; do
        stage "clients/$suite on $engine"
        open_stores "$suite" "$database"
        begun=$(wc -l <"$server_log")
        SUITE_DATABASE=$database SUITE_KEY_FILE=$work/clients.key suite "clients/$suite"
        driven "$suite" "$begun"
    done
    stage "clients/ledger on $engine"
    open_stores ledger "$database"
    SUITE_DATABASE=$database SUITE_KEY_FILE=$work/clients.key suite clients/ledger
    stage "clients/schemathesis on $engine"
    open_stores schemathesis "$database"
    suite clients/schemathesis
    stage "clients/published on $engine"
    if [[ -d $published ]]; then
        open_stores published "$database"
        suite clients/published
    else
        say "No published documents in $published: nothing is held against them. CUSTODIA_PUBLISHED names where they are."
    fi
    stage "shutdown on $engine"
    stop_server
}

# driven SUITE LINES: the operations that it has had done, from what the server logged after so many lines.
driven() {
    sleep 0.2 # lines wait in memory for a hundredth of a second
    tail -n "+$(($2 + 1))" "$server_log" |
        sed -n 's|.*"method":"\([A-Z]*\)","route":"\([^"]*\)","status":[23].*|'"$1"'\t\1 \2|p' >>"$work/driven.tsv"
}

# compare_driven: clients/driven.tsv, from which docs/compatibility.md is made, has to say what was just done.
compare_driven() {
    LC_ALL=C sort -u "$work/driven.tsv" >"$logs/driven.tsv"
    diff -u clients/driven.tsv "$logs/driven.tsv" ||
        fail "The suites drive other operations than clients/driven.tsv says: copy $logs/driven.tsv there, then run scripts/compatibility."
}

# open_stores SUITE DATABASE: a store with two accounts, and one with a rate plan, made while the server runs.
open_stores() {
    local suite=$1 database=$2 full
    "$custodia" store create "$suite" --database "$database" >>"$server_log"
    "$custodia" store create "${suite}limited" --plan 150/30s --database "$database" >>"$server_log"
    full=$(account "$suite" "$database" store_v2_customers store_stored_payment_instruments)
    export SUITE_STORE=$suite SUITE_LIMITED_STORE=${suite}limited
    SUITE_CLIENT_ID=$(member client_id <<<"$full")
    SUITE_CLIENT_SECRET=$(member client_secret <<<"$full")
    SUITE_TOKEN=$(member access_token <<<"$full")
    SUITE_READ_ONLY_TOKEN=$(account "$suite" "$database" store_v2_customers_read_only | member access_token)
    SUITE_LIMITED_TOKEN=$(account "${suite}limited" "$database" store_v2_customers | member access_token)
    export SUITE_CLIENT_ID SUITE_CLIENT_SECRET SUITE_TOKEN SUITE_READ_ONLY_TOKEN SUITE_LIMITED_TOKEN
}

# account STORE DATABASE SCOPE...: prints one JSON object.
account() {
    local store=$1 database=$2 scopes
    shift 2
    scopes=("${@/#/--scope=}")
    "$custodia" account create --store "$store" "${scopes[@]}" --json --database "$database" \
        --secret-key-file "$work/clients.key"
}

# member NAME: of the one JSON object on standard input.
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# suite DIRECTORY: its runner, told where the server is and whom to trust.
suite() {
    local command
    case $1 in
        clients/node | clients/ledger) command=(node --test --test-concurrency=1 "$1"/*.test.js) ;;
        clients/schemathesis)
            # Requests made from the document, the same ones every time.
            # What it keeps for itself between runs goes with the work directory.
            command=(env --chdir="$work" "$schemathesis" --config-file "$root/$1/schemathesis.toml" --no-color run
                "https://127.0.0.1:$server_port/openapi.json" --seed 1 --max-examples 50)
            ;;
        clients/published)
            # Schemathesis as a library, from its own environment; a set has the same order every time.
            command=(env --chdir="$work" PYTHONHASHSEED=0 SUITE_PUBLISHED="$(realpath "$published")"
                "$(dirname "$schemathesis")/python" -m pytest --quiet --tb short -p no:cacheprovider "$root/$1")
            ;;
        *) command=("$python" -m pytest --quiet -p no:cacheprovider "$1") ;;
    esac
    BC_API_ENDPOINT=127.0.0.1:$server_port SUITE_HOST=127.0.0.1:$server_port SUITE_BINARY=$custodia \
        SUITE_CA=$authority/ca.pem SUITE_TLS_CERT=$authority/api.bigcommerce.com.pem \
        SUITE_TLS_KEY=$authority/api.bigcommerce.com.key REQUESTS_CA_BUNDLE=$authority/ca.pem \
        NODE_EXTRA_CA_CERTS=$authority/ca.pem \
        NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1 run "${command[@]}" || {
        say "The last lines of $server_log:"
        tail -n 20 "$server_log"
        return 1
    }
}

# start_server NAME ARGUMENT...: the binary, until it answers on server_port.
start_server() {
    server_log=$logs/custodia-$1.log
    shift
    : >"$server_log"
    "$custodia" "$@" >>"$server_log" 2>&1 </dev/null &
    server_pid=$!
    at_end stop_server
    wait_until 30 "$server_pid" answers || {
        cat "$server_log"
        fail "custodia $1 did not answer on /readyz."
    }
}

answers() { curl --silent --fail --noproxy '*' --cacert "$authority/ca.pem" "https://127.0.0.1:$server_port/readyz"; }

# stop_server: ask it to finish what it is doing; it has to end by itself, with success.
stop_server() {
    local pid=$server_pid status=0
    [[ -n $pid ]] || return 0
    server_pid=
    kill -TERM "$pid" 2>/dev/null && wait_until 15 "$pid" false || true
    kill -KILL "$pid" 2>/dev/null && say "custodia did not stop within 15 seconds of SIGTERM."
    wait "$pid" || status=$?
    ((status == 0)) || say "custodia ended with $status after SIGTERM."
    return "$status"
}
