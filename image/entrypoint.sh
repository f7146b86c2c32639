#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What may follow the image's name in `docker run`, as the registry image takes it in its versions
# 2 and 3: a configuration file, a command of the server, or any program. Always exec, so that the
# server is process 1 and gets the signals.
set -e

v2=/etc/docker/registry/config.yml
v3=/etc/distribution/config.yml

[ $# -gt 0 ] || set -- "$v2"

# Where the two are not one directory, the one that is there was mounted.
other=
case "$1" in
"$v2") other=$v3 ;;
"$v3") other=$v2 ;;
esac
if [ -n "$other" ] && [ ! -e "$1" ] && [ -e "$other" ]; then
    shift
    set -- "$other" "$@"
fi

case "$1" in
*.yml | *.yaml | *.ini)
    exec registry serve "$@" ;;
serve | garbage-collect | check-config | htpasswd | healthcheck | help | -*)
    exec registry "$@" ;;
esac
# A configuration may have any name; what can be executed is a program.
if [ -f "$1" ] && [ ! -x "$1" ]; then
    exec registry serve "$@"
fi
exec "$@"
