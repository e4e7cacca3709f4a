"""What is committed of the laboratory."""

from lab.readings import FOLDER, Readings

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
