"""Which mail answers which."""


def threads(mails):
    """A list of trees (mail, answers) in the order of the mails.

    A mail hangs below the nearest of its references that is in the list; without one it is a root.
    """
    trees = {mail.message_id: (mail, []) for mail in mails}
    roots = []
    for tree in trees.values():
        parent = next((trees[id_] for id_ in reversed(tree[0].references) if id_ in trees), None)
        (roots if parent is None else parent[1]).append(tree)
    return roots
