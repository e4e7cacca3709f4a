"""Words that a new reader of the page cannot know, with one sentence each."""

WORDS = {
    "entropy": "how uncertain the model is about the next token, over its k most probable candidates, in nats",
    "epsilon": "the threshold of entropy: tokens above it are uncertain",
    "decisions": "tokens with an entropy above epsilon whose true token is one of the k candidates",
    "he_snr": "the mean of p(true token) / entropy over the decisions; higher is better",
    "he_ppl": "perplexity over the decisions alone; lower is better",
    "ppl": "perplexity over all tokens of the scope; lower is better",
    "top1_acc": "share of all tokens that the model would have chosen",
    "topk_acc": "share of all tokens whose true token is one of the k candidates",
    "self_he_snr": "what he_snr would be if the model's own probabilities were true",
    "calibrated_he_snr": "he_snr at the temperature that fits best; only runs with the option temperatures have it",
    "q_over_entropy": "he_snr with the probabilities of the k candidates scaled to a sum of 1",
    "bits_per_byte": "as ppl, but per byte of text, so that other tokenizers are comparable",
    "ln3_ln4_shift": "of the tokens with an entropy near ln 3 or ln 4, the share near ln 3",
    "scope": "which tokens are counted; the scope action has the code and the commands that the agent wrote",
    "paired by trajectory": "both runs are compared on the same trajectories, one by one",
    "p after Holm": "the p-value, multiplied because several runs are compared; below 0.05 is more than chance",
    "reference set": "the same tokens for all runs: the decisions of one of them (hesnr measure A B --set-of A)",
}
"""Word to its meaning."""
