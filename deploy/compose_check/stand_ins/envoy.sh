#!/bin/bash
# As envoyproxy/envoy starts: as root it gives its outputs to its own user and goes on as that.
set -e
chown envoy /dev/stdout /dev/stderr
exec setpriv --reuid=envoy --regid=envoy --clear-groups envoy "$@"
