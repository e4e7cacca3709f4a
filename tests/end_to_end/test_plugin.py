"""How the harness finds the plugin: wheel, editable install, import hook, entry points and `python -m`."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

REPOSITORY = Path(__file__).parents[2]
TABLE_ROW = "|he_snr "
PLAIN = ["--tasks", "swe_hesnr", "--model", "hf-topk", "--device", "cpu"]


def python(executable, *arguments, **environment):
    """Run an interpreter outside the checkout, offline; return the finished process."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LM_EVAL_HESNR"))}
    env |= {"HF_HUB_OFFLINE": "1"} | environment
    return subprocess.run(
        [str(executable), *arguments], cwd=Path(sys.prefix), env=env, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, REPOSITORY]
    subprocess.run([str(part) for part in build], check=True)
    (path,) = folder.glob("*.whl")
    return path


def make_environment(folder, what):
    """Make an environment with `what` installed, which finds its dependencies where the tests do; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    interpreter = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files are not run
    install = ["-m", "pip", "--python", str(interpreter), "install", "-q", "--no-deps", "--no-build-isolation", *what]
    subprocess.run([sys.executable, *install], check=True)
    return interpreter


@pytest.fixture(scope="session")
def from_wheel(wheel, tmp_path_factory):
    """An interpreter with the wheel installed."""
    return make_environment(tmp_path_factory.mktemp("from_wheel"), [str(wheel)])


@pytest.fixture(scope="session")
def from_checkout(tmp_path_factory):
    """An interpreter with the editable install."""
    return make_environment(tmp_path_factory.mktemp("from_checkout"), ["--editable", str(REPOSITORY)])


@pytest.fixture(params=["from_wheel", "from_checkout"])
def installed(request):
    """An interpreter with each kind of install in turn."""
    return request.getfixturevalue(request.param)


def test_the_plain_command(installed, random_model, tmp_path):
    arguments = ["--limit", "2", "--model_args", f"pretrained={random_model}"]
    done = python(installed, "-m", "lm_eval", *PLAIN, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert TABLE_ROW in done.stdout


def test_the_module_without_the_hook(installed, random_model):
    arguments = [*PLAIN, "--limit", "2", "--model_args", f"pretrained={random_model}"]
    done = python(installed, "-m", "lm_eval_hesnr", *arguments, LM_EVAL_HESNR_AUTOLOAD="0")
    assert done.returncode == 0, done.stderr[-3000:]
    assert TABLE_ROW in done.stdout


def test_with_the_hook_off_the_harness_does_not_know_us(from_wheel):
    done = python(from_wheel, "-m", "lm_eval", "validate", "--tasks", "swe_hesnr", LM_EVAL_HESNR_AUTOLOAD="0")
    assert done.returncode != 0


def test_ls_and_validate(installed):
    listed = python(installed, "-m", "lm_eval", "ls", "tasks")
    assert "swe_hesnr" in listed.stdout
    assert python(installed, "-m", "lm_eval", "validate", "--tasks", "swe_hesnr").returncode == 0


def test_simple_evaluate_and_the_users_own_task_folder(installed, random_model, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("task: swe_hesnr\nclass: !function lm_eval_hesnr.task.SweHesnr\nnum_fewshot: 0\ntask_alias: mine\n")
    code = (
        "import lm_eval; from lm_eval.tasks import TaskManager\n"
        f"found = lm_eval.simple_evaluate('hf-topk', {{'pretrained': {str(random_model)!r}}}, ['swe_hesnr'], limit=1)\n"
        "print('PPL', found['results']['swe_hesnr']['ppl,all'])\n"
        f"print('OWN', TaskManager(include_path={str(tmp_path)!r}).task_index['swe_hesnr'].yaml_path)\n"
    )
    done = python(installed, "-c", code)
    assert "PPL " in done.stdout, done.stderr[-3000:]
    assert f"OWN {own}" in done.stdout


def test_accelerate_launch(installed, random_model):
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "-m", "lm_eval"]
    done = python(installed, *launch, *PLAIN, "--limit", "1", "--model_args", f"pretrained={random_model}")
    assert TABLE_ROW in done.stdout, done.stderr[-3000:]


def test_importing_the_package_loads_nothing_heavy(installed):
    code = "import sys, lm_eval_hesnr.plugin; print([m for m in ('torch', 'numpy', 'lm_eval') if m in sys.modules])"
    assert python(installed, "-c", code).stdout.strip() == "[]"


def test_the_hook_loads_only_what_an_interpreter_has_anyway(from_wheel):
    code = "import sys; print(sorted(m for m in sys.modules if m not in sys.stdlib_module_names and m != '__main__'))"
    loaded = python(from_wheel, "-c", code).stdout
    assert "'lm_eval_hesnr', 'lm_eval_hesnr.plugin'" in loaded
    bare = python(from_wheel, "-c", "import sys; print(len(sys.modules))", LM_EVAL_HESNR_AUTOLOAD="0").stdout
    hooked = python(from_wheel, "-c", "import sys; print(len(sys.modules))").stdout
    assert bare == hooked


def test_an_error_in_the_hook_never_disturbs(from_wheel, tmp_path):
    broken = tmp_path / "lm_eval_hesnr"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('broken')\n")
    done = python(from_wheel, "-c", "print('alive')", PYTHONPATH=str(tmp_path))
    assert (done.stdout, done.stderr) == ("alive\n", "")


def test_a_failing_registration_is_one_warning(from_wheel):
    code = (
        "import lm_eval_hesnr.plugin as p, sys, types\n"
        "def fail(module): raise RuntimeError('changed upstream')\n"
        "p._REGISTRATIONS['json'] = fail\n"
        "sys.modules.pop('json', None); import json; print(json.dumps(1))\n"
    )
    done = python(from_wheel, "-c", code)
    assert done.stdout == "1\n"
    assert done.stderr.count("\n") == 1
    assert "did not register with json" in done.stderr


def test_uninstalling_removes_the_hook(wheel, tmp_path):
    interpreter = make_environment(tmp_path / "short_lived", [str(wheel)])
    (site,) = (tmp_path / "short_lived").glob("lib/python*/site-packages")
    assert {path.name for path in site.glob("lm_eval_hesnr*") if path.is_file()} == {
        "lm_eval_hesnr.pth",
        "lm_eval_hesnr.start",
    }
    uninstall = ["-m", "pip", "--python", str(interpreter), "uninstall", "-q", "-y", "lm_eval_hesnr"]
    subprocess.run([sys.executable, *uninstall], check=True)
    assert not list(site.glob("*hesnr*"))


def test_the_start_file_names_a_callable():
    """PEP 829: each line `package.module:callable`."""
    line = (REPOSITORY / "startup" / "lm_eval_hesnr.start").read_text().strip()
    import pkgutil

    assert callable(pkgutil.resolve_name(line))


def test_the_task_entry_point_is_a_package_that_holds_the_yaml(installed):
    code = (
        "import importlib.metadata as m, pathlib\n"
        "(point,) = [p for p in m.entry_points(group='lm_eval.tasks') if p.value.startswith('lm_eval_hesnr')][:1]\n"
        "print(sorted(f.name for path in point.load().__path__ for f in pathlib.Path(path).rglob('*.yaml')))\n"
    )
    names = [f"swe_hesnr{suffix}.yaml" for suffix in ("", "_ablation", "_gym", "_nebius", "_smith")]
    assert python(installed, "-c", code).stdout == f"{names}\n"


def test_entry_points_name_the_defining_classes():
    from lm_eval_hesnr.plugin import FILTERS, MODELS

    for group, names in (("lm_eval.models", MODELS), ("lm_eval.filters", FILTERS)):
        found = {point.name: point for point in importlib.metadata.entry_points(group=group) if "hesnr" in point.value}
        assert {name: point.value for name, point in found.items()} == names
        for name in names.keys() - {"vllm-topk"}:  # its engine is not installed here
            loaded = found[name].load()
            assert f"{loaded.__module__}:{loaded.__name__}" == names[name]
