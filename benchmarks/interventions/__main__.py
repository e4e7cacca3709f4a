"""`python -m benchmarks.interventions --out out/interventions [--model_args ...] [--trajectories PATH ...]`.

It changes a model's logits in five known ways, and prints what each measure says. Every trajectory is read once. The
same command continues after a stop. Only the tokens of the scope `action` are scored. One folder is for one model and
one list of trajectories; more can be added at the end of the list.

Without options: the embedded model and the resolved runs of the embedded sample set. `OUT/tables/<change>/` contains
token tables, for `hesnr measure`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.interventions.one_pass import score_all
from benchmarks.interventions.report import report
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.task import SweHesnr


def main(argv: list[str] | None = None) -> None:
    """Score what is not scored yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--model_args", default="", help="as for --model hf-topk; default: the embedded model")
    parser.add_argument("--trajectories", nargs="+", help="files, folders or globs; default: the embedded sample set")
    parser.add_argument("--max_tokens", type=int, help="score only actions among the first tokens of each run")
    arguments = parser.parse_args(argv)
    metadata = {"score": "action"} | ({"trajectories": arguments.trajectories} if arguments.trajectories else {})
    task = SweHesnr({"task": "swe_hesnr", "metadata": metadata})
    task.build_all_requests(rank=0, world_size=1)
    check_same(arguments, [doc["sha256"] for doc in task.test_docs()])
    model = HFTopK.create_from_arg_string(arguments.model_args, {"device": "cpu"})
    score_all(model, task.instances, arguments.out, arguments.max_tokens)
    report(arguments.out, len(task.instances))


def check_same(arguments: argparse.Namespace, digests: list[str]) -> None:
    """Write down what the folder is for, after a check that it is not for something else."""
    file = arguments.out / "run.json"
    run = {"model_args": arguments.model_args, "max_tokens": arguments.max_tokens, "trajectories": digests}
    if file.exists():
        earlier = json.loads(file.read_text())
        both = min(len(digests), len(earlier["trajectories"]))
        if run | {"trajectories": digests[:both]} != earlier | {"trajectories": earlier["trajectories"][:both]}:
            raise SystemExit(f"{arguments.out}: it is for another model or other trajectories; give another --out")
        run["trajectories"] = max(digests, earlier["trajectories"], key=len)
    arguments.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
