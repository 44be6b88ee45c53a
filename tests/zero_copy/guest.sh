#!/bin/sh
# The first process of the guest. eth0 and eth1 are virtio-net cards joined back to back. The server runs on eth0; a
# client in a namespace of its own, which holds eth1, fetches a large file from it.
#
# Every line that begins with `guest:` is meant for the test; the last of them is `guest: end STATUS`.

export PATH=/bin HOME=/
large_mib=64
url=http://10.66.0.2:8080

mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs -o size=256m tmpfs /site

finish() {
  echo "guest: end $1"
  echo o >/proc/sysrq-trigger # Power off.
  while :; do sleep 60; done
}

fail() {
  echo "guest: $*"
  sed 's/^/  /' /run/server.log
  finish 1
}

client() { ip netns exec client "$@"; }

set -- /modules/*.ko
for module; do insmod "$module" || echo "guest: $module was not loaded"; done
: >/run/server.log
set -e
ip link set lo up
ip netns add client
ip link set eth1 netns client
ip addr add 10.66.0.2/24 dev eth0
ip link set eth0 up
client ip addr add 10.66.0.1/24 dev eth1
client ip link set eth1 up
set +e
echo "guest: Linux $(uname -r)"

head -c "${large_mib}M" /dev/urandom >/site/large.bin
echo "Hello, World!" >/site/hello.txt
expected=$(sha256sum </site/large.bin)

windhover serve --config /config/xdp.json --root /site --set backend.interface=eth0 --set backend.mode=zeroCopy \
  --set tcp.connectionsMax=1024 >/run/server.log 2>&1 &
server=$!
client curl -sS -o /run/hello.txt --retry 60 --retry-delay 1 --retry-connrefused --retry-max-time 60 \
  --connect-timeout 2 $url/hello.txt 2>/run/curl.log || fail "the server did not answer"
cmp /run/hello.txt /site/hello.txt || fail "a small answer was wrong"
sed 's/^/guest: server: /' /run/server.log
ss -a --xdp -e | sed 's/^/guest: ss: /'

took=$(client curl -sS -o /site/fetched.bin -w '%{time_total}' --max-time 300 $url/large.bin) ||
  fail "the download failed"
actual=$(sha256sum </site/fetched.bin)
[ "$actual" = "$expected" ] || fail "the download has another SHA-256: ${actual%% *} instead of ${expected%% *}"
echo "guest: $large_mib MiB in $took s, SHA-256 ${actual%% *} on both sides"

kill -TERM $server
wait $server || fail "the server ended with $?"
sed -n '/frames_in=/s/^/guest: server: /p' /run/server.log
finish 0
