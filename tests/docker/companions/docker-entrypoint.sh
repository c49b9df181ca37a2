#!/bin/sh
# The part of the official image's start that Modelyard counts on: a database of POSTGRES_USER, made once.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # arguments, as the official image takes them
    initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --auth "$POSTGRES_HOST_AUTH_METHOD" $POSTGRES_INITDB_ARGS > /dev/null
    pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=''" --wait start > /dev/null
    [ "$POSTGRES_DB" = postgres ] || createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --pgdata "$PGDATA" --wait stop > /dev/null
fi
exec "$@"
