"""Experiment `shift`: does the entropy of hard tokens move from ln 4 to ln 3 as a model matures?"""
