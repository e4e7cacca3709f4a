# Writing one archive.

# next_number TARGET NAME: one more than the highest number among the archives of NAME
next_number() {
    local last
    last=$(ls $1 | grep "^$2-" | sed 's/.*-\([0-9]*\)\.tar\.gz$/\1/' | sort | tail -n 1)
    echo $((${last:-0} + 1))
}

# write_archive SOURCE FILE
write_archive() {
    local excludes="" pattern
    for pattern in ${EXCLUDE[@]}; do
        excludes="$excludes --exclude=$pattern"
    done
    tar -czf $2 $excludes -C $(dirname $1) $(basename $1)
}
