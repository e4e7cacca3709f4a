"""`python -m lm_eval_hesnr ...`: the harness's command line with this plugin registered."""

from __future__ import annotations


def main() -> None:
    """Register the plugin, then run the harness's command line."""
    from lm_eval_hesnr import plugin
    from lm_eval_hesnr.messages.characters import accept_every_character

    accept_every_character()
    plugin.install()
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
