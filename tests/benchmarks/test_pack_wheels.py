"""`benchmarks/pack_wheels.py` packs what a machine lacks, and refuses more than can travel."""

import pytest
from packaging.requirements import Requirement

from benchmarks import pack_wheels

ENVIRONMENT = {"python_version": "3.12", "python_full_version": "3.12.0"}


def test_a_list_of_packages_is_read_as_pip_prints_it():
    text = "# comment\nnumpy==2.1\nPyYAML\n-e folder\nlm_eval @ file:///somewhere\n"
    assert pack_wheels.read_machine(text) == {"numpy": "2.1", "pyyaml": None, "lm-eval": None}


@pytest.mark.parametrize(
    ("needed", "fits"),
    [("a>=2", True), ("a>=3", False), ("A<3", True), ("b>=2", True), ("b<3", False), ("c", False)],
)
def test_a_package_fits_if_its_version_is_known_or_any_new_one_does(needed, fits):
    assert pack_wheels.fits(Requirement(needed), {"a": "2.5", "b": None}) is fits


def test_what_the_machine_lacks_is_packed_with_what_that_needs():
    machine = pack_wheels.read_machine(pack_wheels.MACHINE.read_text())
    packed = pack_wheels.to_pack("lm_eval_hesnr", machine, ENVIRONMENT)
    assert {"lm-eval", "datasets", "dill", "tree-sitter-bash", "zstandard"} <= packed.keys()
    assert not {"torch", "transformers", "numpy", "scipy", "pyarrow"} & packed.keys()
    older = pack_wheels.to_pack("lm_eval_hesnr", machine | {"transformers": "4.57.0"}, ENVIRONMENT)
    assert older.keys() - packed.keys() == {"transformers"}


def test_too_much_is_refused_with_the_largest_wheels(tmp_path):
    (tmp_path / "small-1-py3-none-any.whl").write_bytes(b"")
    (tmp_path / "large-1-py3-none-any.whl").write_bytes(bytes(3 * 2**20))
    pack_wheels.check_size(tmp_path, 1000)
    with pytest.raises(SystemExit, match=r"are more than 2; .*\n +3\.0 MiB  large-1.*\n +0\.0 MiB  small-1"):
        pack_wheels.check_size(tmp_path, 2)
