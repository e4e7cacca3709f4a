"""Commands of sed do what GNU sed does, or are refused."""

import shutil
import subprocess

import pytest

from lab.grader.no_edit import NoEditError
from lab.grader.sed import apply_sed

SOURCE = "def f(xs):\n    n = a[0] + 1\n    n += (x | 2)\n    return n * n, 'yes/no'\n"

COMMANDS = [
    "sed -i '2s/.*/    n = 7 \\& 8/' m.py",
    "sed -i '2s/a\\[0\\]/&&/' m.py",
    "sed -i 's/n/m/' m.py",
    "sed -i 's/n/m/g' m.py",
    "sed -i 's/N/m/gI' m.py",
    "sed -i '3s/(x | 2)/[x]/' m.py",
    "sed -i '2,3s|n|total|' m.py",
    "sed -i '$s/n \\* n/n/' m.py",
    "sed -i 's/\\([a-z]\\) += /\\1 = \\1 - /' m.py",
    "sed -i -E 's/(n) [+]= /\\1 -= /' m.py",
    "sed -i -r 's/x{1}s?/y/;3d' m.py",
    "sed -i 's#yes/no#no#' m.py",
    "sed -i 's/yes\\/no/no/' m.py",
    "sed -i '/return/s/n/k/' m.py",
    "sed -i '/return/s/, .*$//' m.py",
    "sed -i 's/^    n/    k/' m.py",
    "sed -i '1a\\    xs = list(xs)' m.py",
    "sed -i '1a     xs' m.py",
    "sed -i '4i\\    n = 3' m.py",
    "sed -i '4c\\    return 1' m.py",
    "sed -i -e '2s/1/2/' -e '3s/2/3/' m.py",
    "sed -i \"4s/'yes/'no/\" m.py",
    'sed -i "2s/a\\[0\\]/\\"\'/" m.py',
    "sed -i 4s/n/m/ m.py",
    "sed -i 4s/'n * n'/m\\ m/ m.py&&true",
    "sed -i 's/\\bn\\b/k/g' m.py",
    "sed -i 's/a*/-/' m.py",
    "sed -i 's/[^a-z ]/_/g' m.py",
    "sed -i '2s/ + 1/\\n    n = n/' m.py",
]


@pytest.mark.skipif(not shutil.which("sed"), reason="no sed")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_gives_the_text_that_sed_gives(command, tmp_path):
    (tmp_path / "m.py").write_text(SOURCE)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert apply_sed(SOURCE, command) == (tmp_path / "m.py").read_text()


@pytest.mark.parametrize(
    "command",
    [
        "", "ls", "sed 's/a/b/' m.py", "sed -i m.py", "sed -i 's/a/b/e' m.py", "sed -i 's/a/b/w out' m.py",
        "sed -i '1e ls' m.py", "sed -i 'w out' m.py", "sed -i 'r /etc/passwd' m.py", "sed -i ':a;ba' m.py",
        "sed -i 's/(/(/' 's/a/b/' m.py", "sed -n -i 's/a/b/' m.py", "sed -i 's/a/b' m.py", "sed -i 's/[a/b/' m.py",
        "sed -i 's/a/\\1/' m.py", "sed -i 's/a/b/ m.py", "sed -i -f script m.py", "sed -i '1{s/a/b/}' m.py",
        "sed -i 's/n/k/2' m.py", "sed -i '2s/n/m/' other.py", "cd /testbed && sed -i '2s/n/m/' m.py",
        "sed -i '2s/n/m/' >m.py", "sed -i '2s/n/m/' '>m.py'", "sed -i '2s/n/m/' > m.py", "sed -i '2s/n/m/' m.py > o",
        "sed -i 2s/n/m>m/ m.py", "sed -i 2s/n/m/ <m.py", 'sed -i "2s/n/$HOME/" m.py', 'sed -i "2s/n/`ls`/" m.py',
        'sed -i "2s/n/$(ls)/" m.py', 'sed -i "2s/n/\\$/" m.py', "sed -i 2s/n/$HOME/ m.py", "sed -i 2s/n/`ls`/ m.py",
        "sed -i '2s/n/m/'\nm.py", "sed -i '2s/n/m/' m.py\nls", "sed -i '2s/n/m/' m.py; ls",
        "sed -i '2s/n/m/' m.py | ls", "sed -i '2s/n/m/' m.py & ls", "sed -i 2s/{n,a}/m/ m.py",
        "sed -i 's/n/\\²/' m.py", 'sed -i "2s/n/m\\\n/" m.py',
    ],
)  # fmt: skip
def test_other_commands_are_refused(command):
    with pytest.raises(NoEditError):
        apply_sed(SOURCE, command)


def test_what_follows_the_command_is_not_run(tmp_path):
    command = f"sed -i '2s/n/m/' m.py && touch {tmp_path}/made"
    assert apply_sed(SOURCE, command) == SOURCE.replace("    n = a", "    m = a")
    assert list(tmp_path.iterdir()) == []
