"""A trainer of the embedded model and short trajectories, for the tests of the callback."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from tests.builders import bash_action, curated_row, segment, write_rows


def trainer(folder, tokenizer=True, **arguments):
    """Return a trainer of the embedded model: four steps, an evaluation after the second and the fourth."""
    torch.manual_seed(0)
    own = AutoTokenizer.from_pretrained(EMBEDDED_MODEL)
    ids = own("for i in range(10):\n    print(i)\n" * 8)["input_ids"][:48]
    data = [{"input_ids": ids, "labels": ids, "attention_mask": [1] * len(ids)}] * 8
    model = AutoModelForCausalLM.from_pretrained(EMBEDDED_MODEL, dtype=torch.float32, attention_dropout=0.1)
    settings = {
        "max_steps": 4, "eval_strategy": "steps", "eval_steps": 2, "save_steps": 2, "logging_steps": 1,
        "per_device_train_batch_size": 2, "learning_rate": 5e-3, "report_to": [], "disable_tqdm": True, "use_cpu": True,
    }  # fmt: skip
    return Trainer(
        model=model,
        args=TrainingArguments(str(folder), **settings | arguments),
        train_dataset=data,
        eval_dataset=data[:2],
        processing_class=own if tokenizer else None,
    )


def logged(trained, key):
    """Return the values of one key in the trainer's log."""
    return [entry[key] for entry in trained.state.log_history if key in entry]


def write_runs(path: Path) -> str:
    """Write two short trajectories; return the path."""
    scripts = (
        "import os\nfor name in sorted(os.listdir('src')):\n    print(name, os.path.getsize(name))",
        "grep -rn 'def ' src",
    )
    rows = [
        curated_row(
            f"run-{i}",
            segment("task", "List the files of this project with their sizes."),
            bash_action(f"cd /project && python - <<'EOF'\n{script}\nEOF"),
            segment("observation", "main.py 120\nutil.py 48\n"),
            bash_action("sed -n 1,20p src/main.py && git diff"),
        )
        for i, script in enumerate(scripts)
    ]
    return str(write_rows(path, rows))
