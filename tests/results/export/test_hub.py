import json

import pytest
import yaml

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.export.eval_results import as_eval_results
from lm_eval_hesnr.results.export.model_index import as_model_index
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import Request, checked_hub_name
from tests.results.export.results_files import EPSILON, results, write_results

NAMES = {"model_id": "acme/tiny", "dataset_id": "acme/runs"}


def request(*paths, **options):
    return Request(runs=read_runs(paths).runs, **options)


def test_eval_results_are_read_by_the_class_of_the_hub(tmp_path):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    text = as_eval_results(request(write_results(tmp_path), **NAMES))
    (entry,) = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("acme/runs", "he_snr_action", 0.1)
    assert (entry.date, entry.source_url) == ("2026-11-29", None)
    assert entry.notes.startswith("95 % interval 0.0900 to 0.1100, k = 10, epsilon = 1.24245")
    assert huggingface_hub.eval_result_entries_to_yaml([entry]) == yaml.safe_load(text)


def test_a_model_index_is_read_by_the_class_of_the_hub(tmp_path):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    text = as_model_index(request(write_results(tmp_path, {"he_ppl": None}), **NAMES))
    card = huggingface_hub.ModelCard(f"---\n{text}---\n# Tiny\n")
    he_snr, ppl = card.data.eval_results
    assert (card.data.model_name, he_snr.dataset_type, he_snr.task_type) == ("tiny", "acme/runs", "text-generation")
    assert (he_snr.metric_type, he_snr.metric_value, he_snr.metric_name) == ("he_snr", 0.1, "HE-SNR (action)")
    interval = {"low": 0.1 * 0.9, "high": 0.1 * 1.1}
    assert he_snr.metric_args == {"scope": "action", "k": 10, "epsilon": EPSILON, "stderr": 0.01, **interval}
    assert (ppl.metric_type, ppl.metric_value) == ("ppl", 32.0)
    again = huggingface_hub.ModelCard(f"---\n{card.data}\n---\n")
    assert again.data.eval_results == card.data.eval_results


@pytest.mark.parametrize("make", [as_eval_results, as_model_index])
def test_one_model_with_a_known_name_is_needed(tmp_path, make):
    paths = [write_results(tmp_path / name) for name in "ab"]
    with pytest.raises(InputError, match="has one model, found 2 runs; add --best, --baseline, or give one"):
        make(request(*paths, **NAMES))
    with pytest.raises(InputError, match="'tiny' may be a local model; give its name with --model-id org/name"):
        make(request(paths[0]))


def test_only_a_commit_on_the_hub_makes_a_name_known(tmp_path):
    path = write_results(tmp_path, model="out/checkpoint-100")
    (run,) = request(path).runs
    with pytest.raises(InputError, match="may be a local model"):
        request(path).model_id_of(run)
    data = results(model="out/checkpoint-100") | {"config": {"model_sha": "5503434ddd753f426f4b38109466949a1217c2bb"}}
    path.write_text(json.dumps(data))
    (run,) = request(path).runs
    assert request(path).model_id_of(run) == "out/checkpoint-100"


@pytest.mark.parametrize(
    "name", ["tiny", "a/b/c", "../x", "a/..", "data/x", "a/data", "a/b.", "a b/c", "a/b\n", "/a/b", ""]
)
def test_names_that_the_hub_could_not_have(name):
    with pytest.raises(InputError, match=r"--model-id [\s\S]*expected org/name"):
        checked_hub_name(name, "--model-id")


def test_names_that_the_hub_could_have():
    for name in ("org/name", "a/b", "Qwen/Qwen2.5-Coder-0.5B", "my_org/database"):
        assert checked_hub_name(name, "--model-id") == name
    assert checked_hub_name(None, "--model-id") is None
