"""Alerting: what is worth telling, and in which words. Pure."""
