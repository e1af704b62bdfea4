# shellcheck shell=bash
# A temporary PostgreSQL cluster of our own: on a free loopback port, over TLS too, as a user other than root.
#
# It sees a small file system that nobody else sees: the cluster runs in a mount namespace of its own, where a tmpfs
# of 16 MB carries the tablespace for the full-disk test. Nothing has to be unmounted: it goes with the cluster.
#
# Its default collation is ICU's en-US on purpose: whatever is ordered or compared by bytes has to say so in the schema.

small_tablespace=custodia_small
postgres_log=$logs/postgres.log
postgres_pid=

if ((EUID == 0)); then
    postgres_user=postgres
    namespace=(unshare --mount --propagation private)
else
    postgres_user=$(id -un)
    namespace=(unshare --user --map-current-user --mount --keep-caps)
fi

# start_postgres: start it and export what tests and PostgreSQL's own tools need to reach it.
start_postgres() {
    local bin
    bin=$(postgres_bin)
    cluster=$work/postgres
    mkdir -m 700 "$cluster" "$cluster/small" "$cluster/run"
    make_certificates
    PGPASSWORD=$(openssl rand -hex 16)
    echo "$PGPASSWORD" >"$cluster/password"
    ((EUID != 0)) || chown -R "$postgres_user" "$cluster"
    run as_postgres "$bin/initdb" --pgdata "$cluster/data" --username custodia --pwfile "$cluster/password" \
        --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --locale-provider icu --icu-locale en-US \
        --no-sync >"$postgres_log"
    at_end stop_postgres
    listen "$bin"
    export PGHOST=127.0.0.1 PGPORT PGUSER=custodia PGPASSWORD PGDATABASE=postgres
    run "$bin/psql" --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
        --command "CREATE TABLESPACE $small_tablespace LOCATION '$cluster/small'"
    export CUSTODIA_TEST_POSTGRES=postgres://custodia:$PGPASSWORD@127.0.0.1:$PGPORT/postgres
    export CUSTODIA_TEST_POSTGRES_CA=$work/postgres-ca.pem
    export CUSTODIA_TEST_POSTGRES_SMALL=$small_tablespace
    say "$("$bin/postgres" --version) on 127.0.0.1:$PGPORT, as $postgres_user; log: $postgres_log"
}

# listen BIN: another try on another port, should somebody take it from under us.
listen() {
    local bin=$1
    for _ in 1 2 3 4 5; do
        PGPORT=$(free_port)
        serve_postgres "$bin" >>"$postgres_log" 2>&1 </dev/null &
        postgres_pid=$!
        wait_until 60 "$postgres_pid" "$bin/pg_isready" --quiet --host 127.0.0.1 --port "$PGPORT" && return
        stop_postgres
    done
    tail -n 20 "$postgres_log" >&2
    fail "PostgreSQL did not start."
}

# serve_postgres BIN: becomes the server. More than 300 tests' connections fit; syncs are real, because tests measure them.
serve_postgres() {
    # --pdeathsig: should this script be killed outright, the server still shuts down.
    local becoming=(setpriv --pdeathsig INT)
    ((EUID != 0)) || becoming+=(--reuid "$postgres_user" --regid "$(id -g "$postgres_user")" --init-groups)
    cd "$cluster" || return
    # shellcheck disable=SC2016 # expanded by the shell in the namespace
    exec "${namespace[@]}" sh -c 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"' sh \
        "size=16m,mode=0700,uid=$(id -u "$postgres_user"),gid=$(id -g "$postgres_user")" "$cluster/small" \
        "${becoming[@]}" "$1/postgres" -D "$cluster/data" -p "$PGPORT" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories="$cluster/run" \
        -c max_connections=400 -c shared_buffers=256MB -c max_locks_per_transaction=256 \
        -c ssl=on -c ssl_cert_file="$cluster/server.pem" -c ssl_key_file="$cluster/server.key"
}

# stop_postgres: a fast shutdown, and a quick one if that does not come to an end.
stop_postgres() {
    [[ -n $postgres_pid ]] || return 0
    kill -INT "$postgres_pid" 2>/dev/null && wait_until 20 "$postgres_pid" false || true
    kill -QUIT "$postgres_pid" 2>/dev/null || true
    wait "$postgres_pid" 2>/dev/null || true
    postgres_pid=
}

# make_certificates: an authority, and under it the server's certificate for 127.0.0.1 and localhost.
make_certificates() {
    (
        cd "$cluster"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj '/CN=Custodia test authority' \
            -addext keyUsage=critical,keyCertSign -keyout ca.key -out "$work/postgres-ca.pem"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n' >server.ext
        openssl x509 -req -in server.csr -CA "$work/postgres-ca.pem" -CAkey ca.key -CAcreateserial \
            -days 7 -extfile server.ext -out server.pem
        chmod 600 ./*.key
    ) 2>"$logs/openssl.log" || {
        cat "$logs/openssl.log" >&2
        return 1
    }
}

# as_postgres COMMAND...: as the cluster's user. initdb and the server refuse to be root.
as_postgres() {
    cd "$cluster" || return
    if ((EUID == 0)); then
        exec setpriv --reuid "$postgres_user" --regid "$(id -g "$postgres_user")" --init-groups "$@"
    else
        exec "$@"
    fi
}

# postgres_bin: the directory of the newest server on this machine.
postgres_bin() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    [[ -x $newest ]] || newest=$(command -v initdb) || return 1
    newest=$(dirname "$(readlink -f "$newest")")
    [[ -x $newest/postgres && -x $newest/psql ]] || return 1
    echo "$newest"
}

# can_mount: whether a mount namespace with a file system of our own is to be had.
can_mount() { "${namespace[@]}" mount -t tmpfs -o size=1m tmpfs /tmp 2>/dev/null; }
