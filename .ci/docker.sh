#!/usr/bin/env bash
# A Docker engine and the base image that tests/docker build upon, made where they are missing. Safe to run again.
# On Debian, as root, nothing else is needed; elsewhere start Docker yourself, and this takes python:3.11-slim as base.
set -euo pipefail

base="${MODELYARD_TEST_BASE:-modelyard-base:bookworm}"
packages=python3,python3-venv,ca-certificates
recipe=$(echo "bookworm $packages 1" | sha256sum | cut -c1-12)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/modelyard"
tarball="$cache/base-$recipe.tar.gz"
log="${MODELYARD_DOCKERD_LOG:-$cache/dockerd.log}"
mkdir -p "$cache"

is_root() { [ "$(id -u)" = 0 ]; }

install() { # PROGRAM=PACKAGE…: what is missing, by apt
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%=*}" > /dev/null || missing+=("${pair##*=}")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "== install ${missing[*]}"
    apt-get update -qq > /dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > "$cache/apt.log" 2>&1 \
        || { tail -20 "$cache/apt.log" >&2; exit 1; }
}

start_engine() {
    is_root || { echo "No Docker engine answers: start it (sudo systemctl start docker), then run this again." >&2; exit 1; }
    install docker=docker.io dockerd=docker.io iptables=iptables
    echo "== start dockerd (log: $log)"
    # An engine that was killed leaves files which the next one takes for a living one.
    pgrep -x dockerd > /dev/null || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    pgrep -x dockerd > /dev/null || setsid nohup dockerd > "$log" 2>&1 < /dev/null &
    for _ in $(seq 60); do
        docker info > /dev/null 2>&1 && return
        sleep 1
    done
    tail -20 "$log" >&2
    echo "dockerd did not start within 60 s." >&2
    exit 1
}

make_tarball() {
    install debootstrap=debootstrap
    local folder
    folder=$(mktemp -d)
    echo "== make $base by debootstrap"
    debootstrap --variant=minbase --include="$packages" bookworm "$folder" > "$cache/debootstrap.log" 2>&1 \
        || { tail -20 "$cache/debootstrap.log" >&2; exit 1; }
    rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
    tar --create --gzip --file "$tarball.new" --directory "$folder" --exclude=./dev --exclude=./proc --exclude=./sys .
    mv "$tarball.new" "$tarball"
    rm -rf "$folder"
}

make_base() {
    if is_root && [ -f /etc/debian_version ]; then
        [ -f "$tarball" ] || make_tarball
        docker import --change "LABEL dev.modelyard.base=$recipe" "$tarball" "$base" > /dev/null
    else
        docker pull --quiet python:3.11-slim
        echo "FROM python:3.11-slim" | docker build --quiet --label "dev.modelyard.base=$recipe" --tag "$base" -
    fi
}

docker info > /dev/null 2>&1 || start_engine
if is_root && [ -f /etc/debian_version ]; then
    install docker-registry=docker-registry # what tests push to
fi
made=$(docker image inspect --format '{{index .Config.Labels "dev.modelyard.base"}}' "$base" 2> /dev/null || true)
[ "$made" = "$recipe" ] || make_base
echo "== engine $(docker version --format '{{.Server.Version}}'), base $base"
