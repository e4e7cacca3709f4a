"""A checkpoint reads trajectories."""

import numpy as np

from lab.scoring import evaluate, token_scores
from tests import builders


def test_token_scores_add_up_to_the_results_of_the_same_run(random_model, tmp_path):
    runs = builders.first_turns(tmp_path / "runs.jsonl", 3, only_resolved=True)
    options = {"k": 5}
    results = evaluate(random_model, runs, metadata=options)["results"]["swe_hesnr"]
    scores = token_scores(random_model, runs, metadata=options)
    assert [one.k for one in scores] == [5] * 3
    decided = [one.decisions(1.2425) for one in scores]
    assert sum(int(one.sum()) for one in decided) > 0
    snr = np.concatenate([one.snr[chosen] for one, chosen in zip(scores, decided, strict=True)])
    np.testing.assert_allclose(snr.mean(), results["he_snr,all"], rtol=1e-5)
