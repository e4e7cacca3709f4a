# Messages.

say() {
    echo "keepsake: $*"
}

# die CODE MESSAGE
die() {
    local code=$1
    shift
    echo "keepsake: $*" >&2
    exit "$code"
}
