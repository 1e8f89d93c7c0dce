"""Calibration: how far a metric may move before a test speaks. Pure numbers."""
