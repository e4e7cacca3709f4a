# Reading a list of changes.

KINDS="added changed fixed removed"

# One entry for each change, in the order of the file.
kinds=()
texts=()
authors=()

# read_changes FILE: fills the three arrays
read_changes() {
    local line kind text author
    while read line; do
        case $line in
            "" | "#"*) continue ;;
        esac
        kind=${line%%:*}
        text=${line#*: }
        author=""
        case $text in
            *@*)
                author=${text#*@}
                text=${text%@*}
                ;;
        esac
        case " $KINDS " in
            *" $kind "*) ;;
            *)
                echo "relnote: not a change: $line" >&2
                exit 1
                ;;
        esac
        kinds+=($kind)
        texts+=("$text")
        authors+=("$author")
    done < $1
}
