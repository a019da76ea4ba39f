#!/bin/sh
# Builds the InfluxDB 1.8 server from its Go module: influxdb1.sh DEST leaves DEST/influxd1.
# Needs go and a C compiler. Does nothing when that version is there.
set -eu
version=1.8.3

[ $# -eq 1 ] || { echo "usage: influxdb1.sh DEST" >&2; exit 2; }
mkdir -p "$1"
dest=$(cd "$1" && pwd)
installed() { "$dest/influxd1" version 2>/dev/null | grep -F "v$version "; }
if installed; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# main.version is what the server answers in X-Influxdb-Version; without it: "unknown".
GOBIN=$work go install -ldflags "-s -w -X main.version=$version" "github.com/influxdata/influxdb/cmd/influxd@v$version"

# The move comes last: a build that was broken off leaves nothing half made.
mv "$work/influxd" "$dest/influxd1"
installed
