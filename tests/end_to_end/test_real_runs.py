"""Real agent runs: the token table of a run equals a naive computation from full float32 logits."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from lm_eval_hesnr import plugin

RUNS = ["sympy__sympy-13480", "sympy__sympy-19637", "pydata__xarray-7233"]
STRIDE = 1024


def naive(model, ids, k):
    """Return logprob, entropy, rank, top_mass and near ties of each token, as an array of shape (5, tokens)."""
    columns = np.full((5, len(ids)), np.nan)
    start = done = 0
    while done < len(ids):
        window = torch.tensor(ids[start : start + 2 * STRIDE].astype(np.int64))
        with torch.inference_mode():
            logits = model(window[None]).logits[0, :-1].float()  # (t - 1, V): row i predicts token i + 1
        logprobs = torch.log_softmax(logits, -1)
        mass = logprobs.exp().sort(-1, descending=True).values[:, :k]
        q = mass / mass.sum(-1, keepdim=True)
        target = window[1:, None]
        difference = logits - logits.gather(1, target)
        rows = torch.stack([
            logprobs.gather(1, target).squeeze(1),
            -(q * q.log()).sum(-1),
            1.0 + (difference > 0).sum(-1),
            mass.sum(-1),
            (difference.abs() < 1e-4).sum(-1) - 1.0,  # other entries equal up to rounding
        ])  # fmt: skip
        first = max(done, start + 1)
        columns[:, first : start + len(window)] = rows[:, first - start - 1 :].numpy()
        done, start = start + len(window), start + STRIDE
    return columns


@pytest.mark.end_to_end
def test_every_value_of_the_token_table(real_trajectories, tmp_path):
    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    from lm_eval_hesnr.labelling.render import transcript
    from lm_eval_hesnr.models.hf import HFTopK
    from lm_eval_hesnr.trajectories.load import load_trajectories

    paths = [str(real_trajectories / "mini_swe_agent_1" / run / f"{run}.traj.json") for run in RUNS]
    lm = HFTopK(device="cpu")
    assert lm.max_length == 2 * STRIDE
    metadata = {"trajectories": paths, "token_table": str(tmp_path)}
    manager = TaskManager(include_defaults=False, include_path=plugin.task_folder(), metadata=metadata)
    results = lm_eval.simple_evaluate(lm, tasks=["swe_hesnr"], task_manager=manager, log_samples=False)
    tables = sorted(tmp_path.glob("*.parquet"))
    assert len(tables) == 3
    decisions = ties = 0
    for path, run in zip(tables, load_trajectories(paths).trajectories, strict=True):
        table = pq.read_table(path)
        frame = table.to_pandas()
        logprob, entropy, rank, top_mass, near = naive(lm.model, frame.token_id.to_numpy(), k=10)
        scored = frame.logprob.notna().to_numpy()
        assert scored.tolist() == (frame.char_end > transcript(run).context_end).tolist()
        assert np.abs(frame.logprob - logprob)[scored].max() <= 1e-4
        assert np.abs(frame.entropy - entropy)[scored].max() <= 1e-5
        assert np.abs(frame.top_mass - top_mass)[scored].max() <= 1e-5
        differing = (frame["rank"] != rank).to_numpy() & scored
        assert (near[differing] > 0).all()
        ties += differing.sum()
        in_h = (frame.label == "code") & scored & (frame.entropy > math.log(12) / 2) & (frame["rank"] <= 10)
        decisions += in_h.sum()
        assert json.loads(table.schema.metadata[b"hesnr"])["window"] == 2 * STRIDE
    assert results["results"]["swe_hesnr"]["decisions,action"] == decisions > 500
    print(f"\n  {decisions} decisions; {ties} ranks differ, all at near ties")  # noqa: T201
