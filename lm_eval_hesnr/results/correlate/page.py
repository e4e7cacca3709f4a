from lm_eval_hesnr.results.correlate.correlation import Correlation


def correlation_page(found: Correlation) -> str:
    raise NotImplementedError
