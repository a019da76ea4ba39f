#!/bin/sh
# Builds the InfluxDB 2.7 server from its Go module, without the web interface.
#
#   influxdb2.sh DEST      leaves DEST/influxd2
#
# Needs go, a C compiler and cargo: Flux, its query language, is partly Rust.
# Does nothing when that version is there already.
set -eu

version=2.7.12
module=github.com/influxdata/influxdb/v2
# InfluxData's own pkg-config: on "flux" it runs cargo on the Flux library that
# go.mod names, and tells go where the result lies.
pkg_config=github.com/influxdata/pkg-config@v0.2.7

[ $# -eq 1 ] || { echo "usage: influxdb2.sh DEST" >&2; exit 2; }
mkdir -p "$1"
dest=$(cd "$1" && pwd)

installed() { "$dest/influxd2" version 2>/dev/null | grep -F "v$version "; }
if installed; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
export RUSTUP_TOOLCHAIN="${RUSTUP_TOOLCHAIN:-stable}"

GOBIN=$work go install "$pkg_config"

# pkg-config calls this as `cargo build --release --target TRIPLE`. Flux denies
# warnings, and today's compilers warn of more than the one it was written for.
# RUSTFLAGS can lift that, but with --target it does not reach the crates that
# build scripts use. So: build without --target, then link the result to where
# pkg-config looks for it.
cat >"$work/cargo" <<'WRAPPER'
#!/bin/sh
set -eu
triple= previous=
for word; do
	if [ "$previous" = --target ]; then triple=$word; fi
	previous=$word
done
unset CARGO_TARGET_DIR
RUSTFLAGS=--cap-lints=warn cargo build --release
if [ -n "$triple" ]; then
	mkdir -p "target/$triple"
	rm -rf "target/$triple/release"
	ln -s ../release "target/$triple/release"
fi
WRAPPER
chmod +x "$work/cargo"

# `go install module@version` refuses a module with replace directives, and this
# one has some. So build it as a dependency of a module that repeats its go.mod.
mkdir "$work/build"
cd "$work/build"
source=$(go mod download -json "$module@v$version" |
	sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
cp "$source/go.mod" "$source/go.sum" .
chmod u+w go.mod go.sum
go mod edit -module=example.org/influxd2 -require="$module@v$version"
cat >tools.go <<GO
//go:build tools

package tools

import _ "$module/cmd/influxd"
GO

PKG_CONFIG=$work/pkg-config CARGO=$work/cargo go build -mod=mod \
	-ldflags "-s -w -X main.version=v$version" -o "$work/influxd2" "$module/cmd/influxd"

# The move comes last, so a build that was broken off leaves nothing half made.
mv "$work/influxd2" "$dest/influxd2"
installed
