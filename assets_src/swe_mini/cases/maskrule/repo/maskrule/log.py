"""Masking for the logging module."""

import logging


class MaskingFilter(logging.Filter):
    """Masks the records that pass through it. Lets all of them pass."""

    def __init__(self, masker):
        super().__init__()
        self.masker = masker

    def filter(self, record):
        record.msg = self.masker.mask(str(record.msg))
        return True
