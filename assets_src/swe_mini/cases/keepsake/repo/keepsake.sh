#!/usr/bin/env bash
# keepsake: numbered archives of a folder, of which the newest few are kept.
set -u

here=$(dirname $0)
. $here/lib/common.sh
. $here/lib/archive.sh
. $here/lib/rotate.sh

config=$here/keepsake.conf
while getopts "c:" letter; do
    case $letter in
        c) config=$OPTARG ;;
        *) die 2 "usage: keepsake.sh [-c CONFIG] SOURCE TARGET" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || die 2 "usage: keepsake.sh [-c CONFIG] SOURCE TARGET"

KEEP=3
EXCLUDE=()
. $config

source=$1
target=$2
[ -d $source ] || die 1 "no such folder: $source"
mkdir -p $target

name=$(basename $source)
number=$(next_number $target $name)
write_archive $source $target/$name-$number.tar.gz
rotate $target $name $KEEP
say "wrote $name-$number.tar.gz"
