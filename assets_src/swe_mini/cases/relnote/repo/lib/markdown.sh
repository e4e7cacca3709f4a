# Writing Markdown.

# section KIND: a heading and an item for each change of that kind; nothing if there is none
section() {
    local i heading=${1^}
    for i in ${!kinds[@]}; do
        [ ${kinds[i]} = $1 ] || continue
        if [ -n "$heading" ]; then
            echo
            echo "### $heading"
            echo
            heading=""
        fi
        echo - ${texts[i]}
    done
}

# thanks: the authors by name, each once; nothing if there is none
thanks() {
    local names
    names=$(printf '%s\n' ${authors[@]} | sort -u)
    [ -n "$names" ] || return 0
    echo
    echo Thanks to $names.
}
