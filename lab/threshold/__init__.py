"""Experiment `threshold`: does it matter where decisions begin, and is an adaptive threshold better?"""
