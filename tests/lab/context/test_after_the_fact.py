"""Tables that readers asked for: agreement of ppl and he_snr, and the loss of the right actions."""

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lab.context.after_the_fact import agreement_table, decision_table, loss_change, loss_tables, mean_loss
from lab.context.study import floor_of, points
from lab.readings import Readings
from tests.lab.context import made_up

CHANGES = {"linear": made_up.all_tokens_worse, "yarn": made_up.all_tokens_better, "dynamic": made_up.unchanged}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Linear is worse by both measures, yarn better, dynamic unchanged. Linear solves the most tasks."""
    readings = Readings(tmp_path_factory.mktemp("readings") / "context")
    made_up.fill(
        readings, lambda name: CHANGES[name.split("-")[0]], lambda name, _: 0.5 if name.startswith("linear") else 0.3
    )
    return points(readings, fast=False), floor_of(readings)


def test_agreement_counts_both_windows_and_not_the_reference_itself(found):
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in agreement_table(found[0]).splitlines()[2:]
    ]
    counts = {name: [int(cell) for cell in cells] for name, *cells in rows}
    assert counts["clearly worse, by more than 20 %"] == [6, 0, 0]  # five of linear, and the control
    assert counts["clearly better"] == [0, 0, 5]
    assert counts["no clear change"] == [0, 20, 0]  # the short windows never change, and dynamic has no change
    assert sum(map(sum, counts.values())) == 31


def test_the_loss_is_per_token_and_its_change_is_paired_by_task(found):
    by_name = {point.name: point.solved for point in found[0]}
    start, linear = by_name["as-it-is"], by_name["linear-010"]
    assert mean_loss(start, "near") == pytest.approx(np.arange(0.7, 100).sum() / 200, rel=1e-4)
    change, none = loss_change(linear, "near"), loss_change(start, "far")
    assert change is not None
    assert none is not None
    assert change.interval is not None
    assert change.value == pytest.approx(mean_loss(linear, "near") / mean_loss(start, "near") - 1)
    assert change.value == pytest.approx(-0.2 * 100 / np.arange(0.7, 100).sum(), rel=1e-3)
    assert change.interval.high < 0
    assert none.value == 0


def test_rho_orders_the_extended_checkpoints_alone(found):
    some = [point for point in found[0] if point.extension]
    rho = stats.spearmanr(
        [point.value("ppl", 2048) for point in some], [mean_loss(point.solved, "near") for point in some]
    ).statistic
    assert rho < -0.5  # linear has the highest perplexity, and the lowest loss
    (line,) = [one for one in loss_tables(*found).splitlines() if one.startswith("| ppl, 2048 ")]
    assert line.split(" | ")[1] == f"{rho:+.2f}"
    (line,) = [one for one in loss_tables(*found).splitlines() if one.startswith("| ppl, 512 ")]
    assert line.split(" | ")[1] == "N/A"  # the same for all


def test_random_weights_are_the_last_row_of_the_losses(found):
    table = loss_tables(*found).partition("\n\n")[0]
    assert table.splitlines()[-1].startswith("| random weights | ")
    assert table.splitlines()[-1].endswith("| 0.0 % |")


def test_the_set_is_that_of_the_checkpoint_as_it_is(found):
    rows = {line.split(" | ")[0].strip("| "): line.strip(" |").split(" | ")[1:]
            for line in decision_table(found[0]).splitlines()[2:]}  # fmt: skip
    before, worse = rows["as-it-is"], rows["linear-010"]
    he_snr = found[0][0].value("he_snr", 512)
    assert float(before[3]) == pytest.approx(he_snr, abs=1e-4)  # on its own decisions
    assert worse[:4] == before[:4]  # the short window never changes
    assert float(worse[7]) < he_snr
    assert float(worse[5]) > float(before[1])
