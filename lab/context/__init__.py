"""The experiment `context`: does HE-SNR hold when the context is extended and perplexity becomes worse?"""
