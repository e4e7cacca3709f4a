"""The order of tasks."""


def plan(tasks, targets=None):
    """The names of the tasks in an order in which they can run.

    Args:
        tasks: name -> Task.
        targets: the names that are wanted; what they need comes along. None means all.
    """
    wanted = _closure(tasks, targets)
    waiting = [task for task in tasks.values() if task.name in wanted]
    waiting.sort(key=lambda task: -task.priority)
    done = []
    while waiting:
        for task in waiting:
            if all(need in done for need in task.needs):
                done.append(task.name)
                waiting.remove(task)
                break
    return done


def waves(tasks, targets=None):
    """Lists of names; all tasks of one list can run at the same time, after those of the lists before."""
    result = []
    waiting = plan(tasks, targets)
    done = set()
    while waiting:
        wave = [name for name in waiting if done.issuperset(tasks[name].needs)]
        result.append(wave)
        done.update(wave)
        waiting = [name for name in waiting if name not in done]
    return result


def _closure(tasks, targets):
    """The targets and everything they need, directly or not."""
    found = set()
    stack = list(tasks if targets is None else targets)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(tasks[name].needs if name in tasks else ())
    return found
