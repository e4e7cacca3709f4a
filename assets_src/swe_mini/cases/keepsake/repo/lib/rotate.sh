# Removing old archives.

# rotate TARGET NAME KEEP: remove all but the newest KEEP archives of NAME
rotate() {
    local old
    for old in $(ls $1 | grep "^$2-" | sort | head -n -$3); do
        rm $1/$old
    done
}
