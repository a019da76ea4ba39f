#!/bin/sh
# Installs Debian packages without starting the services that come with them: debian.sh PROGRAM=PACKAGE ...
# A PROGRAM with a slash in it is a file. Nothing is done for programs that are on the PATH already. Needs apt-get and root for the rest.
set -eu

there() { command -v "$1" >/dev/null 2>&1 || [ -f "$1" ]; }

missing=
for pair; do
	there "${pair%%=*}" || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "not installed:$missing (run as root: apt-get install$missing)" >&2; exit 1; }

# Packages ask this file whether they may start their service; 101 says no. A machine that has one has decided already.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
# shellcheck disable=SC2086  # a list of package names
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null; }
# An old list names files that the archive no longer has: fetch it anew, once.
install 2>/dev/null || { apt-get update -qq && install; }
for pair; do
	there "${pair%%=*}" || { echo "${pair%%=*} is still missing" >&2; exit 1; }
done
