"""A mistake on the command line gives one line that says what to do, exit status 1 and no traceback."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.end_to_end

GOOD = {
    "format": "hesnr-trajectory", "version": 1, "id": "good", "source": "test", "resolved": True, "model": None,
    "segments": [
        {"kind": "task", "text": "Fix it.", "generated": False},
        {"kind": "thought", "text": "Let me look at the file first.", "generated": True},
    ],
}  # fmt: skip


def lm_eval(metadata, *arguments, model="hf-topk", **environment):
    """Run the harness's command line on our task; return the finished process."""
    command = [sys.executable, "-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--device", "cpu", "--model", model]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "LMEVAL_LOG_LEVEL": "ERROR"} | environment
    command += ["--metadata", json.dumps(metadata), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)


def assert_one_line(done, line):
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith(line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one file of each kind of mistake and an empty folder."""
    made = tmp_path_factory.mktemp("inputs")
    (made / "empty").mkdir()
    (made / "cut.json").write_text('{"trajectory_format": "mini-swe-agent-1", "messages": [{"role": "sys')
    (made / "latin1.json").write_bytes(b'{"a": "\xe9t\xe9"}')
    (made / "unknown.json").write_text('{"hello": "world"}')
    return made


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        ({"trajectorys": "x"}, "error: --metadata: unknown key 'trajectorys'; did you mean 'trajectories'?"),
        ({"trajectories": "no/such"}, "error: no/such: no such file, folder or glob"),
        ({"trajectories": "FOLDER/empty"}, "error: FOLDER/empty: no "),
        ({"trajectories": "FOLDER/cut.json"}, "error: FOLDER/cut.json: no trajectory could be read; FOLDER/cut"),
        ({"trajectories": "FOLDER/latin1.json"}, "error: FOLDER/latin1.json: no trajectory could be read; FOLDER/"),
        ({"trajectories": "FOLDER/unknown.json"}, "error: FOLDER/unknown.json: no trajectory could be read; FOLDER/"),
    ],
)  # fmt: skip
def test_one_line_and_no_traceback(random_model, folder, metadata, line):
    metadata = {key: value.replace("FOLDER", str(folder)) for key, value in metadata.items()}
    done = lm_eval(metadata, "--model_args", f"pretrained={random_model}")
    assert_one_line(done, line.replace("FOLDER", str(folder)))


def test_a_stock_model(random_model):
    done = lm_eval({}, "--model_args", f"pretrained={random_model}", model="hf")
    assert_one_line(
        done, "error: --model hf: swe_hesnr needs a model that scores whole trajectories, and this one does"
    )


def test_every_rank_stops_with_the_line(random_model):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m"]
    arguments = ["lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", "hf-topk", "--metadata", "epsilon=9"]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "LMEVAL_LOG_LEVEL": "ERROR"}
    command = [*launch, *arguments, "--model_args", f"pretrained={random_model}"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=600)
    assert done.returncode != 0
    # the launcher may stop the second rank before it writes its line
    assert 1 <= done.stderr.count("error: --metadata: epsilon should be below") <= 2
    assert "Loading weights" not in done.stderr


def test_a_config_file_is_refused_before_the_weights(random_model, tmp_path):
    (tmp_path / "run.yaml").write_text(
        f"model: hf-topk\ntasks: [swe_hesnr]\nmodel_args: {{pretrained: {random_model}}}\nmetadata: {{k: 1}}\n"
    )
    env = os.environ | {"HF_HUB_OFFLINE": "1", "LMEVAL_LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "lm_eval_hesnr", "run", "--config", str(tmp_path / "run.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=600)
    assert_one_line(done, "error: --metadata: k should be at least 2")
    assert "Loading weights" not in done.stderr


def test_a_wrong_model_argument(random_model):
    done = lm_eval({}, "--model_args", f"pretrained={random_model},dtype=float33")
    assert_one_line(done, "error: dtype=float33: did you mean 'float32'? expected a type such as bfloat16")


def test_a_locale_without_arrows_prints_the_whole_table(random_model, folder):
    path = folder.parent / "good.jsonl"
    path.write_text(json.dumps(GOOD) + "\n")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = lm_eval({"trajectories": str(path)}, "--model_args", f"pretrained={random_model}", **ascii_only)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "|topk_acc" in done.stdout
    assert "\\u2191" in done.stdout


def test_the_bad_of_a_folder_are_named_and_the_good_scored_unless_strict(random_model, folder):
    (folder / "good.jsonl").write_text(json.dumps(GOOD) + "\n")
    try:
        done = lm_eval(
            {"trajectories": str(folder)}, "--model_args", f"pretrained={random_model}", "--verbosity", "INFO"
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "|ppl " in done.stdout
        strict = lm_eval({"trajectories": str(folder), "strict": True}, "--model_args", f"pretrained={random_model}")
        assert_one_line(strict, f"error: {folder / 'cut.json'}, line 1: ")
    finally:
        (folder / "good.jsonl").unlink()
