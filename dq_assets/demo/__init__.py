"""The demo: a real pipeline on real data, from landing files to alerts, through Dagster.

Decision: nothing here takes part in the platform. The demo lands files, starts the jobs a user would start, and holds what they say
against an answer key that profiling and testing never see.
"""

from dq_assets.demo.run import DemoReport, clean_demo, run_demo

__all__ = ["DemoReport", "clean_demo", "run_demo"]
