"""Profiling: which metrics, how they are asked for in SQL, what is odd in the answer. Pure: no connection, no clock."""
