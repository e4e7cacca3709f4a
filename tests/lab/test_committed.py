"""What is committed of the laboratory."""

import hashlib

from lab.readings import FOLDER, Readings
from lab.theory.experiment import DATA
from lm_eval_hesnr.task import SweHesnr

MOST_BYTES = 5_000_000


def test_all_raw_readings_together_are_small_and_say_with_which_code_they_were_made():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.json")) < MOST_BYTES
    for folder in (path for path in FOLDER.iterdir() if path.is_dir()):
        for name in Readings(folder).names():
            file = Readings(folder).file(name)
            assert file is not None
            assert file["about"]
            for part in file["parts"].values():
                assert len(part["made"]["commit"]) == 40
                assert not part["made"]["changed"]


def test_the_readings_of_theory_are_of_the_committed_trajectories():
    for name, path in DATA.items():
        metadata = {"score": "action"} | ({"trajectories": str(path)} if path else {})
        task = SweHesnr({"task": "swe_hesnr", "metadata": metadata})
        digests = [doc["sha256"] for doc in task.test_docs()]
        about = Readings(FOLDER / "theory").about(name)
        assert about is not None
        assert about["trajectories_sha256"] == hashlib.sha256("\n".join(digests).encode()).hexdigest(), name
